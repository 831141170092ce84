"""Options that mean the same in every command, written once."""

__all__ = [
    "BinningOption",
    "ObservablesOption",
    "OverwriteOption",
    "SplitOption",
    "load_observables",
    "one_a_shower",
]

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from caloforge.data.split_names import Part

BinningOption = Annotated[
    str | None,
    typer.Option("--binning", "--readout", help="mesh by name, or a CaloChallenge XML; for files that carry none"),
]
ObservablesOption = Annotated[
    Path | None, typer.Option(help="Python file with observables of your own; it is run, so it must be trusted")
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="replace an earlier result; never an input")]

SplitOption = Annotated[
    Part, typer.Option(help="which showers of the truth to use; auto: those that the model was not trained on")
]


def load_observables(path: Path | None) -> tuple[str, ...]:
    """Observables of installed packages, and those of a file; the names of the latter.

    Raises:
        BadFile: no such file.
        BrokenPlugin: something that was asked for cannot be loaded.
    """
    from caloforge.physics import plugins

    return plugins.load_observables(path)


def one_a_shower(names: Iterable[str]) -> tuple[str, ...]:
    """Those of some observables that have one value a shower, which tests of single showers need."""
    from caloforge.physics.observables import select

    return tuple(name for name, observable in select(names).items() if observable.per == "shower")
