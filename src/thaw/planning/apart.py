"""The probe in a process of its own, so that the memory it takes is that of one training; and what a process costs."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import get_context

from thaw.errors import UserError
from thaw.planning.costs import ModelCost
from thaw.planning.probe import Question, measure
from thaw.training.device import Precision, choose_device, choose_precision, keep_freed_memory
from thaw.training.probe import PROBED, find_precision, read_precision

PLAIN_STAGE = "thaw.stages.inspect"  # one without torch; not the lightest and not the heaviest


def start_seconds(module: str = PLAIN_STAGE) -> float:
    """How long a process takes to import what a stage needs."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True, capture_output=True)
    return time.perf_counter() - started


def measure_apart(question: Question) -> tuple[ModelCost, float]:
    """``measure`` in a process of its own; the seconds are those until that process has imported torch and thaw.

    Raises:
        UserError: a strategy does not fit the backbone, or the process was killed.
    """
    started = time.perf_counter()
    precision = find_precision_of(question)
    chosen = time.perf_counter()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            pool.submit(_wait_for_imports).result()
            imported = time.perf_counter()
            cost = pool.submit(measure, question, precision).result()
        except BrokenProcessPool:
            batch = f"train.batch_size {question.train.batch_size}"
            raise UserError(f"measuring {question.model} was killed; is there enough memory for {batch}?") from None
    return replace(cost, precision_seconds=chosen - started), imported - chosen


def find_precision_of(question: Question) -> Precision:
    """The precision that training will have: what the stage probe chose, or would choose here."""
    settings, chosen = question.train, PROBED / f"{question.model}.json"
    device = choose_device(settings.device)
    if settings.precision != "auto" or device.type != "cpu":
        return choose_precision(settings.precision, device)
    if chosen.is_file():
        return read_precision(chosen, question.model)
    keep_freed_memory()
    with contextlib.redirect_stderr(io.StringIO()):
        return find_precision(question.model, question.size_px, settings.channels_last is not False, device)[0]


def _wait_for_imports() -> None:
    """Nothing: to be called, this module must have been imported."""
