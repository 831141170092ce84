"""What all calls share: warnings and progress that go nowhere special, and outputs that are not there yet."""

__all__ = ["ignore", "require_new", "warn_in_python"]

import warnings
from pathlib import Path

from caloforge.api.dataset import Dataset
from caloforge.data.bundled import showers_path
from caloforge.errors import UnwritablePath


def warn_in_python(text: str) -> None:
    """What to do with a warning when nobody asks."""
    warnings.warn(text, UserWarning, stacklevel=3)


def ignore(done: int, total: int) -> None:
    """What to do with the progress when nobody asks."""


def require_new(output: str | Path, overwrite: bool, *inputs: object) -> None:
    """Refuse an output that is there already, or that is one of the inputs.

    Raises:
        UnwritablePath: it exists and ``overwrite`` is off, or it is read from.
    """
    place = Path(output)
    for source in (item.path if isinstance(item, Dataset) else item for item in inputs):
        if isinstance(source, str | Path) and place.exists() and showers_path(source).resolve() == place.resolve():
            raise UnwritablePath(place, "it is the input")
    if place.exists() and not overwrite:
        raise UnwritablePath(place, "the file exists (--overwrite, in Python overwrite=True, replaces it)")
