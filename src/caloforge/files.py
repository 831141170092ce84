"""Files that replace nothing unasked, are written beside their place and renamed when complete; JSON without NaN."""

__all__ = [
    "cache_folder",
    "finite_json",
    "replace_all_when_complete",
    "replace_when_complete",
    "require_new",
    "require_writable",
    "write_files",
]

import contextlib
import math
import os
import platform
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from caloforge.errors import UnwritablePath


def cache_folder() -> Path:
    """Where fetched data stays: ``$CALOFORGE_CACHE``, or ``$XDG_CACHE_HOME/caloforge``, or ``~/.cache/caloforge``."""
    if own := os.environ.get("CALOFORGE_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "caloforge"


def finite_json(value: Any) -> Any:
    """Values that JSON can hold: infinity and NaN become null.

    Args:
        value: numbers, text, mappings and sequences, nested as they are.
    """
    if isinstance(value, Mapping):
        return {str(key): finite_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite_json(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def require_writable(folder: str | Path) -> None:
    """Fail before the work rather than after it, and leave nothing.

    Args:
        folder: it or its nearest folder above that exists has to be writable.

    Raises:
        UnwritablePath: the folder cannot be made or written.
    """
    nearest = next(place for place in (Path(folder).absolute(), *Path(folder).absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryDirectory(dir=nearest):
            pass
    except OSError as error:
        raise UnwritablePath(folder, error.strerror or "the folder is read-only") from error


def require_new(path: str | Path, overwrite: bool, inputs: Iterable[str | Path | None] = ()) -> Path:
    """Fail before the work where a result would take the place of something; an input is never replaced.

    Args:
        path: the file to make; of a folder of results, the file that says that it is complete.
        overwrite: whether an earlier result may go.
        inputs: what the command reads; None stands for an option that was not given.

    Returns:
        The path.

    Raises:
        UnwritablePath: it is a folder, a device, an input, or there is a file and ``overwrite`` is off.
    """
    path = Path(path)
    try:
        exists = path.exists()
    except OSError as error:  # a name that is too long, a folder that may not be read
        raise UnwritablePath(path, error.strerror or "it cannot be looked at") from error
    if path.is_dir():
        raise UnwritablePath(path, "it is a folder")
    if exists and not path.is_file():  # replacing /dev/null would take it from everybody
        raise UnwritablePath(path, "it is a device or a pipe, not a plain file")
    if any(source is not None and Path(source).resolve() == path.resolve() for source in inputs):
        raise UnwritablePath(path, "it is an input of this command")
    if exists and not overwrite:
        raise UnwritablePath(path, "the file exists (overwrite=True, or --overwrite, replaces it)")
    return path


def replace_when_complete(path: str | Path, write: Callable[[Path], object]) -> None:
    """One file, written beside its place and renamed when it is complete; what fails leaves nothing.

    Args:
        path: the file.
        write: called with the path to write to, of this process alone.

    Raises:
        UnwritablePath: the file cannot be written.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise UnwritablePath(path, "the folder is missing")
    require_writable(path.parent)
    beside = path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}.partial")
    try:
        write(beside)
        beside.replace(path)
    except OSError as error:
        raise UnwritablePath(path, error.strerror or "the folder is missing or read-only") from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def replace_all_when_complete(
    path: str | Path, write: Callable[[Path], object], companions: Mapping[Path, bytes]
) -> None:
    """One file and small ones that belong to it, all written beside their places and renamed when all are complete.

    Args:
        path: the file; it is renamed last.
        write: called with the path to write to, of this process alone.
        companions: place of each small file -> content.

    Raises:
        UnwritablePath: a file cannot be written.
    """

    def write_both(beside: Path) -> None:
        with tempfile.TemporaryDirectory(prefix=".companions-", dir=Path(path).parent) as folder:
            ready = {Path(folder) / place.name: place for place in companions}
            for place, content in zip(ready, companions.values(), strict=True):
                place.write_bytes(content)
            write(beside)
            for place, target in ready.items():
                place.replace(target)

    if companions:
        replace_when_complete(path, write_both)
    else:
        replace_when_complete(path, write)


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Everything goes into a folder beside its place and is moved when complete, the JSON last.

    Args:
        folder: where they go; it is made if missing.
        files: name in the folder -> content; moved in this order.

    Raises:
        UnwritablePath: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".report-", dir=folder, ignore_cleanup_errors=True) as place:
            beside = Path(place)
            for directory in (beside, folder):
                (directory / "plots").mkdir(exist_ok=True)
            for name, content in files.items():
                (beside / name).write_bytes(content)
            for name in files:
                (beside / name).replace(folder / name)
    except OSError as error:
        raise UnwritablePath(folder, error.strerror or "writing failed") from error
