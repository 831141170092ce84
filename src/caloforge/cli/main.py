"""The command line: one file a command group; every error a user can mend is one sentence and a non-zero exit."""

__all__ = ["app", "run"]

import sys
from typing import Annotated

import typer

from caloforge import __version__
from caloforge.cli.amplification import amplification
from caloforge.cli.diagnose import diagnose
from caloforge.cli.generate import generate
from caloforge.cli.inspect import inspect
from caloforge.cli.merge import merge
from caloforge.cli.quickstart import quickstart
from caloforge.cli.reweight import reweight
from caloforge.cli.score import score
from caloforge.cli.simulate import simulate
from caloforge.cli.train import train
from caloforge.cli.validate import validate
from caloforge.errors import CaloforgeError

app = typer.Typer(
    name="caloforge",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="print the version and exit")] = False) -> None:
    """Real Geant4 showers in, a generative model out, and proof that a physicist can trust it."""
    if show:
        print(f"caloforge {__version__}")
        raise typer.Exit


for command in (
    quickstart,
    simulate,
    merge,
    inspect,
    train,
    generate,
    validate,
    score,
    diagnose,
    reweight,
    amplification,
):
    app.command()(command)


def run() -> None:
    """Entry point of the ``caloforge`` command."""
    try:
        app()
    except CaloforgeError as error:
        print(f"caloforge: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("caloforge: interrupted", file=sys.stderr)
        sys.exit(130)
