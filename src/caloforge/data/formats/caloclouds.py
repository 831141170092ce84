"""HDF5 of CaloClouds for ILD: padded point clouds ``events`` and ``energy`` in GeV, in three layouts under one name.

(N, 4, P) or (N, P, 4) of x, y, z, energy; y is the depth, in mm from ILD's centre or as the number of a layer with a
fraction. Points without energy pad in front. ``p_norm_local`` (3, N) are the directions, in some files, in a frame of
their own whose third axis is the normal of the layers.
"""

__all__ = ["CaloClouds", "CaloCloudsFile"]

from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.formats.base import Format, Opened
from caloforge.data.formats.layered import layer_coordinate, without_empty_points
from caloforge.data.formats.options import ReadOptions, WriteOptions
from caloforge.data.formats.origin import read_origin, write_origin
from caloforge.data.formats.peek import Peek, reading
from caloforge.data.mesh_file import MeshFile
from caloforge.data.points.hits import Hits
from caloforge.data.points.point_file import PointFile
from caloforge.errors import BadFile, BadValue
from caloforge.units import GeV

_POINTS = 2**21  # at once
_MOST_LAYERS = 200  # no calorimeter has more; depths in mm from the centre of a detector are beyond


class CaloCloudsFile(PointFile):
    """A file of CaloClouds.

    Args:
        path: HDF5 file.
        options: the particle, and ``--columns y=layer`` or ``y=depth`` where the numbers may be either.

    Raises:
        BadFile: damaged, other shapes, y that may be depths or layers.
    """

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path, self.pdg = path, options.particle or 0
        with reading(path):
            self._file = h5py.File(path, "r")
        try:
            with reading(path):
                self._events, self._energy = self._file["events"], self._file["energy"]
                self.detector, self.provenance, self._frame = read_origin(self._file, "caloclouds")
                self._axis = self._feature_axis()
                if not len(self) or self._energy.size != len(self):
                    raise self.bad(f"{self._energy.size} energies for {len(self)} showers")
                self._directions = self._read_directions()
                self.showers_at_once = int(np.clip(_POINTS // max(1, self._events.size // (4 * len(self))), 1, 1000))
            self.depth = self._kind_of_y(options.columns.get("y"))
            self.check_energies()
        except BaseException:
            self._file.close()
            raise

    def _feature_axis(self) -> int:
        shape = self._events.shape
        axes = [axis for axis in (1, 2) if len(shape) == 3 and shape[axis] == 4]
        if len(axes) != 1:
            raise self.bad(f"events have shape {shape}, not (N, 4, P) or (N, P, 4)")
        return axes[0]

    def _read_directions(self) -> Float[Array, "N 3"]:
        if "p_norm_local" not in self._file:
            return np.full((len(self), 3), np.nan)
        directions = self._file["p_norm_local"][:].astype(float)
        if directions.shape != (3, len(self)):
            raise self.bad(f"p_norm_local has shape {directions.shape}, not (3, {len(self)})")
        return directions.T

    def _kind_of_y(self, told: str | None) -> Literal["mm", "layer"]:
        kinds: dict[str, Literal["mm", "layer"]] = {"layer": "layer", "depth": "mm"}
        if told is not None:
            if told not in kinds:
                raise BadValue("columns", f"y={told}", "write y=layer or y=depth")
            return kinds[told]
        first = self._points(slice(0, min(len(self), self.showers_at_once)))
        y = np.concatenate(first)[:, 1]
        if len(y) and y.min() >= 0 and y.max() < _MOST_LAYERS and not (y == np.round(y)).all():
            return "layer"
        if len(y) and y.min() > _MOST_LAYERS:
            return "mm"
        ends = f"{y.min():.4g} to {y.max():.4g}" if len(y) else "nothing"
        raise self.bad(f"its y are {ends}, depths or numbers of layers", "say which: --columns y=depth or y=layer")

    def _points(self, rows: slice) -> list[Float[Array, "n 4"]]:
        """Points of each shower, without the padding."""
        with reading(self.path):
            block = np.asarray(self._events[rows], np.float32)
        showers = block if self._axis == 2 else np.swapaxes(block, 1, 2)
        return [points[points[:, 3] != 0] for points in showers]

    def __len__(self) -> int:
        return int(self._events.shape[0])

    def __getitem__(self, rows: slice) -> Hits:
        start, stop, _ = rows.indices(len(self))
        part = slice(start, max(start, stop))
        showers = self._points(part)
        with reading(self.path):
            energy = np.asarray(self._energy[part], float).reshape(-1) * GeV
        points = np.concatenate([np.empty((0, 4), np.float32), *showers])
        x, y, z = np.ascontiguousarray(points[:, :3].T)
        by_layer: dict[str, Any] = {}
        direction = self._directions[part]
        if self.depth == "layer":  # turned so that the layers follow each other along z
            x, y, z = z, x, y
            by_layer = {"layer": np.floor(z).astype(np.int64), "depth": "layer", "first_layer": 0}
            by_layer |= {"normal": (0.0, 0.0, 1.0)}
        try:
            return Hits(
                x=x,
                y=y,
                z=z,
                energy=points[:, 3].astype(float) * GeV,
                offsets=np.cumsum([0, *(len(shower) for shower in showers)]),
                incident_energy=energy,
                pdg=np.full(len(energy), self.pdg),
                direction=direction,
                detector=self.detector,
                provenance=self.provenance,
                **by_layer,
            )
        except BadValue as error:
            raise self.bad(f"from shower {start}, {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class CaloClouds(Format):
    """Point clouds of CaloClouds for ILD."""

    name, title, holds = "caloclouds", "CaloClouds point clouds (HDF5)", "points"
    lacks = frozenset({"particle", "mesh", "depth", "time", "cell_id"})
    takes = frozenset({"binning", "particle", "columns"})
    writes = True

    def recognises(self, peek: Peek) -> bool:
        """HDF5 with ``events`` of three axes, one of them 4 long, and ``energy``."""
        events = peek.datasets.get("events")
        return events is not None and len(events.shape) == 3 and 4 in events.shape[1:] and "energy" in peek.datasets

    def open(self, path: Path, options: ReadOptions) -> Opened:
        """Open a file, see `CaloCloudsFile`."""
        return CaloCloudsFile(path, options)

    def write(self, source: MeshFile | PointFile, path: Path, options: WriteOptions) -> None:
        """Stream points into the newest layout: (N, P, 4), y a layer with a fraction, zeros in front."""
        assert isinstance(source, PointFile)
        most = max(int(without_empty_points(hits).n_points.max(initial=0)) for hits in source.batches())
        n, width, first = len(source), max(5, most), 0  # 4 points a shower could be either layout
        with h5py.File(path, "w") as file:
            packed = {"chunks": (1, width, 4), "compression": "gzip", "shuffle": True}
            events = file.create_dataset("events", (n, width, 4), "f4", **packed)
            energies = file.create_dataset("energy", (n, 1), "f4")
            directions = file.create_dataset("p_norm_local", (3, n), "f4")
            for block in source.batches():
                hits = without_empty_points(block)
                if not np.isfinite(hits.incident_energy).all():
                    raise BadFile(source.path, "it does not say the incident energies", "give --incident 10GeV")
                if not first:
                    write_origin(file, hits)
                rows = slice(first, first + len(hits))
                events[rows] = _padded(hits, width, source.path)
                energies[rows] = hits.incident_energy[:, None] / GeV
                directions[:, rows] = hits.direction.T
                first += len(hits)


def _padded(hits: Hits, width: int, path: Path) -> Float[Array, "n P 4"]:
    """Points at the end of their rows; whole numbers of layers become the middle of the layer."""
    layer = layer_coordinate(hits, path)
    layer += 0.5 * (layer == np.floor(layer)).all()
    padded = np.zeros((len(hits), width, 4), np.float32)
    place = np.arange(len(hits.x)) - np.repeat(hits.offsets[1:], hits.n_points) + width
    padded[hits.shower_of_point, place] = np.stack([hits.y, layer, hits.x, hits.energy / GeV], axis=1)
    return padded
