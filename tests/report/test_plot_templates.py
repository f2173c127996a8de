"""The plot templates in .dvc/plots, filled by DVC's own renderer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dvc_render.vega import VegaRenderer

from tests.report.made import table_of_results
from thaw.report.comparison import curves_table
from thaw.report.results import Results

TEMPLATES = Path(__file__).parents[2] / ".dvc/plots"


def filled(template: str, rows: list[dict[str, Any]], x: str, y: str) -> dict[str, Any]:
    """The Vega-Lite specification that DVC makes of rows of two revisions."""
    data = [{**row, "rev": rev} for rev in ("workspace", "HEAD") for row in rows]
    return VegaRenderer(data, "plot", template=template, template_dir=str(TEMPLATES), x=x, y=y).get_filled_template()


@pytest.mark.parametrize("y", ["loss", "accuracy", "auroc_macro"])
def test_curves_of_all_cells_and_revisions_are_in_one_plot(make_results: Callable[..., Results], y: str) -> None:
    results = make_results(models=("resnet18", "resnet50"), seeds=(0, 1))
    plot = filled("cells", curves_table(results).to_dict("records"), "epoch", y)
    assert "<DVC_METRIC" not in str(plot)
    drawn = {(row["rev"], row["cell"]) for row in plot["data"]["values"]}
    assert drawn == {(rev, str(result.cell)) for rev in ("workspace", "HEAD") for result in results.cells}
    encoding = plot["spec"]["encoding"]
    assert (encoding["x"]["field"], encoding["y"]["field"]) == ("epoch", y)
    assert (encoding["color"]["field"], encoding["strokeDash"]["field"]) == ("cell", "rev")


def test_strategies_are_bars_by_model_and_revision(make_results: Callable[..., Results]) -> None:
    rows = table_of_results(make_results(models=("resnet18", "resnet50"))).to_dict("records")
    plot = filled("strategies", rows, "auroc_macro", "strategy")
    assert "<DVC_METRIC" not in str(plot)
    assert len(plot["data"]["values"]) == 12
    assert plot["spec"]["encoding"]["x"]["field"] == "auroc_macro"
    assert plot["facet"]["row"]["field"] == "model"
