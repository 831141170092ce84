"""The option ``--models`` of every command that trains or loads a model."""

__all__ = ["ModelsFile", "load_models"]

from pathlib import Path
from typing import Annotated

import typer

from caloforge.models.plugins import PLUGINS

ModelsFile = Annotated[
    Path | None,
    typer.Option("--models", help="Python file with models of your own; it is run, so it must be trusted"),
]


def load_models(path: Path | None) -> None:
    """Models of installed packages, and those of a file.

    Raises:
        BadFile: no such file.
        BrokenPlugin: something that was asked for cannot be loaded.
    """
    PLUGINS.load_installed()
    if path is not None:
        PLUGINS.load_file(path)
