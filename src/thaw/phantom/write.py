"""Write a phantom cohort in NIH ChestX-ray14's own layout: image folders, Data_Entry_2017.csv, BBox_List_2017.csv."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from PIL import Image

from thaw.errors import UserError
from thaw.files import write_text
from thaw.phantom.acquisition import Box
from thaw.phantom.chest import DETECTOR_CM
from thaw.phantom.cohort import Study, sample_cohort
from thaw.phantom.draw import draw_study
from thaw.progress import progress

IMAGES_PER_FOLDER = 5000
SMALLEST_PX = 32
# Below this many images, starting processes takes longer than drawing.
WORTH_PROCESSES = 200
DATA_ENTRY_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
BOX_HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"

FoundBoxes = tuple[tuple[str, Box], ...]


def draw_cohort(folder: Path, images: int, size_px: int, seed: int) -> None:
    """Draw ``images`` phantom X-rays of ``size_px`` x ``size_px`` 8-bit grey pixels into ``folder``.

    Writes ``images_001/images/<patient>_<follow-up>.png`` (at most 5,000 a folder), ``Data_Entry_2017.csv`` with noisy
    labels, and ``BBox_List_2017.csv`` with a box, in pixels, of every lesion that is drawn, named or not in the label.
    The same arguments write the same bytes, whatever the number of processors.

    Raises:
        UserError: fewer than one image, pictures too small to show a finding, a negative seed.
    """
    if images < 1 or size_px < SMALLEST_PX or seed < 0:
        asked = f"{images} images of {size_px} px with seed {seed}"
        raise UserError(f"a phantom cohort needs at least 1 image, {SMALLEST_PX} px and a seed >= 0, not {asked}")
    studies = sample_cohort(images, seed)
    paths = [folder / f"images_{1 + row // IMAGES_PER_FOLDER:03d}" / "images" for row in range(images)]
    for path in dict.fromkeys(paths):
        path.mkdir(parents=True, exist_ok=True)
    jobs = [(study, path / study.file_name) for study, path in zip(studies, paths, strict=True)]
    boxes = list(progress(_draw_all(jobs, size_px, seed), "drawing phantoms", "images", images))
    write_text(folder / "Data_Entry_2017.csv", _data_entry(studies, size_px))
    write_text(folder / "BBox_List_2017.csv", _box_list(studies, boxes))


def _draw_all(jobs: Sequence[tuple[Study, Path]], size_px: int, seed: int) -> Iterator[FoundBoxes]:
    draw = partial(_draw_one, size_px=size_px, seed=seed)
    processors = _processors()
    if len(jobs) < WORTH_PROCESSES or processors == 1:
        yield from map(draw, jobs)
        return
    with ProcessPoolExecutor(processors, mp_context=get_context("spawn")) as pool:
        yield from pool.map(draw, jobs, chunksize=16)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _draw_one(job: tuple[Study, Path], size_px: int, seed: int) -> FoundBoxes:
    study, path = job
    picture = draw_study(study, size_px, seed)
    Image.fromarray(picture.pixels).save(path, compress_level=3)
    return picture.boxes


def _data_entry(studies: Sequence[Study], size_px: int) -> str:
    spacing_mm = 10 * DETECTOR_CM / size_px
    lines = [DATA_ENTRY_HEADER]
    for study in studies:
        labels = "|".join(study.labels) or "No Finding"
        who = f"{study.follow_up},{study.patient},{study.age},{study.sex},{study.view}"
        lines.append(f"{study.file_name},{labels},{who},{size_px},{size_px},{spacing_mm:.6f},{spacing_mm:.6f}")
    return "\n".join(lines) + "\n"


def _box_list(studies: Sequence[Study], boxes: Sequence[FoundBoxes]) -> str:
    lines = [BOX_HEADER]
    for study, found in zip(studies, boxes, strict=True):
        lines += [f"{study.file_name},{name},{','.join(f'{side:g}' for side in box)}" for name, box in found]
    return "\n".join(lines) + "\n"
