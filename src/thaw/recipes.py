"""Recipes: published set-ups as files that say which values of params.yaml to set, and which figures belong to them."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from thaw.errors import UserError, did_you_mean
from thaw.params.section import Section, Text

RECIPES = Path("recipes")


class Figure(Section):
    """A published figure.

    Attributes:
        what: the system, where a recipe has several figures, or one that is not quite its own.
        metric: such as AUROC, mean of 14 findings.
        value: as published.
        split: how test images were set apart; without it no figure can be compared.
        images: how many images it was measured on; None: not said.
        source: where it stands.
    """

    what: Text
    metric: Text
    value: float
    split: Text
    images: int | None
    source: Text


class Measured(Section):
    """Figures that thaw got: on which data, when, on what device; ``figures`` by a name such as resnet50 full AUROC."""

    data: Text
    date: datetime.date
    device: Text
    figures: Annotated[dict[Text, float], Field(min_length=1)]


class Recipe(Section):
    """One set-up.

    Attributes:
        title: one line.
        about: what was published, and what is different here and why.
        source: who published it, and where.
        published: its figures; empty where there are none.
        thaw: the figures that thaw gets with it.
        params: the keys of params.yaml to set, nested as they are there; a strategy is replaced or added as a whole.
    """

    title: Text
    about: Text
    source: Text
    published: list[Figure]
    thaw: list[Measured]
    params: Annotated[dict[str, Any], Field(min_length=1)]


def recipe_files(folder: Path = RECIPES) -> dict[str, Path]:
    """The recipes of ``folder`` by name, in the order of their names.

    Raises:
        UserError: there are none.
    """
    files = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    if not files:
        raise UserError(f"{folder}/ is missing or holds no .yaml; run this in the folder that holds it")
    return files


def find_recipe(name: str, folder: Path = RECIPES) -> Path:
    """The file of a recipe named as in ``folder``, or named by its path, which ends in .yaml.

    Raises:
        UserError: there is no such recipe; offers the nearest name.
    """
    if name.endswith(".yaml"):
        return Path(name)
    files = recipe_files(folder)
    if name not in files:
        raise UserError(f"no recipe '{name}'; use one of {', '.join(files)}{did_you_mean(name, files)}")
    return files[name]


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe; its ``params`` are checked when they are brought together with params.yaml.

    Raises:
        UserError: the file is missing, is not YAML, or a key or value in it is wrong.
    """
    try:
        return Recipe.model_validate(YAML(typ="safe", pure=True).load(path))
    except FileNotFoundError:
        raise UserError(f"{path} is missing") from None
    except YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {error}") from None
    except ValidationError as error:
        raise UserError(f"{path}: {_one_line(error.errors()[0])}") from None


def _one_line(error: ErrorDetails) -> str:
    location = error["loc"]
    place = ".".join(str(part) for part in location) or "the file"
    match error["type"]:
        case "extra_forbidden":
            entries: dict[str, type[Section]] = {"published": Figure, "thaw": Measured} if len(location) > 1 else {}
            allowed = entries.get(str(location[0]), Recipe).model_fields
            return f"{place} is not a known key; use one of {', '.join(allowed)}{did_you_mean(location[-1], allowed)}"
        case "missing":
            return f"{place} is missing"
        case "model_type":
            return f"{place} is not a mapping; give it the keys {', '.join(Recipe.model_fields)}"
        case _:
            return f"{place}: {str(error['input'])[:60]!r} {error['msg'].removeprefix('Input ')}"
