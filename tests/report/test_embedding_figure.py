"""Pictures of features: every point once, coloured by what it counts as, few enough for a page."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from thaw.report.embedding_figure import LIMIT, embedding_figure, neighbourhood_purity
from thaw.report.results import Results
from thaw.report.style import COLOURS, colours
from thaw.report.svg import inline_svg

LABELS = ["none"] * 10 + ["several"] * 4 + [f"finding {n}" for n in range(8) for _ in range(8 - n)] + ["", "<b>|x"]


def made(images: int = len(LABELS), strategies: tuple[str, ...] = ("frozen", "full")) -> pd.DataFrame:
    """Test images of two models and half as many of training."""
    random = np.random.default_rng(0)
    rows = []
    for model in ("resnet18", "resnet50"):
        for strategy in strategies:
            for part, count in (("test", images), ("train", images // 2)):
                places = pd.DataFrame(
                    random.normal(size=(count, 6)), columns=[f"{m}_{a}" for m in ("pca", "tsne", "umap") for a in "xy"]
                )
                numbers = np.arange(count)
                places.insert(0, "model", model)
                places["strategy"], places["set"] = strategy, part
                places["label"] = [LABELS[number % len(LABELS)] for number in numbers]
                places["error"] = np.where(numbers % 5 == 0, "wrong", "right") if part == "test" else ""
                places["sex"], places["view"] = np.where(numbers % 3 == 0, "F", "M"), ""
                rows.append(places)
    return pd.concat(rows, ignore_index=True)


def points(axes: Axes) -> dict[str, list[tuple[float, float]]]:
    """By colour."""
    found: dict[str, list[tuple[float, float]]] = {}
    for line in axes.lines:
        found.setdefault(to_hex(line.get_color()).upper(), []).extend(zip(*line.get_data(), strict=True))
    return found


def named(figure: Figure) -> dict[str, str]:
    """Colour → name in the legend."""
    return {to_hex(h.get_color()).upper(): h.get_label() for h in figure.legends[0].legend_handles}


def test_every_test_image_is_a_point_of_each_method(make_results: Callable[..., Results]) -> None:
    table = made()
    figure = embedding_figure(table, "resnet50", "error", make_results().subject)
    assert [axes.get_title() for axes in figure.axes[:3]] == ["PCA", "t-SNE", "UMAP"]
    assert [axes.get_ylabel() for axes in figure.axes[::3]] == ["frozen", "full"]
    shown = table[(table["model"] == "resnet50") & (table["set"] == "test") & (table["strategy"] == "full")]
    for axes, method in zip(figure.axes[3:], ("pca", "tsne", "umap"), strict=True):
        wrong = shown[shown["error"] == "wrong"][[f"{method}_x", f"{method}_y"]].to_numpy()
        np.testing.assert_allclose(points(axes)["#D55E00"], wrong)
        assert sum(map(len, points(axes).values())) == len(shown)
    assert named(figure) == {"#AAAAAA": "right", "#D55E00": "wrong"}


def test_training_images_are_shown_by_set_alone(make_results: Callable[..., Results]) -> None:
    figure = embedding_figure(made(), "resnet18", "set", make_results().subject, ("pca",))
    assert {colour: len(places) for colour, places in points(figure.axes[0]).items()} == {
        "#0072B2": len(LABELS), "#AAAAAA": len(LABELS) // 2,
    }  # fmt: skip
    assert len(figure.axes) == 2


def test_six_findings_have_colours_of_their_own(make_results: Callable[..., Results]) -> None:
    figure = embedding_figure(made(), "resnet18", "label", make_results().subject)
    frequent = {COLOURS[number].upper(): f"finding {number}" for number in range(6)}
    assert set(named(figure).values()) == {*frequent.values(), "none", "several", "other", "unknown"}
    assert frequent.items() <= named(figure).items()
    # finding 6 (2 images), finding 7 and <b>|x
    assert len(points(figure.axes[0])["#8C5A2B"]) == 4


def test_what_nobody_knows_is_named_so(make_results: Callable[..., Results]) -> None:
    figure = embedding_figure(made().assign(view=None), "resnet18", "view", make_results().subject)
    assert named(figure) == {"#DDDDDD": "unknown"}


def test_a_method_that_places_nothing_is_said(make_results: Callable[..., Results]) -> None:
    table = made().assign(umap_x=np.nan, umap_y="")
    figure = embedding_figure(table, "resnet18", "sex", make_results().subject)
    assert [text.get_text() for text in figure.axes[2].texts] == ["not computed"]
    assert all(not places for places in points(figure.axes[2]).values())


@pytest.mark.parametrize("colour_by", ["label", "set"])
def test_many_points_are_thinned_and_said(make_results: Callable[..., Results], colour_by) -> None:
    table = made(images=3000, strategies=("frozen", "partial", "full"))
    figure = embedding_figure(table, "resnet18", colour_by, make_results().subject)
    drawn = [sum(map(len, points(axes).values())) for axes in figure.axes]
    assert drawn == [LIMIT // 9] * 9
    images = 4500 if colour_by == "set" else 3000
    assert f"({LIMIT // 9} of {images:,} images drawn)" in figure.get_suptitle().replace("\n", " ")
    assert len(inline_svg(figure, "features", "by label")) < 300_000


def test_purity_stands_beside_chance(make_results: Callable[..., Results]) -> None:
    results = make_results()
    kinds = {
        "label": {"value": 0.6, "chance": 0.3, "reason": None},
        "sex": {"value": None, "chance": None, "reason": "known of no image"},
    }
    better = {**kinds, "label": {"value": 0.8, "chance": 0.3, "reason": None}}
    axes = neighbourhood_purity(results, "resnet18", {"frozen": {"purity": kinds}, "full": {"purity": better}}).axes[0]
    colour = colours(results.strategies)
    values = {to_hex(line.get_color()).upper(): line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"}
    assert values == {colour["frozen"]: 0.6, colour["full"]: 0.8}
    assert [list(line.get_xdata()) for line in axes.lines if line.get_linestyle() == ":"] == [[0.3, 0.3]] * 2
    assert [text.get_text() for text in axes.texts] == ["undefined: known of no image"]
