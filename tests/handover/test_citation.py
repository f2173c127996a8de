"""CITATION.cff: valid, with what is known of the papers behind a model."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.handover.made import made_facts
from thaw.cells import Cell
from thaw.handover.citation import DATASETS, backbone_work, citation

# of the schema of Citation File Format 1.2.0
DOI = re.compile(r"^10\.\d{4,9}(\.\d+)?/[A-Za-z0-9:/_;\-\.\(\)\[\]\\]+$")
KEYS = {"cff-version", "message", "type", "title", "version", "authors", "abstract", "keywords", "references"}
REFERENCE_KEYS = {"type", "title", "authors", "year", "journal", "collection-title", "doi"}


def cited(model: str, dataset: str, title: str = "Chest X-rays") -> dict[str, Any]:
    facts = made_facts(
        cell=Cell(model, "full", 0), dataset={"name": dataset, "title": title, "synthetic": dataset == "phantom"}
    )
    content: dict[str, Any] = yaml.safe_load(citation(facts))
    return content


@pytest.mark.parametrize("dataset", [*DATASETS, "phantom", "folder"])
@pytest.mark.parametrize("model", ["resnet18", "timm/tf_efficientnetv2_s", "timm/regnetx_002"])
def test_the_citation_follows_the_schema(model: str, dataset: str) -> None:
    content = cited(model, dataset)
    assert set(content) <= KEYS
    assert {"cff-version", "message", "title", "authors"} <= set(content)
    assert content["cff-version"] == "1.2.0"
    assert content["authors"] == [{"name": "the thaw authors"}]
    references = content.get("references", [])
    assert len(references) == (dataset in DATASETS) + (model != "timm/regnetx_002")
    assert references or "references" not in content
    for reference in references:
        assert set(reference) <= REFERENCE_KEYS
        assert {"type", "title", "authors"} <= set(reference)
        assert reference["type"] in ("article", "conference-paper")
        assert isinstance(reference["year"], int)
        assert DOI.match(reference["doi"])
        assert all(set(author) in ({"family-names", "given-names"}, {"name"}) for author in reference["authors"])


def test_papers_are_cited_as_they_appeared() -> None:
    dataset, backbone = cited("resnet18", "pneumonia")["references"]
    assert (dataset["journal"], dataset["year"], dataset["doi"]) == ("Cell", 2018, "10.1016/j.cell.2018.02.010")
    assert dataset["authors"][0] == {"family-names": "Kermany", "given-names": "Daniel S."}
    assert dataset["authors"][-1] == {"name": "others"}
    assert (backbone["collection-title"], backbone["doi"]) == ("CVPR", "10.1109/CVPR.2016.90")


def test_the_abstract_says_which_model_whatever_the_title_holds() -> None:
    title = "a: b\n- 'c' # \"d\" é"
    abstract = cited("resnet18", "folder", title)["abstract"]
    assert abstract == (
        f"A model made with thaw: resnet18, strategy full, seed 0, trained on {title}. Not a medical device; "
        "for research only."
    )


@pytest.mark.parametrize(
    ("model", "first"),
    [
        ("resnet101", "He"), ("densenet169", "Huang"), ("efficientnet_lite0", "Tan"), ("efficientnet_v2_s", "Tan"),
        ("mobilenet_v2", "Sandler"), ("mobilenet_v3_small", "Howard"), ("vgg16_bn", "Simonyan"),
        ("convnext_tiny", "Liu"), ("vit_b_16", "Dosovitskiy"), ("swin_t", "Liu"), ("timm/resnet10t", "He"),
        ("timm/vit_base_patch16_224.augreg_in21k", "Dosovitskiy"), ("timm/swin_tiny_patch4_window7_224", "Liu"),
        ("timm/resnetv2_50", None), ("timm/convnextv2_tiny", None), ("timm/swinv2_tiny_window8_256", None),
        ("timm/resnext50_32x4d", None),
    ],
)  # fmt: skip
def test_backbones_are_traced_to_their_papers(model: str, first: str | None) -> None:
    work = backbone_work(model)
    assert (work and work.authors.split(",")[0]) == first
    if model == "efficientnet_v2_s":
        assert work is not None
        assert work.year == 2021
