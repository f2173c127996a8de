"""Changing single values of a YAML file and not one other character: comments, order and spacing stay.

The file is parsed for the places where its values begin and end, and only those stretches of the text are replaced.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from statistics import mode
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

Place = tuple[str, ...]
# of the text: from, to, what comes there instead
_Edit = tuple[int, int, str]
_WIDEST = 1_000_000
_LEAST_PADDING = 2


def load(text: str) -> Any:
    """The content of a YAML 1.2 text, as plain Python objects."""
    return YAML(typ="safe", pure=True).load(text)


def with_value(content: Any, place: Place, value: Any) -> Any:
    """A copy of nested mappings in which the key at ``place`` has ``value``; the key is added where it is missing."""
    if not place:
        return value
    key, *rest = place
    return {**content, key: with_value(content.get(key), tuple(rest), value)}


def with_values(text: str, values: Mapping[Place, Any]) -> str:
    """The same YAML text with other values; a value that is already there leaves its line as it is.

    A list in block style stays in block style, every entry in flow style on a line of its own; all other values are
    written in flow style. A comment after a value stays in its column if the new value leaves room, or comes back to
    the usual one. A key that its mapping does not have yet comes last there.

    Raises:
        KeyError: a mapping that a place leads through is not written where it is used.
    """
    root, content = YAML(typ="safe", pure=True).compose(text), load(text)
    edits: list[_Edit] = []
    for place, value in values.items():
        mapping, inside, key = root, content, place[-1]
        for part in place[:-1]:
            mapping, inside = _entries(mapping)[part][1], inside[part]
        # 1 and 1.0 and true are equal, and not the same
        if key in inside and repr(inside[key]) == repr(value):
            continue
        written = _entries(mapping).get(key)
        edits += _replacement(text, *written, value) if written else [_addition(text, mapping, key, value)]
    pieces, done = [], 0
    for start, end, new in sorted(edits, key=lambda edit: edit[0]):
        pieces += [text[done:start], new]
        done = end
    return "".join([*pieces, text[done:]])


def _entries(mapping: MappingNode) -> dict[str, tuple[ScalarNode, Node]]:
    return {key.value: (key, value) for key, value in mapping.value}


def _replacement(text: str, key: ScalarNode, old: Node, value: Any) -> list[_Edit]:
    start, end = old.start_mark.index, _end(text, old)
    in_block = isinstance(old, CollectionNode) and not old.flow_style
    if in_block and not (isinstance(old, SequenceNode) and isinstance(value, list) and value):
        colon = text.index(":", key.end_mark.index) + 1
        return [(colon, colon, f" {_flow(value)}"), (_line(text, start) - 1, end, "")]
    if in_block:
        new = _block(value, old.start_mark.column)
    elif start == end:  # nothing after the colon, which is null
        start = end = text.index(":", key.end_mark.index) + 1
        new = f" {_flow(value)}"
    else:
        new = _flow(value)
    padding = re.match(r" +(?=#)", text[end:])
    if padding is None:
        return [(start, end, new)]
    end += len(padding[0])
    width = len((text[_line(text, start) : start] + new).rsplit("\n", 1)[-1])
    column = min(end - _line(text, end), _usual_comment_column(text))
    return [(start, end, new + " " * max(_LEAST_PADDING, column - width))]


def _line(text: str, position: int) -> int:
    """Where the line of a position begins."""
    return text.rfind("\n", 0, position) + 1


def _usual_comment_column(text: str) -> int:
    """The column in which most comments after a value begin."""
    return mode(len(found[0]) for line in text.splitlines() if (found := re.match(r" *[^ #].*? +(?=#)", line)))


def _addition(text: str, mapping: MappingNode, key: str, value: Any) -> _Edit:
    if mapping.flow_style:
        brace = mapping.end_mark.index - 1
        return brace, brace, f"{', ' if mapping.value else ''}{_flow(key)}: {_flow(value)}"
    line_end = text.find("\n", _end(text, mapping))
    here = len(text) if line_end < 0 else line_end
    column = mapping.start_mark.column
    if isinstance(value, list) and value and isinstance(value[0], dict):
        body = "\n" + " " * (column + 2) + _block(value, column + 2)
    else:
        body = f" {_flow(value)}"
    return here, here, "\n" + " " * column + _flow(key) + ":" + body


def _end(text: str, node: Node) -> int:
    """Where the text of a node ends; the parser's own mark of a block lies behind the comments that follow it."""
    if isinstance(node, CollectionNode) and not node.flow_style:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(node, MappingNode) else last)
    start: int = node.start_mark.index
    return start + len(text[start : node.end_mark.index].rstrip())


def _block(entries: list[Any], column: int) -> str:
    """A list in block style; its first line goes where the cursor is, the others begin in ``column``."""
    return ("\n" + " " * column).join(f"- {_flow(entry)}" for entry in entries)


def _flow(value: Any) -> str:
    """A value on one line, such as ``{thaw: {last: 2}, epochs: 5}``."""
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width, yaml.sort_base_mapping_type_on_output = True, _WIDEST, False
    yaml.brace_single_entry_mapping_in_flow_sequence = True
    stream = io.StringIO()
    # inside a mapping every value is written as it must be inside one
    yaml.dump({"value": value}, stream)
    written = stream.getvalue().strip().removeprefix("{value: ").removesuffix("}")
    try:
        found = load(f"block: {written}\nflow: {{value: {written}}}\nlist:\n- {written}\n")
        readable = repr(found) == repr({"block": value, "flow": {"value": value}, "list": [value]})
    except YAMLError:
        readable = False
    # the library leaves texts such as :0 without quotes and cannot always read them then; JSON is YAML too
    return written if readable else json.dumps(value)
