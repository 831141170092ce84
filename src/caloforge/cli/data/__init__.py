"""`caloforge data`: files of showers cut, merged, turned, ordered and fetched; every result is a new file."""

__all__ = ["data"]

from collections.abc import Callable

import typer

from caloforge.cli.data.cells import mask, merge_cells, mirror, rotate, threshold
from caloforge.cli.data.public import get, list_sets
from caloforge.cli.data.rows import head, select, slice_rows, weight
from caloforge.cli.data.several import concat, shuffle, split
from caloforge.cli.kinds import CommandInWords

data = typer.Typer(
    name="data",
    help="Cut, merge, turn, order and fetch files of showers; every result is a new file.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_COMMANDS: dict[str, Callable[..., None]] = {
    "merge-cells": merge_cells,
    "threshold": threshold,
    "mask": mask,
    "rotate": rotate,
    "mirror": mirror,
    "select": select,
    "head": head,
    "slice": slice_rows,
    "weight": weight,
    "shuffle": shuffle,
    "split": split,
    "concat": concat,
    "list": list_sets,
    "get": get,
}
for name, command in _COMMANDS.items():
    data.command(name, cls=CommandInWords)(command)
