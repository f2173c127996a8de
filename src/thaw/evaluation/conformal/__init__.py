"""Prediction sets with a promise: sets of classes that miss no more, or hold no more wrong ones, than was asked for.

The policy and its reasons are in ``docs/decisions/conformal.md``.
"""

from thaw.evaluation.conformal.measure import measure_conformal
from thaw.evaluation.conformal.repeated import check_promise

__all__ = ["check_promise", "measure_conformal"]
