"""Options of the commands that train or run a model: ``--models`` and ``--device``."""

__all__ = ["DeviceName", "ModelsFile", "load_models"]

from pathlib import Path
from typing import Annotated

import typer

from caloforge.device import Device

ModelsFile = Annotated[
    Path | None,
    typer.Option("--models", help="Python file with models of your own; it is run, so it must be trusted"),
]
DeviceName = Annotated[
    Device, typer.Option("--device", help="where networks run; auto: on a graphics card if there is one")
]


def load_models(path: Path | None) -> None:
    """Models of installed packages, and those of a file.

    Raises:
        BadFile: no such file.
        BrokenPlugin: something that was asked for cannot be loaded.
    """
    from caloforge.models.plugins import PLUGINS

    PLUGINS.load(path)
