"""Any model of timm as a backbone: its blocks by timm's own grouping of layers, its weights by timm's own download.

timm is imported when one of its models is used, and not before: it takes a second or more.
"""

from __future__ import annotations

import difflib
import functools
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from thaw.backbones.catalog import Architecture, Blocks
from thaw.errors import UserError

HEAD_GROUP = -1
# stages.0 is the block stages0, and stage1.0 is stage1_0
_NUMBER = re.compile(r"(?<=[^\d])\.(?=\d)")


@functools.cache
def timm_architecture(name: str) -> Architecture:
    """The catalogue's entry for ``timm/<name>``, read off the model itself.

    The blocks are the groups to which timm's layer-wise learning rate decay gives one rate (``group_matcher``, coarse);
    the few models without them are cut by their children. Tokens and position embeddings are the first block's.

    Raises:
        UserError: timm has no model of this name, or the model has no classifier.
    """
    identifier = name.removeprefix("timm/")
    with torch.device("meta"):
        network = create(name)
    settings = network.pretrained_cfg
    heads = _heads(name, network, settings["classifier"])
    groups = _groups(network, heads)
    return Architecture("timm", identifier, _blocks(network, groups), heads, settings["mean"], settings["std"])


def create(name: str, **options: Any) -> Any:
    """timm's model ``timm/<name>``; UserError with the nearest names if there is none."""
    import timm

    identifier = name.removeprefix("timm/")
    plain, _, tag = identifier.partition(".")
    if not timm.is_model(plain):
        near = difflib.get_close_matches(plain, timm.list_models(), n=3, cutoff=0.5)
        raise UserError(f"{name}: timm has no model {plain}" + (f"; the nearest are {', '.join(near)}" if near else ""))
    tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{plain}.*")] if tag else []
    if tag not in ("", *tags):
        raise UserError(f"{name}: timm's {plain} has no weights {tag}; use one of {', '.join(tags)}")
    return timm.create_model(identifier, **options)


def reset_head(name: str, network: Any, classes: int) -> None:
    """Give ``network`` timm's own classifier for ``classes``."""
    if not hasattr(network, "reset_classifier"):
        raise UserError(f"{name}: this model of timm has no classifier; use another")
    network.reset_classifier(classes)


def download(name: str) -> dict[str, Tensor]:
    """timm's own pretrained weights, from the hub that timm names.

    Raises:
        UserError: they cannot be had.
    """
    timm_architecture(name)
    try:
        tensors: dict[str, Tensor] = create(name, pretrained=True).state_dict()
    except Exception as error:  # whatever timm, the hub's client and the network may raise
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UserError(
            f"weights.{name}: timm could not get its weights ({reason}); fetch them on a machine that can and give "
            f"their path as weights.{name}, or use none"
        ) from None
    return tensors


def current_names(name: str, raw: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Published files' tensors under the names of timm's current model, where timm keeps a rule for it."""
    with torch.device("meta"):
        network = create(name)
    rule = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    heads = tuple(f"{head}." for head in timm_architecture(name).heads)
    if rule is None or all(path in raw or path.startswith(heads) for path in network.state_dict()):
        return raw
    try:
        renamed: Mapping[str, Tensor] = rule(dict(raw), network)
    except Exception:  # rules are written for files of this model; another's is told by its tensors
        return raw
    return renamed


def _heads(name: str, network: Any, paths: str | tuple[str, ...] | None) -> tuple[str, ...]:
    reset_head(name, network, classes=2)
    heads = (paths,) if isinstance(paths, str) else tuple(paths or ())
    modules = dict(network.named_modules())
    if not heads or not all(isinstance(modules.get(path), nn.Linear | nn.Conv2d) for path in heads):
        raise UserError(f"{name}: this model of timm has no classifier that could be replaced; use another")
    return heads


def _groups(network: Any, heads: tuple[str, ...]) -> dict[str, int]:
    """The number of its block by parameter, blocks numbered from 0 in order; ``HEAD_GROUP`` for the head's."""
    from timm.models import group_parameters

    try:
        matcher = network.group_matcher(coarse=True)
    except (AttributeError, AssertionError):
        matcher = _by_children(network)
    groups: dict[str, int] = group_parameters(network, matcher, reverse=True)
    first, last = min(groups.values()), max(groups.values())
    for path in groups:
        if path.startswith(tuple(f"{head}." for head in heads)):
            groups[path] = HEAD_GROUP
        elif "." not in path and groups[path] == last:
            # timm's rule did not name this token: it joins the image before the first layer
            groups[path] = first
    return _without_lone_norms(network, groups)


def _by_children(network: Any) -> Callable[[str], int]:
    """A rule for ``group_parameters``: one group a child, and one each within lists and sequences of stages."""
    numbers: dict[str, int] = {}

    def number(path: str) -> int:
        parts = path.split(".")
        if len(parts) == 1:
            return 0
        within = isinstance(network.get_submodule(parts[0]), nn.Sequential | nn.ModuleList) and len(parts) > 2
        return numbers.setdefault(".".join(parts[: 2 if within else 1]), len(numbers))

    return number


def _without_lone_norms(network: Any, groups: dict[str, int]) -> dict[str, int]:
    """Join groups that hold normalisation layers only to the group before, then number without gaps."""
    owners = {path: network.get_submodule(path.rpartition(".")[0]) for path in groups}
    real = {number for path, number in groups.items() if "Norm" not in type(owners[path]).__name__}
    numbers = sorted(real - {HEAD_GROUP})
    joined = {
        number: HEAD_GROUP if number == HEAD_GROUP else max(sum(start <= number for start in numbers) - 1, 0)
        for number in set(groups.values())
    }
    return {path: joined[number] for path, number in groups.items()}


def _blocks(network: Any, groups: Mapping[str, int]) -> Blocks:
    """Each group as the largest modules that hold nothing else."""
    inside: dict[str, set[int]] = {}
    for path, number in groups.items():
        for prefix in _prefixes(path):
            inside.setdefault(prefix, set()).add(number)
    roots = [p for p, numbers in inside.items() if len(numbers) == 1 and len(inside.get(_parent(p), (0, 1))) > 1]
    parts: list[list[str]] = [[] for _ in range(max(groups.values()) + 1)]
    for root in roots:
        (number,) = inside[root]
        if number != HEAD_GROUP:
            parts[number].append(root)
    # tables that several blocks read, such as rotary positions, are constants outside them all
    tables = [path for path, _ in network.named_buffers() if not set(_prefixes(path)) & set(roots)]
    parts[0] += dict.fromkeys(_parent(path) if _parent(path) not in ("", *inside) else path for path in tables)
    names = ["stem", *(_NUMBER.sub("", part[0]).replace(".", "_") for part in parts[1:])]
    return tuple((name, "|".join(re.escape(p) for p in part)) for name, part in zip(names, parts, strict=True))


def _prefixes(path: str) -> list[str]:
    """``a.b.c`` gives a, a.b and a.b.c."""
    parts = path.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _parent(path: str) -> str:
    return path.rpartition(".")[0]
