from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from thaw.errors import UserError
from thaw.external.named import named_set
from thaw.external.source import read_other_set
from thaw.params.evaluation import EvaluateParams, ExternalParams
from thaw.params.read import validate

from .made import PARAMS, main_set


def entry(dataset: str, path: Path, **more: Any) -> ExternalParams:
    given = {"name": "other", "dataset": dataset, "path": str(path), "classes": {"Mass": ["a"]}}
    return ExternalParams.model_validate(given | more)


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def table(pack: Any) -> Path:
    """A CSV with names joined by semicolons, and its three pictures."""
    rows = "file,who,findings\n1.png,p1,a;b\n2.png,p2,b\n3.png,p2,a\n"
    pictures = {f"{number}.png": picture() for number in (1, 2, 3)}
    return pack("folder", pictures | {"table.csv": rows.encode()}) / "table.csv"


COLUMNS = {"image": "file", "patient": "who", "labels": "findings", **dict.fromkeys(("sex", "age", "view", "split"))}


def test_what_the_entry_leaves_out_is_as_in_the_main_set(table: Path) -> None:
    main = main_set(name="table", path="elsewhere.csv", columns=COLUMNS, separator=";", classes=["b"], subset=10)
    dataset = read_other_set(entry("table", table), main)
    assert dataset.classes == ("a", "b")
    assert dataset.table[["patient", "a", "b"]].to_numpy().tolist() == [["p1", 1, 1], ["p2", 0, 1], ["p2", 1, 0]]


def test_the_entrys_own_columns_come_first(table: Path) -> None:
    main = main_set(separator=";", images="elsewhere")
    dataset = read_other_set(entry("table", table, columns=COLUMNS), main)
    assert dataset.table["patient"].tolist() == ["p1", "p2", "p2"]


def test_patients_of_a_folder_come_from_the_entrys_pattern(pack: Any) -> None:
    path = pack("zip", {name: picture() for name in ("x/p1_a.png", "x/p1_b.png", "y/p2_a.png")})
    dataset = read_other_set(entry("folder", path, patient_pattern="(p[0-9]+)_"), main_set(patient_pattern="z(.)"))
    assert dataset.table["patient"].tolist() == ["p1", "p1", "p2"]
    alone = read_other_set(entry("folder", path), main_set(patient_pattern="z(.)"))
    assert alone.table["patient"].nunique() == 3


def test_what_is_wrong_with_a_set_names_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^evaluate\.external other: .*absent"):
        read_other_set(entry("folder", tmp_path / "absent"), main_set())


def test_unknown_sets_are_one_line(tmp_path: Path) -> None:
    sets = [entry("folder", tmp_path, name="covid"), entry("folder", tmp_path, name="kaggle")]
    assert named_set(sets, "kaggle") is sets[1]
    with pytest.raises(UserError, match=r"^evaluate\.external has no set 'covd'; use one of covid, kaggle \(did you "):
        named_set(sets, "covd")
    with pytest.raises(UserError, match=r"^evaluate\.external has no set 'covid'; it is empty$"):
        named_set([], "covid")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patient_pattern": "("}, "patient_pattern: '\\(': is not a regular expression"),
        ({"patient_pattern": "a"}, "patient_pattern: 'a': has no group"),
        ({"classes": {"Mass": ["a", "a"]}}, "classes.Mass: .*names something twice"),
        ({"classes": {"Mass": []}}, "classes.Mass: "),
        ({"classes": {}}, "classes: "),
        ({"dataset": "covd"}, r"dataset: 'covd' is not allowed; .*did you mean 'covid'\?"),
        ({"name": "a/b"}, "name: "),
        ({"clases": {}}, r"clases is not a known key; .*did you mean 'classes'\?"),
    ],
)
def test_wrong_entries_are_one_line(change: dict[str, Any], message: str) -> None:
    given = {"name": "other", "dataset": "covid", "path": "p", "classes": {"Mass": ["a"]}} | change
    content = PARAMS | {"evaluate": PARAMS["evaluate"] | {"external": [given]}}
    with pytest.raises(UserError, match=rf"^params\.yaml: evaluate\.external\.0\.{message}"):
        validate(content)


def test_a_name_stands_for_one_set() -> None:
    given = {"name": "other", "dataset": "covid", "path": "p", "classes": {"Mass": ["a"]}}
    with pytest.raises(ValueError, match="names something twice"):
        EvaluateParams.model_validate(PARAMS["evaluate"] | {"external": [given, given]})
