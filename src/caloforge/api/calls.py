"""What all calls share: warnings and progress that go nowhere special, fields of configurations."""

__all__ = ["checked", "ignore", "warn_in_python"]

import difflib
import warnings
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from caloforge.errors import BadValue

Fields = TypeVar("Fields", bound=BaseModel)


def warn_in_python(text: str) -> None:
    """What to do with a warning when nobody asks."""
    warnings.warn(text, UserWarning, stacklevel=3)


def ignore(done: int, total: int) -> None:
    """What to do with the progress when nobody asks."""


def checked(kind: type[Fields], fields: Mapping[str, Any], name: str) -> Fields:
    """A configuration from its fields.

    Args:
        kind: of configuration.
        fields: by name.
        name: of what is configured, for the sentence.

    Raises:
        BadValue: a field that does not exist, with the ones of similar name, or a value that it cannot have.
    """
    for field in fields:
        if field not in kind.model_fields:
            alike = difflib.get_close_matches(field, kind.model_fields) or list(kind.model_fields)
            raise BadValue(f"field of {name}", field, f"there is no such field; did you mean {' or '.join(alike)}?")
    try:
        return kind.model_validate(dict(fields))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise BadValue(f"{place} of {name}", first["input"], first["msg"]) from error
