"""Training and evaluation against a bare loop: the same network, part, optimizer and precision, on a tensor in memory.

The bare loop does forward, loss, backward and step on one batch that is there already. thaw is its own trainer: batches
out of a memory-mapped array, augmentation, the schedule, checks that the loss is finite, the proof that frozen tensors
did not move. A second table says what these cost, each measured apart.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from bench.measure import QUICK_ROUNDS, Spread, Table, at_least, take_turns
from bench.training import (
    PHASES,
    BareLoop,
    Subject,
    Thaw,
    add_shape_options,
    bare_evaluation_rate,
    begin_as_stages_do,
    default_settings,
    evaluation_rate,
    stored_examples,
    wait_for,
)
from thaw import strategies
from thaw.training.augmentation import augment, draw
from thaw.training.batches import Examples, ordered_batches
from thaw.training.device import choose_device

GOAL = 0.92
MODELS = ("efficientnet_lite0", "resnet18")
MILLISECONDS = 1e3


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="MODEL")
    parser.add_argument("--phases", nargs="+", default=list(PHASES), choices=PHASES)
    parser.add_argument("--precision", default="bf16", choices=("bf16", "fp32"), help="of both sides (bf16)")
    add_shape_options(parser, 256)


def measure(given: argparse.Namespace) -> list[Table]:
    """Measure on the CPU; returns the ratios, and where the rest of the time goes."""
    begin_as_stages_do()
    images, size_px, rounds = (64, 64, QUICK_ROUNDS) if given.quick else (given.images, given.size, given.rounds)
    speeds, costs = [], []
    with tempfile.TemporaryDirectory() as folder:
        examples = stored_examples(Path(folder), images, size_px)
        settings = default_settings(batch_size=given.batch, augment="light", precision=given.precision)
        for model in given.models:
            for name in given.phases:
                subject = Subject(model, PHASES[name], settings, examples, choose_device("cpu"))
                thaw, bare = Thaw(subject), BareLoop(subject)
                figures = take_turns({"thaw": thaw, "bare": bare}, rounds)
                speeds.append(speed_row(f"{model}, {name}", figures))
                costs.append(cost_row(f"{model}, {name}", figures, take_turns(parts(thaw), rounds)))
            figures = take_turns(
                {"thaw": partial(evaluation_rate, thaw), "bare": partial(bare_evaluation_rate, bare)}, rounds
            )
            speeds.append(speed_row(f"{model}, evaluation", figures))
    shape = (
        f"{images} images an epoch, {size_px} x {size_px}, batch {given.batch}, {given.precision}, augmentation light"
    )
    return [
        Table("Images/s against a bare loop", ("what", "ratio", "goal", "thaw", "bare loop"), speeds,
              f"{shape}; rounds: {rounds}, median (smallest to largest)."),
        Table("What thaw does beside the bare loop, ms an image",
              ("what", "share of thaw's time", "thaw less bare", "fetching", "augmentation", "colour", "frozen proof"),
              costs, "Each measured apart, medians; the proof is made once an epoch, so in longer epochs it costs less "
              "an image. Share: thaw less bare, of thaw. Colour: gray to three normalised channels."),
    ]  # fmt: skip


def speed_row(what: str, figures: dict[str, Spread]) -> list[str]:
    """Ratio, goal and images/s."""
    ratio = figures["thaw"].over(figures["bare"])
    return [what, ratio.text(3), at_least(GOAL, ratio), figures["thaw"].text(1), figures["bare"].text(1)]


def cost_row(what: str, speeds: dict[str, Spread], costs: dict[str, Spread]) -> list[str]:
    """What thaw takes longer, and what its parts take."""
    ours, bare = MILLISECONDS / speeds["thaw"].median, MILLISECONDS / speeds["bare"].median
    parts_ms = [f"{costs[name].median:.3f}" for name in ("fetching", "augmentation", "colour", "frozen proof")]
    return [what, f"{(ours - bare) / ours:.3f}", f"{ours - bare:.3f}", *parts_ms]


def parts(thaw: Thaw) -> dict[str, Callable[[], float]]:
    """What an epoch does beside the network's own steps; each returns ms an image."""
    subject, classifier = thaw.subject, thaw.classifier
    examples, settings, device = subject.examples, subject.settings, subject.device
    gray, _ = examples.batch(torch.arange(min(settings.batch_size, len(examples))), device)
    draws = draw(len(gray), settings.augment, torch.Generator().manual_seed(0)).to(device)
    plan = strategies.plans(classifier, subject.phase)[0]

    def each(work: Callable[[], object], images: int) -> Callable[[], float]:
        def measured() -> float:
            wait_for(device)
            started = time.perf_counter()
            work()
            wait_for(device)
            return MILLISECONDS * (time.perf_counter() - started) / images

        return measured

    return {
        "fetching": each(lambda: fetch_all(examples, settings.batch_size, device), len(examples)),
        "augmentation": each(lambda: augment(gray, draws, settings.augment, settings.mirror), len(gray)),
        "colour": each(lambda: subject.coloured(classifier, gray), len(gray)),
        "frozen proof": each(
            lambda: strategies.check_frozen(classifier, strategies.frozen_tensors(classifier, plan)), len(examples)
        ),
    }


def fetch_all(examples: Examples, batch_size: int, device: torch.device) -> None:
    """Take every batch out of the array once."""
    for positions in ordered_batches(len(examples), batch_size):
        examples.batch(positions, device)
