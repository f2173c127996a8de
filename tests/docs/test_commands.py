"""Every command that the documentation names exists, with its options, and every parameter set with -S too."""

from __future__ import annotations

import importlib.util
import itertools
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from dvc.cli.parser import get_main_parser
from ruamel.yaml import YAML

from tests.docs.pages import PAGES, ROOT, blocks, commands, prose
from thaw.commands import COMMANDS
from thaw.params.schema import Params
from thaw.recipes import recipe_files

SPAN = re.compile(r"`([^`\n]+)`")
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
PARAMS: dict[str, Any] = YAML(typ="safe").load(ROOT / "params.yaml")


def named(name: str) -> Iterator[str]:
    """Commands in console blocks and in code spans, one at a time."""
    page = ROOT / name
    lines = [command for block in blocks(page) for command, _ in commands(block)]
    for line in [*lines, *SPAN.findall(prose(page))]:
        for part in re.split(r"&&|;|\s\|\s|(?:^|\s)#", line):
            if re.match(r"(dvc|python -m thaw)( |$)", part.strip()):
                yield part.strip()


def settings(words: list[str]) -> list[str]:
    """What follows each -S."""
    return [value for option, value in itertools.pairwise(words) if option == "-S"]


def has_parameter(place: str) -> bool:
    """Whether ``place``, such as strategies.full.0.lr, is a key of params.yaml."""
    content: Any = PARAMS
    for key in place.split("."):
        if isinstance(content, list) and key.isdigit() and int(key) < len(content):
            content = content[int(key)]
        elif isinstance(content, dict) and key in content:
            content = content[key]
        else:
            return False
    return True


@pytest.mark.parametrize("name", NAMES)
def test_commands_of_thaw_exist(name: str) -> None:
    for command in named(name):
        words = shlex.split(command)
        if words[:2] != ["python", "-m"] or len(words) == 3:
            continue
        module, first = words[2], words[3]
        if module == "thaw":
            assert first in COMMANDS or first in ("COMMAND", "--help"), f"{name}: {command}"
        else:
            assert importlib.util.find_spec(module) is not None, f"{name}: {command}"
        if words[2:4] == ["thaw", "recipe"] and len(words) > 4:
            known = {*recipe_files(ROOT / "recipes"), "NAME", "mine.yaml"}
            assert words[4] in known, f"{name}: {command}"


@pytest.mark.parametrize("name", NAMES)
def test_commands_of_dvc_exist_with_their_options(name: str) -> None:
    parser = get_main_parser()
    for command in named(name):
        words = shlex.split(command)
        if words[0] != "dvc" or words == ["dvc"] or words[-1] in ("plots", "exp"):
            continue
        parser.parse_args(words[1:])  # raises where it does not know one


@pytest.mark.parametrize("name", NAMES)
def test_parameters_that_are_set_exist(name: str) -> None:
    for command in named(name):
        for setting in settings(shlex.split(command)):
            place = setting.partition("=")[0]
            assert place == "…" or has_parameter(place), f"{name}: {command}"


def test_all_parameters_are_sections_of_the_schema() -> None:
    assert set(PARAMS) == set(Params.model_fields)
    assert has_parameter("strategies.full.0.lr")
    assert not has_parameter("strategies.full.9.lr")
    assert not has_parameter("train.optimiser")
