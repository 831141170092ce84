"""Opening a file of showers by what a user calls it: the one place that resolves names of files and of meshes."""

__all__ = ["find_binning", "open_any", "open_like", "open_showers"]

import warnings
from dataclasses import replace
from pathlib import Path

from caloforge.data.bundled import showers_path
from caloforge.data.formats.options import NO_OPTIONS, ReadOptions
from caloforge.data.formats.registry import as_format, detect
from caloforge.data.mesh_file import MeshFile
from caloforge.data.points.point_file import PointFile
from caloforge.data.store import NoBinning
from caloforge.errors import BadFile, OddShowers
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


def open_showers(path: str | Path, binning: str | Binning | None = None, options: ReadOptions = NO_OPTIONS) -> MeshFile:
    """Open showers on a mesh for reading, in whichever format; close the file, or use it as a context manager.

    What is odd about its energies is a warning.

    Args:
        path: file of showers, or ``bundled``.
        binning: mesh, its name or its XML file; a plain CaloChallenge file needs one.
        options: what else the user says of the file.

    Raises:
        BadFile: no file of showers that is known, or a damaged one, and for an XML file that is missing or no binning.
        UnitsUnknown: energies may be MeV or GeV.
        UnknownName: no mesh of that name.
        BadValue: an option that the format has no use for.
    """
    mesh = find_binning(binning) if isinstance(binning, str) else binning
    file = open_any(showers_path(path), replace(options, binning=mesh or options.binning))
    if isinstance(file, MeshFile):
        return file
    file.close()
    command = f"caloforge convert {path} OUT.h5 --binning NAME"
    raise BadFile(path, "it holds points, not cells of a mesh", f"lay them on one first: {command}")


def open_any(path: Path, options: ReadOptions = NO_OPTIONS, name: str | None = None) -> MeshFile | PointFile:
    """Open showers, on a mesh or as points, in whichever format; what is odd about their energies is a warning.

    Args:
        path: file of showers.
        options: what the user says of the file.
        name: of its format; found by its content when not given.

    Raises:
        BadFile, UnitsUnknown, BadValue: as `open_showers`.
        UnknownName: no format of that name.
    """
    layout = detect(path) if name is None else as_format(path, name)
    layout.check_options(options)
    file = layout.open(path, options)
    for doubt in file.doubts:
        warnings.warn(f"{path}: {doubt}", OddShowers, stacklevel=3)
    return file


def open_like(path: str | Path, binning: str | Binning | None, model: Binning) -> MeshFile:
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
