"""From raw 1024 x 1024 PNGs to the table of three strategies: thaw against scripts as others write or publish them.

Every contender gets the same images, the same split by patient, the same epochs, batch, weights and threads, and does
all it does in processes of its own: thaw its stages in DVC's order, the others one script a strategy (bench/rivals says
what each does). Single label, two classes; AUROC of the test images beside the time. fastai takes part where it is
installed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from bench.measure import QUICK_ROUNDS, ROUNDS, Spread, Table, at_least, processors
from bench.rivals.contestants import RIVALS, Job, Outcome, installed, run_rival, run_thaw, store_weights
from bench.rivals.contract import BACKBONES, STRATEGIES
from bench.rivals.image_set import make_image_set
from thaw.backbones.pretrained import NONE

THAW, PLAIN = "thaw", "plain script"
GOAL_PLAIN, GOAL_RECIPES, GOAL_AUROC = 5.0, 2.5, -0.005
Outcomes = Mapping[str, Sequence[Outcome]]


@dataclass(frozen=True)
class Scale:
    """How large a run is: images, their pixels a side, epochs, batch, pixels that the network sees, rounds."""

    images: int
    side_px: int
    epochs: int
    batch: int
    size: int
    rounds: int


QUICK = Scale(images=40, side_px=256, epochs=1, batch=8, size=64, rounds=QUICK_ROUNDS)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument(
        "--models", nargs="+", default=["resnet18", "efficientnet_b0"], choices=BACKBONES, metavar="MODEL"
    )
    parser.add_argument(
        "--against", nargs="+", default=list(RIVALS), choices=RIVALS, metavar="CONTENDER",
        help=f"all if left out: {', '.join(repr(name) for name in RIVALS)}",
    )  # fmt: skip
    parser.add_argument("--images", type=int, default=1000, help="of all three parts together (1000)")
    parser.add_argument("--epochs", type=int, default=5, help="of every strategy (5)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"each with another seed ({ROUNDS})")
    parser.add_argument(
        "--weights", nargs="+", default=[], type=_weights, metavar="MODEL=SOURCE",
        help="where a backbone starts, as in params.yaml: imagenet, none (if left out), or a file",
    )  # fmt: skip


def measure(given: argparse.Namespace) -> list[Table]:
    """Draw the images, run everybody; returns who reaches the goals, and all times and AUROCs."""
    usual = Scale(given.images, 1024, given.epochs, 32, 224, given.rounds)
    scale, sources = QUICK if given.quick else usual, {**dict.fromkeys(given.models, NONE), **dict(given.weights)}
    against, rows = list[list[str]](), list[list[str]]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = make_image_set(folder / "images", scale.images, scale.side_px, seed=0)
        job = Job(folder / "images", images, scale.epochs, scale.batch, scale.size, processors())
        for model in given.models:
            outcomes = run_all(job, model, sources[model], folder, scale.rounds, given.against)
            against += goal_rows(model, outcomes)
            rows += [contender_row(model, contender, outcomes) for contender in (THAW, *given.against)]
    parts = ", ".join(f"{count} {part}" for part, count in images.items())
    starts = ", ".join(f"{model} from {sources[model]}" for model in given.models)
    note = (
        f"{parts}; PNGs of {scale.side_px} x {scale.side_px}, network {scale.size} x {scale.size}; weights: {starts}; "
        f"{scale.epochs} epochs, batch {scale.batch}, {job.threads} threads; {scale.rounds} rounds, each with its own "
        "seed: median (smallest to largest). Ratio: total seconds over thaw's, round by round."
    )
    return [
        Table("Time to the table of three strategies, against thaw's",
              ("model", "against", "ratio", "goal", "thaw's AUROC less theirs, mean of three", "goal"), against, note),
        Table("Seconds and test AUROC by strategy",
              ("model", "contender", "ratio", "shared s", *(f"{name} s" for name in STRATEGIES), "total s",
               *(f"{name} AUROC" for name in STRATEGIES)), rows,
              "Medians. Shared: thaw's labels, split, preprocess, weights and compare."),
    ]  # fmt: skip


def _weights(text: str) -> tuple[str, str]:
    model, equals, source = text.partition("=")
    if model not in BACKBONES or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not MODEL=SOURCE with a model of {', '.join(BACKBONES)}")
    return model, str(Path(source).absolute()) if Path(source).is_file() else source


def run_all(
    job: Job, model: str, source: str, folder: Path, rounds: int, against: Sequence[str]
) -> dict[str, list[Outcome]]:
    """thaw and those that it is held against, once a round, every second round backwards; says who is done."""
    weights = store_weights(folder, model, source)
    contenders = [THAW, *(name for name in installed() if name in against)]
    outcomes: dict[str, list[Outcome]] = {name: [] for name in contenders}
    for seed in range(rounds):
        for name in reversed(contenders) if seed % 2 else contenders:
            outcome = run_thaw(job, model, source, seed) if name == THAW else run_rival(name, job, model, weights, seed)
            outcomes[name].append(outcome)
            reached = ", ".join(f"{strategy} {auroc:.3f}" for strategy, auroc in outcome.auroc.items())
            done = f"{model}, round {seed + 1}, {name}: {outcome.total:.1f} s; AUROC {reached}"
            print(done, file=sys.stderr, flush=True)
    return outcomes


def goal_rows(model: str, outcomes: Outcomes) -> list[list[str]]:
    """thaw against the plain script, and against the fastest of the others, where they took part."""
    recipes = [name for name in outcomes if name not in (THAW, PLAIN)]
    fastest = sorted(recipes, key=lambda name: totals(outcomes[name]).median)[:1]
    goals = {**({PLAIN: GOAL_PLAIN} if PLAIN in outcomes else {}), **dict.fromkeys(fastest, GOAL_RECIPES)}
    rows = []
    for rival, goal in goals.items():
        ratio = totals(outcomes[rival]).over(totals(outcomes[THAW]))
        pairs = zip(outcomes[THAW], outcomes[rival], strict=True)
        gain = Spread(tuple(fmean(ours.auroc.values()) - fmean(theirs.auroc.values()) for ours, theirs in pairs))
        rows.append([model, rival, ratio.text(), at_least(goal, ratio), gain.text(3), at_least(GOAL_AUROC, gain)])
    return rows


def contender_row(model: str, contender: str, outcomes: Outcomes) -> list[str]:
    """One contender's ratio, seconds and AUROCs."""
    if contender not in outcomes:
        return [model, contender, "not installed", *[""] * (2 + 2 * len(STRATEGIES))]
    own = outcomes[contender]
    ratio = totals(own).over(totals(outcomes[THAW]))
    seconds = [Spread(tuple(outcome.seconds[name] for outcome in own)).median for name in STRATEGIES]
    aurocs = [Spread(tuple(outcome.auroc[name] for outcome in own)).median for name in STRATEGIES]
    shared = Spread(tuple(outcome.shared for outcome in own)).median
    times = [f"{value:,.1f}" for value in (shared, *seconds, totals(own).median)]
    return [model, contender, ratio.text(), *times, *(f"{value:.3f}" for value in aurocs)]


def totals(outcomes: Sequence[Outcome]) -> Spread:
    """Seconds from the images to the table, by round."""
    return Spread(tuple(outcome.total for outcome in outcomes))
