"""The page of all commands, written out of their own help: `python tools/docs/commands.py docs/commands.md`."""

__all__ = ["page"]

import inspect
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.models import ArgumentInfo, OptionInfo

from caloforge.cli.catalogue import STAGES
from caloforge.cli.kinds import kind_in_words, parameters_of

_TOP = """# Commands

Every command with its options, as `caloforge COMMAND --help` prints them. `caloforge --install-completion` teaches the
shell their names. A command that cannot do what it is asked says why in one sentence, ends with 1, and leaves no file
half-written.
"""


def page() -> str:
    """Markdown of all stages and commands."""
    lines = [_TOP]
    for stage, entries in STAGES.items():
        lines.append(f"## {stage}\n")
        for name, entry in entries.items():
            lines.append(f"### {name}\n\n{_plain(entry.purpose)}\n\n```\ncaloforge {entry.example}\n```\n")
            module = name.replace("-", "_")
            command = getattr(import_module(f"caloforge.cli.{module}"), module)
            lines.extend(_group(command, name) if isinstance(command, typer.Typer) else _parameters(command))
    return "\n".join(lines)


def _group(group: typer.Typer, name: str) -> Iterator[str]:
    for command in group.registered_commands:
        if command.callback is not None:
            part = command.name or command.callback.__name__.replace("_", "-")
            yield f"#### {name} {part}\n\n{_plain(inspect.getdoc(command.callback))}\n"
            yield from _parameters(command.callback)


def _parameters(function: Callable[..., Any]) -> Iterator[str]:
    """A table of what a command takes."""
    yield "| takes | | |\n| --- | --- | --- |"
    for parameter, kind, info in parameters_of(function):
        if not info.hidden:
            words = kind_in_words(kind, info.min, info.max, mark="`")
            yield f"| {_spelling(parameter, info)} | {words} | {_plain(info.help)}{_default(parameter.default)} |"
    yield ""


def _spelling(parameter: inspect.Parameter, info: OptionInfo | ArgumentInfo) -> str:
    """As it is written on the command line."""
    if isinstance(info, ArgumentInfo):
        return f"`{(info.metavar or parameter.name).upper()}`"
    # where typer.Option stands in Annotated, its first argument, called default, is a spelling like those after it
    words = [word for word in (info.default, *(info.param_decls or ())) if isinstance(word, str)]
    if not words:
        plain = parameter.name.replace("_", "-")
        words = [f"--no-{plain}" if parameter.default is True else f"--{plain}"]
    return ", ".join(f"`{word}`" for word in words)


def _default(default: Any) -> str:
    if default is inspect.Parameter.empty:
        return " (required)"
    if default in (None, (), True, False):
        return ""
    return f" (`{getattr(default, 'value', default)}` if not given)"


def _plain(text: str | None) -> str:
    """Help as one line of Markdown: what looks like a tag, a table's wall or emphasis is shown as it is."""
    line = " ".join((text or "").split())
    for mark in ("\\", "|", "<", "*", "_", "["):
        line = line.replace(mark, "\\" + mark)
    return line


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page())
