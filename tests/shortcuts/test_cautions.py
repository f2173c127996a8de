from __future__ import annotations

from typing import Any

import pytest

from thaw.shortcuts.cautions import shortcut_warnings


def found(**changes: Any) -> dict[str, Any]:
    """What is found where all is well, some of it changed."""
    probe = {"what": "16 x 16 gray values", "auroc_macro": 0.6, "low": 0.55, "high": 0.65}
    return {
        "patients": {"crossing": 0, "examples": [], "test_images": 150, "leaking_test_images": 0},
        "copies": {"pictures": 0, "test_images": 0},
        "probes": {"thumbnail": {**probe, **changes}},
    }


def test_all_is_well() -> None:
    assert shortcut_warnings(found(), {"a": 0.66, "b": 0.9, "c": None}) == []
    assert shortcut_warnings(found(), {}) == []


@pytest.mark.parametrize(("crossing", "are"), [(1, "1 patient is"), (1200, "1,200 patients are")])
def test_patients_on_two_sides(crossing: int, are: str) -> None:
    shortcuts = found()
    shortcuts["patients"].update(crossing=crossing, leaking_test_images=30)
    assert shortcut_warnings(shortcuts, {}) == [
        f"{are} in more than one split; 30 of 150 test images show a patient who is trained on: test figures are too "
        "good"
    ]


@pytest.mark.parametrize(
    ("copies", "said"),
    [
        (
            {"pictures": 1, "test_images": 0},
            "1 picture has copies in more than one split; 0 test images are",
        ),
        (
            {"pictures": 2, "test_images": 1},
            "2 pictures have copies in more than one split; 1 test image is",
        ),
    ],
)
def test_copies_on_two_sides(copies: dict[str, int], said: str) -> None:
    assert shortcut_warnings({**found(), "copies": copies}, {}) == [f"{said} among them: test figures are too good"]


def test_a_probe_whose_interval_reaches_models() -> None:
    cells = {"a": 0.66, "b": 0.65, "c": 0.5, "d": 0.7}
    assert shortcut_warnings(found(), cells) == [
        "16 x 16 gray values give a linear probe macro AUROC 0.600 (0.550 to 0.650) on test images, which reaches c "
        "(0.500), b (0.650): it is not shown that more was learned than such a shortcut"
    ]
    many = shortcut_warnings(found(), dict.fromkeys("edcba", 0.5))
    assert len(many) == 1
    assert "which reaches a (0.500), b (0.500), c (0.500) and 2 more: it" in many[0]


def test_without_an_interval_the_figure_itself_counts() -> None:
    bare = found(low=None, high=None)
    assert shortcut_warnings(bare, {"a": 0.61}) == []
    assert shortcut_warnings(bare, {"a": 0.6})[0].startswith(
        "16 x 16 gray values give a linear probe macro AUROC 0.600 on"
    )
    assert shortcut_warnings(found(auroc_macro=None, low=None, high=None), {"a": 0.1}) == []
