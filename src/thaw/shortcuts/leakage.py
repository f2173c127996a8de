"""What a split by image would have claimed: the same images, shares and strategy, patients on both sides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from thaw.errors import UserError
from thaw.evaluation.bootstrap import Resampling, interval
from thaw.prepared import Prepared
from thaw.shortcuts.scored import score
from thaw.shortcuts.trial import Predict
from thaw.splitting import SPLITS, split_images, split_patients

UNITS = {"patient": split_patients, "image": split_images}


def split_anew(data: Prepared, unit: str, seed: int) -> Prepared:
    """Deal the images that are in a split to splits of the same shares.

    Args:
        data: as it is split now.
        unit: ``patient``, or ``image``: without regard to patients.
        seed: of the split.

    Raises:
        UserError: there are fewer patients than splits.
    """
    table = data.table[data.table["split"].isin(SPLITS)]
    shares = {split: float((table["split"] == split).mean()) for split in SPLITS}
    split = UNITS[unit](table, data.classes, shares, seed)
    dealt = table.drop(columns="split").merge(split[["image", "split"]], on="image", validate="1:1")
    return replace(data, table=dealt)


def measure_leakage(predict: Predict, data: Prepared, seed: int, resamples: int, confidence: float) -> dict[str, Any]:
    """Train on a split by patient and on a split by image, and compare what their test images say.

    Args:
        predict: trains and predicts test images.
        data: the images; of their split only the shares count.
        seed: of both splits, and of the head.
        resamples: samples of test patients for the intervals.
        confidence: of the intervals.

    Returns:
        ``patient`` and ``image``, each with ``auroc_macro``, ``low``, ``high``, ``test_images`` and ``shared`` (share
        of the test images whose patient is trained on); ``difference``: AUROC by image less AUROC by patient, with
        ``low`` and ``high``. Both tests are drawn from the same patients; the interval of the difference takes them
        for independent, which makes it rather too wide.

    Raises:
        UserError: no class of a split has test images with and without it.
    """
    arms, samples = {}, {}
    for number, unit in enumerate(UNITS):
        dealt = split_anew(data, unit, seed)
        made = predict(dealt, seed)
        scored = score(made.labels, made.scores, Resampling.of(made.patients, resamples, number))
        if scored.macro is None:
            raise UserError(f"split by {unit}, no class has test images both with and without it: there is no AUROC")
        counted = {"test_images": len(made), "shared": dealt.patient_overlap}
        arms[unit], samples[unit] = {**scored.described(confidence), **counted}, scored.samples
    ends = interval(samples["image"] - samples["patient"], confidence)
    claimed = arms["image"]["auroc_macro"] - arms["patient"]["auroc_macro"]
    return {**arms, "difference": {"auroc_macro": claimed, "low": ends.low, "high": ends.high}}
