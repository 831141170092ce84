"""Options that mean the same in every command, written once."""

__all__ = ["BinningOption", "ObservablesOption", "OverwriteOption", "load_observables", "one_a_shower"]

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from caloforge.physics.observables import select
from caloforge.physics.plugins import load_observables

BinningOption = Annotated[
    str | None,
    typer.Option("--binning", "--readout", help="mesh by name, or a CaloChallenge XML; for files that carry none"),
]
ObservablesOption = Annotated[
    Path | None, typer.Option(help="Python file with observables of your own; it is run, so it must be trusted")
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="replace an earlier result; never an input")]


def one_a_shower(names: Iterable[str]) -> tuple[str, ...]:
    """Those of some observables that have one value a shower, which tests of single showers need."""
    return tuple(name for name, observable in select(names).items() if observable.per == "shower")
