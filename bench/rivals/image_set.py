"""The images that all contenders read: phantoms with effusion or without any finding, enlarged, with detector grain.

A folder ``pool/<class>/<name>.png``, as thaw's ``folder`` data set wants it; the same files (hard links) as
``split/<part>/<class>/<name>.png``, as ImageFolder and its likes want them; and ``lists/<part>_list.txt``, by which
thaw's ``split.by: lists`` splits the pool in the very same way. The split is thaw's own, by patient.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from bench.measure import processors
from thaw.phantom.cohort import Study, sample_cohort
from thaw.phantom.draw import draw_study
from thaw.splitting import split_patients

FINDING, HEALTHY = "Effusion", "No Finding"
CLASSES = (FINDING, HEALTHY)
PATIENT_PATTERN = r"^(\d+)_"
USUAL = {"train": 0.7, "val": 0.15, "test": 0.15}
# one in nine phantoms has an effusion; half of the images shall
COHORT_PER_IMAGE = 12
ENLARGED, SMALLEST_DRAWN_PX = 4, 64
WORTH_PROCESSES = 200


def make_image_set(
    folder: Path, images: int, side_px: int, seed: int, fractions: Mapping[str, float] = USUAL
) -> dict[str, int]:
    """Draw ``images`` PNGs of ``side_px`` x ``side_px``, half of them with the finding, and split them by patient.

    Returns:
        How many images each part has.

    Raises:
        ValueError: a part would lack one of the classes; there are too few images.
    """
    studies = choose_studies(images, seed)
    pool = {study.file_name: folder / "pool" / class_of(study) / study.file_name for study in studies}
    split = split_studies(studies, fractions, seed)
    for name in CLASSES:
        (folder / "pool" / name).mkdir(parents=True)
        for part in fractions:
            (folder / "split" / part / name).mkdir(parents=True)
    draw = partial(_draw, side_px=side_px, seed=seed)
    jobs = [(study, pool[study.file_name]) for study in studies]
    if len(jobs) < WORTH_PROCESSES:
        list(map(draw, jobs))
    else:
        with ProcessPoolExecutor(processors(), multiprocessing.get_context("spawn")) as processes:
            list(processes.map(draw, jobs, chunksize=8))
    (folder / "lists").mkdir()
    for part, names in split.items():
        for name in names:
            (folder / "split" / part / pool[name].parent.name / name).hardlink_to(pool[name])
        (folder / "lists" / f"{part}_list.txt").write_text("\n".join(names) + "\n")
    return {part: len(names) for part, names in split.items()}


def choose_studies(images: int, seed: int) -> list[Study]:
    """The first studies of a cohort that name the finding and the first that name none, as many of each."""
    cohort = sample_cohort(images * COHORT_PER_IMAGE, seed)
    found = list(islice((study for study in cohort if FINDING in study.labels), images // 2))
    healthy = list(islice((study for study in cohort if not study.labels), images - images // 2))
    return found + healthy


def class_of(study: Study) -> str:
    """The folder that a study belongs to."""
    return FINDING if FINDING in study.labels else HEALTHY


def split_studies(studies: Sequence[Study], fractions: Mapping[str, float], seed: int) -> dict[str, list[str]]:
    """The file names of each part, as thaw splits patients."""
    classes = [class_of(study) for study in studies]
    table = pd.DataFrame(
        {
            "image": [study.file_name for study in studies],
            "patient": [str(study.patient) for study in studies],
            **{name: [int(name == own) for own in classes] for name in CLASSES},
        }
    )
    rows = split_patients(table, CLASSES, fractions, seed).merge(table[["image", *CLASSES]], on="image")
    for part in fractions:
        if not rows.loc[rows["split"] == part, list(CLASSES)].any().all():
            raise ValueError(f"{len(studies)} images are too few: {part} lacks a class")
    return {part: rows.loc[rows["split"] == part, "image"].tolist() for part in fractions}


def _draw(job: tuple[Study, Path], side_px: int, seed: int) -> None:
    """One picture: drawn at a quarter of its size, enlarged, with grain of its own."""
    study, path = job
    drawn_px = min(side_px, max(side_px // ENLARGED, SMALLEST_DRAWN_PX))
    drawn = Image.fromarray(draw_study(study, drawn_px, seed).pixels)
    large = np.asarray(drawn.resize((side_px, side_px), Image.Resampling.BICUBIC))
    generator = np.random.default_rng([seed, study.patient, study.follow_up])
    grain = 1.1 * generator.standard_normal(large.shape, dtype=np.float32)
    Image.fromarray(np.clip(large + grain, 0, 255).astype(np.uint8)).save(path, compress_level=2)
