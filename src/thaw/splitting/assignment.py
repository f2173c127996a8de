"""From the table of images to the split of every image: made here, or the one that the data set brings."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thaw.errors import UserError, did_you_mean
from thaw.splitting.stratification import stratify

SPLITS = ("train", "val", "test")
NOT_CLASSES = frozenset({"image", "patient", "sex", "age", "view", "follow_up", "source_split"})


def split_patients(
    table: pd.DataFrame, classes: Sequence[str], fractions: Mapping[str, float], seed: int
) -> pd.DataFrame:
    """Return ``image, patient, split`` for every row of ``table``, sorted by image; all images of a patient together.

    ``table``: a row an image, with ``image``, ``patient`` and a 0/1 column for every class. ``fractions``: the share of
    the images for train, val and test, summing to 1; a split with 0 stays empty. The same rows in any order, fractions
    and seed give the same split. How near the shares and the classes come is said in ``stratification.stratify``.

    Raises UserError for an empty table, for wrong fractions, and for fewer patients than splits to fill.
    """
    split = deal_patients(table, classes, _positive_fractions(fractions), seed)
    return _sorted(pd.DataFrame({"image": table["image"], "patient": table["patient"].astype(str), "split": split}))


def deal_patients(
    table: pd.DataFrame, classes: Sequence[str], fractions: Mapping[str, float], seed: int
) -> pd.Series[str]:
    """Return the name of the part that every row of ``table`` is dealt to, all rows of a patient to the same part.

    ``fractions``: the share of the images by part, above 0, summing to 1; the only patient with some class goes to the
    part named first. Other arguments as ``split_patients``.

    Raises UserError for an empty table and for fewer patients than parts.
    """
    if table.empty:
        raise UserError("there are no images to split; check that the data set has any")
    patient = table["patient"].astype(str)
    positives = table[list(classes)].fillna(0).astype("int64")  # an unknown label is no positive
    counts = positives.assign(**{"": 1}).groupby(patient.to_numpy(), sort=True).sum()
    if len(counts) < len(fractions):
        raise UserError(_too_few(len(counts), tuple(fractions)))
    keys = _keys(counts.index.tolist(), seed)
    order = np.argsort(keys, kind="stable")
    counts = counts.iloc[order]
    chosen = stratify(counts.to_numpy(dtype=np.int64), keys[order], tuple(fractions.values()))
    return patient.map(dict(zip(counts.index, np.array(tuple(fractions))[chosen].tolist(), strict=True)))


def source_split(table: pd.DataFrame, seed: int, fractions: Mapping[str, float]) -> pd.DataFrame:
    """Return ``image, patient, split`` as the data set itself splits its images (column ``source_split``).

    Where the set has no validation part, patients are cut out of its training part (``train`` or ``train_val``) as
    ``split_patients`` would, so that val and train stand as ``fractions`` say; its test part stays as it is. Patients
    whom the set itself puts on both sides are left there: count them with ``crossing_patients``.

    Raises UserError where the set has no split of its own, only part of one, or one without training or test images.
    """
    own = table["source_split"].fillna("").astype(str)
    _check_own(own)
    rows = pd.DataFrame(
        {"image": table["image"], "patient": table["patient"].astype(str), "split": own.replace("train_val", "train")}
    )
    if not (own == "val").any():
        training = rows["split"] == "train"
        cut = split_patients(table[training], _classes(table), _without_test(fractions), seed)
        rows.loc[training, "split"] = rows.loc[training, "image"].map(cut.set_index("image")["split"])
    return _sorted(rows)


def split_images(
    table: pd.DataFrame, classes: Sequence[str], fractions: Mapping[str, float], seed: int
) -> pd.DataFrame:
    """Return ``image, patient, split`` with every image dealt by itself, without regard to patients.

    It leaks: test images of patients who are trained on. It exists only to show what that claims; see
    ``leaking_images``. Arguments and errors as ``split_patients``.
    """
    alone = split_patients(table.assign(patient=table["image"]), classes, fractions, seed)
    patients = table.set_index("image")["patient"].astype(str)
    return alone.assign(patient=alone["image"].map(patients))


def _positive_fractions(fractions: Mapping[str, float]) -> dict[str, float]:
    for name, fraction in fractions.items():
        if name not in SPLITS:
            raise UserError(f"unknown split {name!r}: allowed are {', '.join(SPLITS)}{did_you_mean(name, SPLITS)}")
        if not 0 <= fraction <= 1:
            raise UserError(f"the {name} fraction is {fraction}: give a number from 0 to 1")
    if not math.isclose(total := sum(fractions.values()), 1, abs_tol=1e-6):
        raise UserError(f"the split fractions sum to {total:g}: make them sum to 1")
    return {name: fractions[name] for name in SPLITS if fractions.get(name, 0) > 0}


def _without_test(fractions: Mapping[str, float]) -> dict[str, float]:
    """Return the fractions of train and val scaled to sum to 1."""
    asked = _positive_fractions(fractions)
    kept = {name: asked.get(name, 0.0) for name in ("train", "val")}
    if not (total := sum(kept.values())):
        raise UserError("the train and val fractions are both 0: raise one of them")
    return {name: fraction / total for name, fraction in kept.items()}


def _too_few(patients: int, splits: Sequence[str]) -> str:
    people = "1 patient" if patients == 1 else f"{patients} patients"
    return (
        f"{people} cannot fill {len(splits)} splits ({', '.join(splits)}); "
        "check how patients are told apart, or add images of more patients"
    )


def _check_own(own: pd.Series[str]) -> None:
    """Raise UserError unless the set's own split names a known part for every image, training and test among them."""
    instead = "let thaw split the patients instead"
    if own.empty:
        raise UserError("there are no images to split; check that the data set has any")
    if (own == "").all():
        raise UserError(f"this data set has no split of its own; {instead}")
    if missing := int((own == "").sum()):
        raise UserError(f"the set's own split leaves out {missing} of {len(own)} images; {instead}")
    parts = set(own)
    if unknown := sorted(parts - {*SPLITS, "train_val"}):
        raise UserError(f"the set's own split names {unknown[0]!r}: allowed are train, val, test, train_val; {instead}")
    if "test" not in parts or not parts & {"train", "train_val"}:
        found = ", ".join(sorted(parts))
        raise UserError(f"the set's own split has only {found}: train and test are needed; {instead}")


def _classes(table: pd.DataFrame) -> list[str]:
    return [column for column in table.columns if column not in NOT_CLASSES]


def _keys(patients: Sequence[str], seed: int) -> NDArray[np.uint64]:
    """Return a pseudo-random number per patient that depends on the seed and on the patient's name only."""
    digests = (hashlib.blake2b(f"{seed}:{patient}".encode(), digest_size=8).digest() for patient in patients)
    return np.array([int.from_bytes(digest, "big") for digest in digests], dtype=np.uint64)


def _sorted(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values("image", ignore_index=True)
