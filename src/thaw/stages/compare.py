"""compare: the metrics of every cell of the grid, side by side.

Reads     the parameters compared, evaluate, folds, models, seeds, strategy and subsets; data/dataset.json, labels.csv,
          images.csv and images.npy, reports/split.json, shortcuts.json, gallery.csv and embeddings.{csv,json}; of every
          cell reports/predict/<cell>/ (with external sets external/<name>/ too), reports/evaluate/<cell>/,
          reports/train/<cell>/{history.csv,cost.json} and, with the first seed, reports/explain/<cell>/; of the
          repository its commit, and of dvc.lock the hashes of the data.
Writes    reports/report.html (all of it, in one file), reports/metrics.json (the headline: the selected strategy),
          reports/comparison.csv and .md, reports/statistics.json (what the verdict rests on), reports/curves.csv and
          plots/ (for dvc plots), reports/figures/ (with subsets learning_curve.csv too).
Promises  opens the cells of the grid and no others; strategies are compared on the same test patients, and one is named
          better only where that is shown; figures of different test images are never averaged, folds are pooled; what
          is undefined is null or empty, never a number.
"""

from __future__ import annotations

from pathlib import Path

from thaw.caveats import LEAKING
from thaw.cells import grid, subset_grid
from thaw.command import arguments, run
from thaw.evaluation.rounding import rounded
from thaw.files import read_csv, read_json, write_csv, write_json, write_text
from thaw.params.read import read_params
from thaw.report.comparison import comparison_table, curves_table, headline
from thaw.report.explained import read_explained
from thaw.report.external import read_external
from thaw.report.figures import figures_of, write_figures
from thaw.report.html.facts import PageFacts
from thaw.report.html.page import write_html
from thaw.report.page import comparison_page, results_table, title
from thaw.report.plots import write_plots
from thaw.report.provenance import provenance
from thaw.report.reading import DATASET, SPLIT, existing, read_results
from thaw.report.results import Results
from thaw.report.statistics import Statistics, compute_statistics
from thaw.report.statistics_sections import verdict_lines
from thaw.shortcuts.cautions import shortcut_warnings

REPORTS = Path("reports")
PAGE, HTML, SHORTCUTS = REPORTS / "comparison.md", REPORTS / "report.html", REPORTS / "shortcuts.json"
LABELS, COMMAND = Path("data/labels.csv"), "dvc repro"


def write_comparison(results: Results, statistics: Statistics, threshold: float, reports: Path) -> str:
    """Write the tables, the page and the figures into ``reports``; returns the comparison as the terminal shows it."""
    table = comparison_table(results, statistics.comparison)
    figures = [f"figures/{name}" for name in figures_of(results)]
    write_figures(results, reports / "figures")
    write_csv(reports / "curves.csv", curves_table(results))
    write_plots(results, reports / "plots")
    write_csv(reports / "comparison.csv", table)
    write_text(reports / PAGE.name, comparison_page(results, table, statistics, threshold, figures))
    write_json(reports / "statistics.json", rounded(statistics.to_json()))
    write_json(reports / "metrics.json", headline(results))
    warning = f"{LEAKING}\n\n" if results.subject.leaking else ""
    lines = "\n".join([*statistics.warnings, *verdict_lines(statistics)])
    return f"{title(results)}\n\n{warning}{results_table(results, table)}\n\n{lines}"


def page_facts(results: Results, statistics: Statistics, threshold: float) -> PageFacts:
    """All that the page for people tells."""
    dataset, split, explained = read_json(DATASET), read_json(SPLIT), read_explained(results)
    return PageFacts(results, statistics, threshold, dataset, split, provenance(COMMAND), explained)


def main() -> None:
    """Compare the cells of the grid."""
    arguments(__doc__)
    params = read_params("compared", "evaluate", "folds", "models", "seeds", "strategy", "subsets")
    results = read_results(grid(params), subset_grid(params), params.strategy, params.evaluate)
    external = read_external(results, params.evaluate)
    labels, shortcuts = read_csv(existing(LABELS)), read_json(existing(SHORTCUTS))
    warnings = shortcut_warnings(shortcuts, results.auroc_by_cell)
    statistics = compute_statistics(results, labels, shortcuts, warnings, params.evaluate, external)
    print(write_comparison(results, statistics, params.evaluate.threshold, REPORTS))
    write_html(HTML, page_facts(results, statistics, params.evaluate.threshold))
    print(f"To look at: {HTML}; to read: {PAGE}")


if __name__ == "__main__":
    run(main)
