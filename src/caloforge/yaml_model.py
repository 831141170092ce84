"""YAML and plain fields to pydantic models: every complaint is one sentence with the place, and the name meant."""

__all__ = ["blamed_on", "checked", "read_text", "register_named", "yaml_mapping", "yaml_value"]

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from caloforge.errors import BadField, BadFile, BadValue, UnknownName

_Model = TypeVar("_Model", bound=BaseModel)


def read_text(path: Path, expected: str) -> str:
    """The text of a file.

    Args:
        path: of the file.
        expected: what it should be, such as ``a YAML checklist``.

    Raises:
        BadFile: missing, unreadable, or not text.
    """
    if not path.is_file():
        raise BadFile(path, "no such file", f"give {expected}")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(path, "not a text file", f"give {expected}") from error


def yaml_value(text: str, source: str | Path) -> Any:
    """What YAML text says; nothing in it is run.

    Args:
        text: YAML.
        source: file or option that is named in the error.

    Raises:
        BadFile: not YAML.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadFile(source, f"not YAML ({' '.join(str(error).split())})", "mend it") from error


def yaml_mapping(text: str, source: str | Path, fields: str) -> dict[str, Any]:
    """The fields at the top of YAML text.

    Args:
        text: YAML.
        source: file or option that is named in the error.
        fields: what could stand there, such as ``name and layers``.

    Raises:
        BadFile: not YAML, or no mapping of names to values.
    """
    tree = yaml_value(text, source)
    if not isinstance(tree, dict) or not all(isinstance(name, str) for name in tree):
        raise BadFile(source, "not a YAML mapping", f"give fields such as {fields}")
    return tree


@contextmanager
def blamed_on(source: str | Path) -> Iterator[None]:
    """Whatever is wrong with values inside is wrong with this file.

    Raises:
        BadFile: in place of `BadValue` and `UnknownName`, with their sentence.
    """
    try:
        yield
    except (BadValue, UnknownName) as error:
        raise BadFile(source, str(error)) from error


def checked(kind: type[_Model], fields: Any, listed: str, place: str = "") -> _Model:
    """A model from its fields.

    Args:
        kind: of model.
        fields: by name, as a mapping; whatever a file has in its place is refused.
        listed: where the fields are described, such as a page of the documentation.
        place: where the model stands in something larger, such as ``layers.3``.

    Raises:
        UnknownName: a field that does not exist, with the names that may be meant.
        BadField: a field that is missing or has a value that it cannot have; one of several.
    """
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        problems = error.errors()
        # a misspelt field may be missing under its right name, too: that it is misspelt says more
        first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
        where = [part for part in (place, *map(str, first["loc"])) if part]
        if first["type"] == "extra_forbidden":
            of = f"field of {'.'.join(where[:-1])}:" if where[:-1] else "field"
            raise UnknownName(of, where[-1], _fields(kind, first["loc"][:-1]), listed) from error
        raise BadField(".".join(where) or "at the top", _problem(first), listed) from error


def register_named(table: dict[str, Any], options: type[BaseModel], what: str) -> None:
    """Make options known under the default of their ``name``; those that the same module defined before are replaced.

    Args:
        table: all that are known, by name.
        options: their class.
        what: they are of, for errors.

    Raises:
        BadValue: the name is taken by another module, or is no text.
    """
    name = options.__pydantic_fields__["name"].default
    if not isinstance(name, str):
        raise BadValue(f"name of {options.__name__}", name, 'give it a default: name: Literal["mine"] = "mine"')
    before = table.get(name)
    if before is not None and before.__module__ != options.__module__:
        raise BadValue(f"name of the {what}", name, f"it is already defined by {before.__module__}; choose another")
    table[name] = options


def _problem(first: Mapping[str, Any]) -> str:
    value, message = first["input"], first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return "is missing"
    reason = message[0].lower() + message[1:]
    return f"is {value!r}: {reason}" if isinstance(value, str | int | float | None) else f"is of no use: {reason}"


def _fields(kind: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    """Names of the fields of the models that may stand at a place; indices of lists and keys of mappings lead on."""
    models = [kind]
    for part in place:
        annotations = [model.model_fields[part].annotation for model in models if part in model.model_fields]
        models = [model for annotation in annotations for model in _models(annotation)] or models
    return sorted({name for model in models for name in model.model_fields})


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]
