"""python -m thaw check: trainings that show whether the figures can be believed.

  shuffled   trained on shuffled labels, a network must reach AUROC 0.5 on test images; exit code 2 where it does not
  leakage    what a split by image, with patients on both sides, would have claimed

Both write what they found into reports/check; nothing else of the project is changed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from thaw.errors import UserError, did_you_mean
from thaw.evaluation.rounding import rounded
from thaw.files import write_json
from thaw.params.read import read_params
from thaw.params.schema import Params
from thaw.planning.images import PREPARED
from thaw.prepared import Prepared, load_prepared
from thaw.shortcuts.leakage import measure_leakage
from thaw.shortcuts.shuffled import SHUFFLINGS, measure_shuffled
from thaw.shortcuts.trial import Trial, make_trial
from thaw.training.device import keep_freed_memory, make_deterministic

DATA, REPORTS = Path("data"), Path("reports/check")
CHEAPEST = "frozen"


def main(arguments: Sequence[str]) -> None:
    """Train, print, write."""
    given = _parser().parse_args(arguments)
    params = read_params(*Params.model_fields)
    model = _known("MODEL", given.model or params.models[0], params.models)
    # what leaks is what the report claims; whether labels leak shows in the cheapest training
    usual = CHEAPEST if given.check == "shuffled" and CHEAPEST in params.strategies else params.strategy
    strategy = _known("--strategy", given.strategy or usual, list(params.strategies))
    for path in (DATA / name for name in PREPARED):
        if not path.is_file():
            raise UserError(f"{path} is missing; run dvc repro split preprocess")
    make_deterministic()
    keep_freed_memory()
    data = load_prepared(DATA)
    with tempfile.TemporaryDirectory(prefix=".check.", suffix=".part", dir=Path.cwd()) as folder:
        trial = make_trial(params, model, strategy, Path(folder))
        found = check_shuffled(trial, data, params) if given.check == "shuffled" else check_leakage(trial, data, params)
    about = {"model": model, "strategy": strategy, "confidence": params.evaluate.confidence}
    report = REPORTS / f"{given.check}.json"
    write_json(report, {**about, **rounded(found)})
    print(f"Written: {report}")
    if not found.get("passed", True):
        raise UserError(
            f"trained on shuffled labels, {model} {strategy} reaches macro AUROC {_with_interval(found)} on test "
            "images: 0.5 lies outside, so test labels reach it by another way"
        )


def check_shuffled(trial: Trial, data: Prepared, params: Params) -> dict[str, Any]:
    """Train on shuffled labels and print what came of it."""
    settings = params.evaluate
    found = measure_shuffled(trial.predict, data, settings.resamples, settings.confidence)
    each, tested = ", ".join(f"{value:.3f}" for value in found["auroc_by_shuffling"]), len(data.of("test"))
    print(f"Training and validation labels shuffled between patients, {SHUFFLINGS} times; test labels are true.")
    print(f"Macro AUROC on {tested:,} test images, {settings.confidence:.0%} interval: {_with_interval(found)}")
    print(f"Each: {each}")
    if found["passed"]:
        print("OK: 0.5 lies inside.")
    return found


def check_leakage(trial: Trial, data: Prepared, params: Params) -> dict[str, Any]:
    """Train on a split by patient and on one by image, and print what they claim."""
    settings = params.evaluate
    found = measure_leakage(trial.predict, data, params.split.seed, settings.resamples, settings.confidence)
    print(f"One training each; intervals hold {settings.confidence:.0%}, over test patients alone.")
    for unit in ("patient", "image"):
        arm = found[unit]
        shared = f"{arm['shared']:.1%} of {arm['test_images']:,} test images show a patient who is trained on"
        print(f"Split by {unit}: macro AUROC {_with_interval(arm)}; {shared}")
    difference = found["difference"]
    print(f"What the split by image would have claimed: {difference['auroc_macro']:+.3f}{_interval(difference, '+')}")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m thaw check", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    checks = parser.add_subparsers(dest="check", required=True, metavar="CHECK")
    for name, strategy in (("shuffled", f"{CHEAPEST} where there is one"), ("leakage", "the selected one")):
        check = checks.add_parser(name)
        check.add_argument("model", nargs="?", metavar="MODEL", help="one of models; the first if none is named")
        check.add_argument("--strategy", metavar="S", help=f"one of strategies; {strategy} if none is named")
    return parser


def _known(option: str, name: str, allowed: Sequence[str]) -> str:
    if name not in allowed:
        raise UserError(f"{option} {name}: use one of {', '.join(allowed)}{did_you_mean(name, allowed)}")
    return name


def _with_interval(found: dict[str, Any]) -> str:
    return f"{found['auroc_macro']:.3f}{_interval(found)}"


def _interval(found: dict[str, Any], sign: str = "") -> str:
    return "" if found["low"] is None else f" ({found['low']:{sign}.3f} to {found['high']:{sign}.3f})"
