"""The sample that comes with caloforge: Geant4 electrons of 1-100 GeV on `par04-siw`, readout `siw-1080`."""

__all__ = ["BUNDLED", "showers_path"]

from importlib.resources import files
from pathlib import Path

BUNDLED = "bundled"


def showers_path(name: str | Path) -> Path:
    """The path itself, or that of the bundled sample for the name ``bundled``.

    Args:
        name: a path, or ``bundled``.
    """
    if str(name) == BUNDLED:
        return Path(str(files("caloforge.data") / "samples" / "electrons-siw-1080.h5"))
    return Path(name)
