"""Parameters and measurements made up for the tests of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from thaw.params.read import validate
from thaw.params.schema import Params
from thaw.planning.costs import Costs, ModelCost, Pace, PictureCost, PlanCost, Stretch

PARAMS = Path(__file__).parents[2] / "params.yaml"
FROZEN = PlanCost(2.0, Pace(0.1, 0.01), Pace(0.05, 0.005), kept_bytes=1000.0, memory_gib=1.0)
FULL = PlanCost(3.0, Pace(0.4, 0.4), Pace(0.05, 0.05), kept_bytes=0.0, memory_gib=4.0)


def tiny_content(**changes: Any) -> dict[str, Any]:
    """The project's params.yaml for a few small images; ``dataset__subset=30`` changes a key."""
    content: dict[str, Any] = YAML(typ="safe").load(PARAMS)
    small = {
        "dataset__phantom": {"images": 40, "size": 64, "seed": 0}, "preprocess__size": 32, "models": ["resnet18"],
        "weights": {"resnet18": "none"}, "train__batch_size": 4, "train__precision": "fp32",
    }  # fmt: skip
    for path, value in {**small, **changes}.items():
        *sections, key = path.split("__")
        place = content
        for section in sections:
            place = place[section]
        place[key] = value
    return content


def tiny(**changes: Any) -> Params:
    """The same, checked."""
    return validate(tiny_content(**changes))


def costs(pictures: PictureCost | None = None) -> Costs:
    """Of a backbone that a strategy leaves frozen, another trains whole, and a third does one after the other."""
    model = ModelCost(
        device="a device", weights_bytes=5000, precision_seconds=6.0, ready_seconds=1.0, forward_seconds=0.02,
        evaluate_gib=0.5,
        strategies={
            "frozen": [Stretch(5, False, FROZEN)],
            "partial": [Stretch(2, True, FROZEN), Stretch(3, False, FULL)],
            "full": [Stretch(5, False, FULL)],
        },
    )  # fmt: skip
    return Costs({"resnet18": model}, pictures or PictureCost(0.01, 0.1, 500.0), 4.0, 1.5, 0.5)
