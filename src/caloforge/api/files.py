"""Files of any format as one opens them in Python."""

__all__ = ["open_file"]

from collections.abc import Mapping, Sequence
from pathlib import Path

from caloforge.api.dataset import Dataset
from caloforge.api.file_options import read_options
from caloforge.data.bundled import showers_path
from caloforge.data.mesh_file import MeshFile
from caloforge.data.opening import open_any
from caloforge.data.points.point_file import PointFile
from caloforge.geometry.binning import Binning


def open_file(
    path: str | Path,
    binning: str | Binning | None = None,
    *,
    units: str | None = None,
    particle: str | int | None = None,
    incident: str | None = None,
    sampling_fraction: float | None = None,
    axes: str | None = None,
    columns: str | Mapping[str, str] | None = None,
    collections: str | Sequence[str] | None = None,
    points: str | None = None,
    format: str | None = None,  # noqa: A002
) -> Dataset | PointFile:
    """Open a file of showers without reading them, in any format of docs/formats.md, told by its content.

    Args:
        path: of the file, or ``"bundled"`` for the sample that comes with caloforge.
        binning: mesh by name, XML file or object, for files that do not carry one.
        units: of the numbers of a file that does not say them, such as ``"GeV"`` or ``"incident=GeV,cells=MeV"``.
        particle: name or PDG number of the incident particle, for files that do not say it.
        incident: incident energy, such as ``"10GeV"``, for files that do not say it.
        sampling_fraction: takes a rescaled file back to deposited energy, such as 0.033.
        axes: order of cells on disk where it is not the layout's own, such as ``"r,alpha,layer"``.
        columns: of a table, what is meant -> name of the column.
        collections: of an EDM4hep file, names or patterns of its collections of hits.
        points: of an EDM4hep file, ``"steps"`` or ``"hits"``.
        format: name of the format; told by the content when not given.

    Returns:
        Showers on a mesh; of files of points, a `PointFile` that is sliced and iterated alike.

    Raises:
        BadFile: missing, damaged, or no file of showers.
        UnitsUnknown: energies may be in several units; the sentence has the response of each reading.
        BadValue: an option that the format has no use for.
        UnknownName: no such mesh, particle or format.

    Example:
        >>> import caloforge as cf
        >>> truth = cf.open("bundled")
        >>> truth[:500]
        <Dataset bundled: 500 showers, e-, 1.002GeV to 98.58GeV, siw-1080>
    """
    options = read_options(
        units=units,
        binning=binning,
        particle=particle,
        incident=incident,
        sampling_fraction=sampling_fraction,
        axes=axes,
        columns=columns,
        collections=collections,
        points=points,
    )
    file = open_any(showers_path(path), options, format)
    return Dataset(file, str(path)) if isinstance(file, MeshFile) else file
