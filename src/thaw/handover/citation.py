"""What to cite when a model is used: thaw, the dataset's paper and the backbone's, as CITATION.cff.

Citation File Format 1.2.0: Druskat et al. 2021, doi 10.5281/zenodo.5171937.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from thaw.handover.card import CardFacts, titled

TITLE = "thaw: which layers of a pretrained network should be thawed for my X-rays, and what does it cost?"


@dataclass(frozen=True)
class Work:
    """A published work.

    Attributes:
        authors: ``Family, Given``, between semicolons.
        title: of the paper.
        year: of the publication.
        venue: conference, or journal.
        place: its DOI, or ``arXiv:`` and a number.
        kind: as the format has it.
    """

    authors: str
    title: str
    year: int
    venue: str
    place: str
    kind: str = "conference-paper"

    def to_cff(self) -> dict[str, Any]:
        """The entry of ``references``."""
        where = {"journal": self.venue} if self.kind == "article" else {"collection-title": self.venue}
        number = self.place.removeprefix("arXiv:")
        doi = f"10.48550/arXiv.{number}" if number != self.place else self.place
        authors = [_author(name) for name in self.authors.split("; ")]
        return {"type": self.kind, "title": self.title, "authors": authors, "year": self.year, **where, "doi": doi}


DATASETS = {
    "nih": Work(
        "Wang, Xiaosong; Peng, Yifan; Lu, Le; Lu, Zhiyong; Bagheri, Mohammadhadi; Summers, Ronald M.",
        "ChestX-ray8: Hospital-scale chest X-ray database and benchmarks on weakly-supervised classification and "
        "localization of common thorax diseases",
        2017, "CVPR", "10.1109/CVPR.2017.369",
    ),
    "pneumonia": Work(
        "Kermany, Daniel S.; Goldbaum, Michael; Cai, Wenjia; others",
        "Identifying medical diagnoses and treatable diseases by image-based deep learning",
        2018, "Cell", "10.1016/j.cell.2018.02.010", "article",
    ),
    "covid": Work(
        "Cohen, Joseph Paul; Morrison, Paul; Dao, Lan; Roth, Karsten; Duong, Tim Q.; Ghassemi, Marzyeh",
        "COVID-19 image data collection: Prospective predictions are the future",
        2020, "arXiv", "arXiv:2006.11988", "article",
    ),
}  # fmt: skip

_HE = Work(
    "He, Kaiming; Zhang, Xiangyu; Ren, Shaoqing; Sun, Jian",
    "Deep residual learning for image recognition", 2016, "CVPR", "10.1109/CVPR.2016.90",
)  # fmt: skip
_HUANG = Work(
    "Huang, Gao; Liu, Zhuang; van der Maaten, Laurens; Weinberger, Kilian Q.",
    "Densely connected convolutional networks", 2017, "CVPR", "10.1109/CVPR.2017.243",
)  # fmt: skip
_TAN_V2 = Work(
    "Tan, Mingxing; Le, Quoc V.",
    "EfficientNetV2: Smaller models and faster training", 2021, "ICML", "arXiv:2104.00298",
)  # fmt: skip
_TAN = Work(
    "Tan, Mingxing; Le, Quoc V.",
    "EfficientNet: Rethinking model scaling for convolutional neural networks", 2019, "ICML", "arXiv:1905.11946",
)  # fmt: skip
_SANDLER = Work(
    "Sandler, Mark; Howard, Andrew; Zhu, Menglong; Zhmoginov, Andrey; Chen, Liang-Chieh",
    "MobileNetV2: Inverted residuals and linear bottlenecks", 2018, "CVPR", "10.1109/CVPR.2018.00474",
)  # fmt: skip
_HOWARD = Work(
    "Howard, Andrew; Sandler, Mark; Chu, Grace; others",
    "Searching for MobileNetV3", 2019, "ICCV", "10.1109/ICCV.2019.00140",
)  # fmt: skip
_SIMONYAN = Work(
    "Simonyan, Karen; Zisserman, Andrew",
    "Very deep convolutional networks for large-scale image recognition", 2015, "ICLR", "arXiv:1409.1556",
)  # fmt: skip
_LIU_CONVNEXT = Work(
    "Liu, Zhuang; Mao, Hanzi; Wu, Chao-Yuan; Feichtenhofer, Christoph; Darrell, Trevor; Xie, Saining",
    "A ConvNet for the 2020s", 2022, "CVPR", "10.1109/CVPR52688.2022.01167",
)  # fmt: skip
_DOSOVITSKIY = Work(
    "Dosovitskiy, Alexey; Beyer, Lucas; Kolesnikov, Alexander; others",
    "An image is worth 16x16 words: Transformers for image recognition at scale", 2021, "ICLR", "arXiv:2010.11929",
)  # fmt: skip
_LIU_SWIN = Work(
    "Liu, Ze; Lin, Yutong; Cao, Yue; Hu, Han; Wei, Yixuan; Zhang, Zheng; Lin, Stephen; Guo, Baining",
    "Swin Transformer: Hierarchical vision transformer using shifted windows", 2021, "ICCV",
    "10.1109/ICCV48922.2021.00986",
)  # fmt: skip
# a name's beginning, without timm/ and TensorFlow's tf_; what is like a family but not of its paper does not match
BACKBONES = {
    r"resnet\d+": _HE,
    r"densenet\d+": _HUANG,
    r"efficientnet_?v2_": _TAN_V2,
    r"efficientnet_(b\d|lite\d)": _TAN,
    r"mobilenet_?v2_?": _SANDLER,
    r"mobilenet_?v3_": _HOWARD,
    r"vgg\d+": _SIMONYAN,
    r"convnext_": _LIU_CONVNEXT,
    r"vit_(tiny|small|base|large|huge|[blh]_\d+)": _DOSOVITSKIY,
    r"swin_(t|s|b|l|tiny|small|base|large)(_|\.|$)": _LIU_SWIN,
}


def citation(facts: CardFacts) -> str:
    """CITATION.cff of a model: cite thaw, and the works under ``references``; the abstract says which model it is.

    A dataset or a backbone whose paper is not known here has no reference. The model itself has no authors that thaw
    could know; whoever publishes it adds them.
    """
    cell = facts.cell
    works = [DATASETS.get(facts.dataset["name"]), backbone_work(cell.model)]
    references = [work.to_cff() for work in works if work is not None]
    content = {
        "cff-version": "1.2.0",
        "message": "If you use this model, please cite thaw and the works under references.",
        "type": "software",
        "title": TITLE,
        "version": facts.version,
        "authors": [{"name": "the thaw authors"}],
        "abstract": f"A model made with thaw: {cell.model}, strategy {cell.variant}, seed {cell.seed}, trained on "
        f"{titled(facts.dataset)}. Not a medical device; for research only.",
        "keywords": ["chest X-ray", "transfer learning", "fine-tuning"],
        **({"references": references} if references else {}),
    }  # fmt: skip
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def backbone_work(model: str) -> Work | None:
    """The paper that a backbone comes from, by its name in the catalogue or in timm; None where it is not known."""
    name = model.removeprefix("timm/").removeprefix("tf_")
    return next((work for pattern, work in BACKBONES.items() if re.match(pattern, name)), None)


def _author(name: str) -> dict[str, str]:
    family, comma, given = name.partition(", ")
    return {"family-names": family, "given-names": given} if comma else {"name": name}
