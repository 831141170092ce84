"""A cheap look into a file of any kind: first bytes, what HDF5 holds, which trees ROOT holds; nothing is unpacked."""

__all__ = ["Dataset", "Peek", "reading", "require_extra"]

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py

from caloforge.data.checks import describe_open_error
from caloforge.errors import BadFile, CaloforgeError, MissingExtra

_MOST_DATASETS = 10_000
_MOST_PACKED = 5000  # bytes that one byte of a file may stand for; gzip packs 1032


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever a library raises on a damaged file becomes one sentence; errors of caloforge pass as they are.

    Args:
        path: of the file.

    Raises:
        BadFile: truncated or damaged.
    """
    try:
        yield
    except CaloforgeError:
        raise
    except Exception as error:  # uproot, zipfile and the unpackers have classes of their own, of no common base
        what = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise BadFile(path, f"truncated or damaged ({what})", "make it again or give another file") from error


def require_extra(module: str, extra: str = "formats") -> ModuleType:
    """A module of an optional package.

    Args:
        module: to import.
        extra: of caloforge that installs it.

    Raises:
        MissingExtra: it is not installed; the sentence says how to.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtra(module.partition(".")[0], extra) from error


@dataclass(frozen=True)
class Dataset:
    """Shape and type of an HDF5 dataset.

    Args:
        shape: as it is.
        kind: NumPy's letter of the type: f, i, u, S, O (variable length), V (compound).
    """

    shape: tuple[int, ...]
    kind: str


@dataclass(frozen=True)
class Peek:
    """What a format is told by; each part is read once, when it is first asked for.

    Args:
        path: of a file that exists.
    """

    path: Path

    @cached_property
    def start(self) -> bytes:
        """The first 4096 bytes."""
        with reading(self.path), self.path.open("rb") as file:
            return file.read(4096)

    @property
    def is_hdf5(self) -> bool:
        """Whether it begins as HDF5 does."""
        return self.start.startswith(b"\x89HDF\r\n\x1a\n")

    @property
    def is_root(self) -> bool:
        """Whether it begins as ROOT does."""
        return self.start.startswith(b"root")

    @property
    def text(self) -> str | None:
        """The first bytes as text; None where they are none."""
        if b"\0" in self.start:
            return None
        try:
            return self.start.decode("utf-8", "ignore" if len(self.start) == 4096 else "strict")
        except UnicodeDecodeError:
            return None

    @cached_property
    def datasets(self) -> Mapping[str, Dataset]:
        """Of HDF5: path of each dataset (``steps/energy``) -> shape and type; empty for other kinds of file.

        Raises:
            BadFile: truncated or damaged.
        """
        return self._hdf5[0]

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """Of HDF5: attributes of its root; empty for other kinds of file.

        Raises:
            BadFile: truncated or damaged.
        """
        return self._hdf5[1]

    @cached_property
    def _hdf5(self) -> tuple[Mapping[str, Dataset], Mapping[str, Any]]:
        if not self.is_hdf5:
            return {}, {}
        datasets: dict[str, Dataset] = {}

        most = _MOST_PACKED * self.path.stat().st_size

        def note(name: str | bytes, item: h5py.Dataset | h5py.Group) -> bool | None:
            if isinstance(item, h5py.Dataset):
                text = name.decode(errors="replace") if isinstance(name, bytes) else name
                datasets[text] = Dataset(tuple(item.shape or ()), item.dtype.kind)
                if item.size is not None and item.size * item.dtype.itemsize > most:
                    problem = f"dataset {name!r} of shape {item.shape} cannot lie in so small a file"
                    raise BadFile(self.path, problem, "it is damaged or half-written: make it again")
            return True if len(datasets) >= _MOST_DATASETS else None

        try:
            file = h5py.File(self.path, "r")
        except OSError as error:
            raise BadFile(self.path, *describe_open_error(self.path, error)) from error
        with file, reading(self.path):
            file.visititems(note)
            return datasets, dict(file.attrs)

    @cached_property
    def trees(self) -> Mapping[str, tuple[str, ...]]:
        """Of ROOT: name of each TTree or RNTuple -> names of its branches or fields; empty for other kinds of file.

        Raises:
            BadFile: truncated or damaged.
            MissingExtra: uproot is not installed.
        """
        if not self.is_root:
            return {}
        uproot = require_extra("uproot")
        with reading(self.path), uproot.open(self.path) as file:
            kinds = file.classnames(recursive=True, cycle=False)
            trees = [name for name, kind in kinds.items() if kind == "TTree" or "RNTuple" in kind]
            return {name: tuple(file[name].keys(recursive=True)) for name in trees}
