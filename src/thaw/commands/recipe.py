"""Write a published set-up into params.yaml, keeping its comments, and print what changed; dvc repro then runs it.

Without a name: list the recipes, which lie in recipes/.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_origin

from ruamel.yaml.error import YAMLError

from thaw.errors import UserError
from thaw.files import write_text
from thaw.params.read import PARAMS, read_params, validate
from thaw.params.schema import Params
from thaw.params.section import Section
from thaw.recipes import Recipe, find_recipe, read_recipe, recipe_files
from thaw.yaml_edit import Place, load, with_value, with_values


def values_by_place(params: Mapping[str, Any], section: type[Section] = Params) -> Iterator[tuple[Place, Any]]:
    """The single values that a recipe sets, each with its place in params.yaml.

    Sections are entered; strategies, weights, and mappings that are a value, such as ``{plateau: 2}``, stay whole.
    """
    for key, value in params.items():
        annotation = section.model_fields[key].annotation if key in section.model_fields else None
        if isinstance(value, dict) and isinstance(annotation, type) and issubclass(annotation, Section):
            yield from (((key, *place), inner) for place, inner in values_by_place(value, annotation))
        elif isinstance(value, dict) and get_origin(annotation) is dict:
            yield from (((key, name), inner) for name, inner in value.items())
        else:
            yield (key,), value


def applied(text: str, recipe: Recipe, path: Path) -> str:
    """The text of a valid params.yaml with the values of ``recipe``; all else stays as it is, to the character.

    Args:
        text: params.yaml.
        recipe: what to set.
        path: where the recipe lies, for its errors.

    Raises:
        UserError: the recipe names an unknown key or a wrong value, or params.yaml shares a value between keys (``&``,
            ``*``), so that one of them cannot be changed alone.
    """
    values = dict(values_by_place(recipe.params))
    expected = load(text)
    for place, value in values.items():
        expected = with_value(expected, place, value)
    try:
        validate(expected)
    except UserError as error:
        raise UserError(f"{path}: params.{str(error).removeprefix('params.yaml: ')}") from None
    try:
        result = with_values(text, values)
        done = bool(load(result) == expected)
    except (KeyError, YAMLError):
        done = False
    if not done:
        raise UserError(f"{PARAMS} shares values between keys (& and *); write them out, then apply the recipe")
    return result


def changes(before: str, after: str, name: str) -> str:
    """A unified diff with one line around every change; empty if there is none."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), str(PARAMS), f"{PARAMS} with {name}", n=1, lineterm=""
    )
    return "\n".join(lines)


def figures(recipe: Recipe) -> str:
    """The published figures and those of thaw, a line each."""
    published = [
        f"Published: {figure.what}: {figure.metric} {figure.value:g}; split: {figure.split}; "
        f"images: {'not said' if figure.images is None else f'{figure.images:,}'}; {figure.source}"
        for figure in recipe.published
    ]
    measured = [
        f"thaw: {name} {value:g}; {run.data}; {run.date}, {run.device}"
        for run in recipe.thaw
        for name, value in run.figures.items()
    ]
    return "\n".join([*(published or ["Published: no figure."]), *(measured or ["thaw: not measured yet."])])


def list_recipes() -> None:
    """Print all recipes by name and title."""
    files = recipe_files()
    for name, path in files.items():
        print(f"{name:<{max(map(len, files))}}  {read_recipe(path).title}")
    print("\npython -m thaw recipe NAME writes one into params.yaml; --dry-run only shows what it would change.")


def apply_recipe(name: str, dry_run: bool) -> None:
    """Write a recipe into params.yaml, or, if ``dry_run``, only show what it would change."""
    path = find_recipe(name)
    recipe = read_recipe(path)
    read_params(path=PARAMS)  # what is wrong before the recipe is not the recipe's
    before = PARAMS.read_bytes().decode()
    after = applied(before, recipe, path)
    if before == after:
        print(f"{PARAMS} is as the recipe {path.stem} says already; nothing to change.")
    else:
        print(changes(before, after, path.stem))
    if not dry_run and before != after:
        write_text(PARAMS, after)
    print(f"\n{recipe.title}\nSource: {recipe.source}\n{figures(recipe)}\n")
    if dry_run:
        print(f"A dry run: {PARAMS} was not written.")
    else:
        print(f"Run it: dvc repro. What differs from the published set-up, and why: {path}")


def main(arguments: Sequence[str]) -> None:
    """List the recipes, or apply one."""
    parser = argparse.ArgumentParser(
        prog="python -m thaw recipe", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="?", help="a recipe of recipes/, or the path of one's own, ending in .yaml")
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and write nothing")
    given = parser.parse_args(arguments)
    if given.name is None:
        list_recipes()
    else:
        apply_recipe(given.name, given.dry_run)
