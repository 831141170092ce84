"""The command line: one file a command group; every error a user can mend is one sentence and a non-zero exit."""

__all__ = ["app", "run"]

import sys
import threading
import warnings
from _thread import interrupt_main
from importlib import import_module
from typing import Annotated, Any, TextIO

import typer
from rich.markup import escape
from typer.core import TyperGroup

from caloforge import __version__
from caloforge.cli.catalogue import COMMANDS, STAGES
from caloforge.cli.kinds import CommandInWords, GroupInWords
from caloforge.errors import CaloforgeError, OddShowers, UnknownName


class _Commands(TyperGroup):
    """Imports a command's module when it is called: `simulate` in a batch job does not wait for what `train` needs."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The commands by stage, each with an example, out of the catalogue."""
        options: dict[str, Any] = {"params": self.params, "help": self.help, "rich_markup_mode": "rich"}
        GroupInWords(name=self.name, commands=_listed(), **options).format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Commands and options of this level that begin so, out of the catalogue."""
        ctx.command = TyperGroup(name=self.name, commands=_listed(), params=self.params)
        return ctx.command.shell_complete(ctx, incomplete)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first word names.

        Raises:
            UnknownName: there is none of that name; options before it are typer's to refuse.
        """
        if not args[0].startswith("-") and args[0] not in COMMANDS:
            raise UnknownName("command", args[0], COMMANDS, "`caloforge --help`")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(import_module(f"caloforge.cli.{name}"), name)
        if isinstance(command, typer.Typer):  # a group of commands
            return typer.main.get_command(command)
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(cmd_name, cls=CommandInWords)(command)
        return typer.main.get_command(alone)


def _listed() -> dict[str, Any]:
    """Commands that stand in a list and do nothing."""
    return {
        name: CommandInWords(
            name,
            help=f"{escape(entry.purpose)}\n[dim]caloforge {escape(entry.example)}[/dim]",
            rich_help_panel=stage,
        )
        for stage, entries in STAGES.items()
        for name, entry in entries.items()
    }


app = typer.Typer(
    name="caloforge",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="print the version and exit")] = False) -> None:
    """Real Geant4 showers in, a generative model out, and proof that a physicist can trust it."""
    if show:
        print(f"caloforge {__version__}")
        raise typer.Exit


class _Teller:
    """Says a warning about showers in one line, once, however often a command opens the file."""

    def __init__(self) -> None:
        self.told: set[str] = set()

    def __call__(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = str(message) if category is OddShowers else warnings.formatwarning(message, category, filename, lineno)
        if text not in self.told:
            print(f"caloforge: warning: {text}", file=sys.stderr)
        self.told.add(text)


def interrupt_again(lost: Any) -> None:
    """Hook of `sys.unraisablehook`: Ctrl-C that falls into a callback, where Python drops it, comes once more.

    Args:
        lost: the exception that could not be raised; h5py's callbacks run at the end of each long read.
    """
    if isinstance(lost.exc_value, KeyboardInterrupt):
        threading.Timer(0.01, interrupt_main).start()
    else:
        sys.__unraisablehook__(lost)


def run() -> None:
    """Entry point of the ``caloforge`` command."""
    hook, sys.unraisablehook = sys.unraisablehook, interrupt_again
    try:
        with warnings.catch_warnings(action="default", category=OddShowers):
            warnings.showwarning = _Teller()
            app()
    except CaloforgeError as error:
        print(f"caloforge: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("caloforge: interrupted", file=sys.stderr)
        sys.exit(130)
    finally:
        sys.unraisablehook = hook
