"""Opening a file of showers by what a user calls it: the one place that resolves names of files and of meshes."""

__all__ = ["find_binning", "open_like", "open_showers"]

from pathlib import Path

from caloforge.data.bundled import showers_path
from caloforge.data.store import NoBinning, ShowerFile
from caloforge.geometry.binning import Binning
from caloforge.geometry.readouts import readout


def find_binning(name: str | None) -> Binning | None:
    """The mesh that ``--binning`` names, or None where the option was not given.

    Args:
        name: of a mesh, or an XML file.

    Raises:
        UnknownName: neither the name of a mesh nor an XML path.
        BadFile: an XML file that is missing or not a binning.
    """
    return None if name is None else readout(name)


def open_showers(path: str | Path, binning: str | Binning | None = None) -> ShowerFile:
    """Open showers for reading; close the file, or use it as a context manager.

    Args:
        path: HDF5 file of showers, or ``bundled``.
        binning: mesh, its name or its XML file; a plain CaloChallenge file needs one.

    Raises:
        BadFile: as `ShowerFile`, and for an XML file that is missing or not a binning.
        UnknownName: no mesh of that name.
    """
    mesh = find_binning(binning) if isinstance(binning, str) else binning
    return ShowerFile(showers_path(path), mesh)


def open_like(path: str | Path, binning: str | Binning | None, model: Binning) -> ShowerFile:
    """Open showers whose particles a model repeats: a file that carries no mesh has the model's.

    Args:
        path: HDF5 file of showers, or ``bundled``.
        binning: mesh, its name or its XML file; None where none is given.
        model: mesh of the model.

    Raises:
        BadFile, UnknownName: as `open_showers`.
    """
    try:
        return open_showers(path, binning)
    except NoBinning:
        return open_showers(path, model)
