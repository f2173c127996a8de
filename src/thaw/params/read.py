"""Reading params.yaml: the whole file is validated, a stage sees only the sections that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from thaw.errors import UserError, did_you_mean
from thaw.params.schema import Params

PARAMS = Path("params.yaml")


class Sections:
    """The sections of the parameters that a stage declared; any other is an error of the stage, not of the user."""

    def __init__(self, params: Params, names: tuple[str, ...]) -> None:
        self._params = params
        self._names = names

    def __getattr__(self, name: str) -> Any:
        if name in self._names:
            return getattr(self._params, name)
        keys = [declared.removeprefix(f"{name}.") for declared in self._names if declared.startswith(f"{name}.")]
        if not keys:
            raise AttributeError(f"this stage reads '{name}' without declaring it")
        return {key: _entry(self._params, name, key) for key in keys}


def read_params(*sections: str, path: Path = PARAMS) -> Params:
    """Validate the whole of ``path`` and return the named sections: ``train``, or one entry, ``strategies.full``.

    A section of which single entries are named comes as a mapping that holds these alone.

    Raises:
        UserError: the file is missing, is not YAML, or a key or value in it is wrong.
    """
    return cast("Params", Sections(validate(_load(path)), sections))


def _entry(params: Params, section: str, key: str) -> Any:
    entries: Any = getattr(params, section)
    if isinstance(entries, BaseModel):
        return getattr(entries, key)
    if key not in entries:
        choice = f"use one of {', '.join(entries)}{did_you_mean(key, entries)}"
        raise UserError(f"params.yaml: {section}.{key} is missing; {choice}")
    return entries[key]


def validate(content: object) -> Params:
    """Check parameters as read from YAML; the first error becomes one line."""
    try:
        params = Params.model_validate(content)
    except ValidationError as error:
        raise UserError(f"params.yaml: {_one_line(error.errors()[0])}") from None
    for place, name, allowed in _references(params):
        if name not in allowed:
            choice = f"use one of {', '.join(allowed)}{did_you_mean(name, allowed)}"
            raise UserError(f"params.yaml: {place}: {name!r} is not known; {choice}")
    _check_folds(params)
    return params


def _load(path: Path) -> object:
    # YAML 1.2, as DVC reads and writes it: PyYAML takes 1e-06 for a text
    try:
        return YAML(typ="safe").load(path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run this in the folder that holds it") from None
    except YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {error}") from None


def _references(params: Params) -> list[tuple[str, str, list[str]]]:
    """Names that must exist elsewhere in the file: (where it stands, the name, the names that exist)."""
    models = [(f"models.{index}", model, list(params.weights)) for index, model in enumerate(params.models)]
    compared = [(f"compared.{index}", name) for index, name in enumerate(params.compared)]
    named = [("strategy", params.strategy), *compared]
    return [*models, *((place, name, list(params.strategies)) for place, name in named)]


def _check_folds(params: Params) -> None:
    """Raise UserError unless every further fold is one that ``split.folds`` makes."""
    folds = params.split.folds
    if params.folds and folds is None:
        raise UserError(f"params.yaml: folds: {params.folds} needs split.folds, which is null; set it, or folds: []")
    if wrong := [fold for fold in params.folds if folds is not None and fold > folds]:
        raise UserError(f"params.yaml: folds: {wrong[0]} is not allowed; split.folds is {folds}, so use 2 to {folds}")


def _one_line(error: ErrorDetails) -> str:
    location = error["loc"]
    place = ".".join(str(part) for part in location if part != "[key]") or "the file"
    value = error["input"]
    match error["type"]:
        case "extra_forbidden":
            allowed = _keys_at(location[:-1])
            return f"{place} is not a known key; use one of {', '.join(allowed)}{did_you_mean(location[-1], allowed)}"
        case "missing":
            return f"{place} is missing"
        case "literal_error":
            allowed = [part.strip("'") for part in error["ctx"]["expected"].replace(" or ", ", ").split(", ")]
            return f"{place}: {value!r} is not allowed; use one of {', '.join(allowed)}{did_you_mean(value, allowed)}"
        case "value_error":
            return f"{place}: {_short(value)}: {error['ctx']['error']}"
        case "model_type" | "dict_type":
            return f"{place}: {_short(value)} is not a section; give it the keys {', '.join(_keys_at(location))}"
        case _:
            reason = error["msg"].removeprefix("Input ")
            return f"{place}: {_short(value)} {reason}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    """The keys that the schema allows at a place, found by walking its annotations."""
    model: Any = Params
    for part in location:
        if isinstance(part, str) and isinstance(model, type) and issubclass(model, BaseModel):
            model = model.model_fields[part].annotation if part in model.model_fields else _model_within(model)
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            model = _model_within(model)
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_within(annotation: Any) -> Any:
    """The section class inside an annotation such as ``dict[str, list[Phase]]``; the annotation itself if none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = [_model_within(part) for part in getattr(annotation, "__args__", ())]
    return next((part for part in inner if isinstance(part, type) and issubclass(part, BaseModel)), annotation)
