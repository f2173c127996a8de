"""compare: the metrics of every cell of the grid, side by side.

Reads     the parameters compared, evaluate, folds, models, seeds, strategy and subsets; data/dataset.json,
          reports/split.json; of every cell reports/evaluate/<cell>/{metrics.json,predictions.csv} and
          reports/train/<cell>/{history.csv,cost.json}.
Writes    reports/metrics.json (the headline: the selected strategy), reports/comparison.csv and .md,
          reports/curves.csv, reports/figures/ (with subsets learning_curve.csv too).
Promises  opens the cells of the grid and no others; figures of different test images are never averaged, folds are
          pooled; what is undefined is null or empty, never a number.
"""

from __future__ import annotations

from pathlib import Path

from thaw.cells import grid, subset_grid
from thaw.command import arguments, run
from thaw.files import write_csv, write_json, write_text
from thaw.params.read import read_params
from thaw.report.comparison import comparison_table, curves_table, headline
from thaw.report.figures import figures_of, write_figures
from thaw.report.page import LEAKING, UNTESTED, comparison_page, results_table, title
from thaw.report.reading import read_results
from thaw.report.results import Results

REPORTS = Path("reports")
PAGE = REPORTS / "comparison.md"


def write_comparison(results: Results, reports: Path) -> str:
    """Write the tables, the page and the figures into ``reports``; returns the comparison as the terminal shows it."""
    table, selected = comparison_table(results), headline(results)
    figures = [f"figures/{name}" for name in figures_of(results)]
    write_figures(results, reports / "figures")
    write_csv(reports / "curves.csv", curves_table(results))
    write_csv(reports / "comparison.csv", table)
    write_text(reports / PAGE.name, comparison_page(results, table, selected, figures))
    write_json(reports / "metrics.json", selected)
    warning = f"{LEAKING}\n\n" if results.subject.leaking else ""
    return f"{title(results)}\n\n{warning}{results_table(results, table)}\n\n{UNTESTED}"


def main() -> None:
    """Compare the cells of the grid."""
    arguments(__doc__)
    params = read_params("compared", "evaluate", "folds", "models", "seeds", "strategy", "subsets")
    results = read_results(grid(params), subset_grid(params), params.strategy, params.evaluate.threshold)
    print(write_comparison(results, REPORTS))
    print(f"The whole page: {PAGE}; figures: {REPORTS / 'figures'}")


if __name__ == "__main__":
    run(main)
