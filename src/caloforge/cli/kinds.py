"""What the options of a command take, in words: "number from 1", "text, several", "path"."""

__all__ = ["CommandInWords", "GroupInWords", "kind_in_words", "parameters_of"]

import inspect
import types
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from typer.core import TyperCommand, TyperGroup
from typer.models import ArgumentInfo, OptionInfo


class Taken(NamedTuple):
    """One option or argument of a command.

    Args:
        parameter: of the function.
        kind: its type.
        info: what typer was told of it.
    """

    parameter: inspect.Parameter
    kind: Any
    info: OptionInfo | ArgumentInfo


def parameters_of(function: Callable[..., Any]) -> Iterator[Taken]:
    """Options and arguments of a command, as its function declares them.

    Args:
        function: of the command.
    """
    hints = get_type_hints(function, include_extras=True)
    for parameter in inspect.signature(function).parameters.values():
        hint = hints.get(parameter.name)
        if get_origin(hint) is Annotated:
            kind, info = get_args(hint)[:2]
            if isinstance(info, OptionInfo | ArgumentInfo):
                yield Taken(parameter, kind, info)


def kind_in_words(kind: Any, low: float | None = None, high: float | None = None, mark: str = "") -> str:
    """What a value is; nothing for a switch.

    Args:
        kind: type of the option.
        low: smallest number that it takes.
        high: largest.
        mark: around each choice.
    """
    if get_origin(kind) in (Union, types.UnionType):
        (kind,) = (each for each in get_args(kind) if each is not type(None))
    if get_origin(kind) is list:
        return f"{kind_in_words(get_args(kind)[0], low, high, mark)}, several"
    if get_origin(kind) is Literal:
        return ", ".join(f"{mark}{choice}{mark}" for choice in get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(f"{mark}{choice.value}{mark}" for choice in kind)
    word: str = {bool: "", str: "text", int: "number", float: "number"}.get(kind, kind.__name__.lower())
    bounds = "" if low is None else f" from {low:g}"
    return word + bounds + ("" if high is None else f" to {high:g}")


class _InWords:
    """Help that names kinds of values in words, where typer would write the types of Python."""

    callback: Callable[..., Any] | None

    def get_params(self, ctx: Any) -> list[Any]:
        """Options and arguments, each with the words for what it takes."""
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        taken = {} if self.callback is None else {each.parameter.name: each for each in parameters_of(self.callback)}
        for parameter in parameters:
            words = ""  # switches, --help among them
            if parameter.name in taken:
                _, kind, info = taken[parameter.name]
                words = kind_in_words(kind, info.min, info.max)
            parameter.display_type = partial(_same, words)
            parameter._get_number_range_help_str = str  # empty: the words have the range
        return parameters


def _same(words: str, ctx: Any) -> str:
    return words


class CommandInWords(_InWords, TyperCommand):
    """A command."""


class GroupInWords(_InWords, TyperGroup):
    """A group of commands."""
