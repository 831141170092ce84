"""HDF5 of ShowerData 0.7: one array of (x, y, layer, energy[, time]) a shower, in mm and GeV; by h5py alone."""

__all__ = ["ShowerData", "ShowerDataFile"]

from pathlib import Path

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
from caloforge.data.ragged import offsets_of
from caloforge.errors import BadFile, BadValue
from caloforge.units import GeV

_VERSION = "0.7.0"  # of the layout that is written
_POINTS = 2**21  # at once
_MOST_SHOWERS = 2**31 - 1  # their ids are 32 bits wide and wrap round silently beyond
_MOST_LAYERS = 2**31
_NEXT_LAYER = 0.1  # the library counts z + 0.1, rounded down, as the layer
_COLUMNS = ("energies", "directions", "pdg", "shape")


class ShowerDataFile(PointFile):
    """A file of ShowerData.

    Args:
        path: HDF5 file.

    Raises:
        BadFile: damaged, columns that are missing or of other lengths, points of other than four or five numbers.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with reading(path):
            self._file = h5py.File(path, "r")
        try:
            with reading(path):
                if missing := [name for name in _COLUMNS if name not in self._file]:
                    raise self.bad(f"no dataset {missing[0]!r}", "write it with showerdata 0.7 or later")
                lengths = {name: len(self._file[name]) for name in ("showers", *_COLUMNS[:3])}
                n, most, self.features = (int(size) for size in self._file["shape"][:3])
                self.detector, self.provenance, self._frame = read_origin(self._file, "showerdata")
                counts = self._file["num_points"][:] if "num_points" in self._file else np.empty(0)
                mean = float(np.mean(counts)) if len(counts) else most
            if set(lengths.values()) != {n} or self.features not in (4, 5):
                problem = f"datasets of {lengths} showers where shape says {n}, of {self.features} numbers a point"
                raise self.bad(problem)
            if not n:
                raise self.bad("the file holds no shower")
            self._n, self.showers_at_once = n, int(np.clip(_POINTS / max(1.0, mean), 1, 1000))
            self.check_energies()
        except BaseException:
            self._file.close()
            raise

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, rows: slice) -> Hits:
        start, stop, _ = rows.indices(self._n)
        part = slice(start, max(start, stop))
        with reading(self.path):
            showers = [np.asarray(points, np.float32).reshape(-1) for points in self._file["showers"][part]]
            if any(len(points) % self.features for points in showers):
                raise self.bad(f"a shower is not a whole number of points of {self.features} numbers")
            counts = [len(points) // self.features for points in showers]
            points = np.concatenate([np.empty(0, np.float32), *showers]).reshape(-1, self.features)
            energy = self._file["energies"][part].reshape(-1).astype(float) * GeV
            direction = self._file["directions"][part].astype(float)
            pdg = self._file["pdg"][part].astype(np.int64)
        length = np.linalg.norm(direction, axis=1)
        length[length == 0] = np.nan  # of a shower that was not written yet
        x, y, z = np.ascontiguousarray(points[:, :3].T)
        if (wrong := ~(np.abs(z) < _MOST_LAYERS)).any():  # NaN, too
            raise self.bad(f"from shower {start}, the number of the layer of a point is {z[wrong][0]}")
        try:
            return Hits(
                x=x,
                y=y,
                z=z,
                energy=points[:, 3].astype(float) * GeV,
                offsets=offsets_of(np.array(counts, np.int64)),
                incident_energy=np.where(energy == 0, np.nan, energy),
                pdg=pdg,
                direction=direction / length[:, None],
                time=points[:, 4] if self.features == 5 else None,
                layer=np.floor(z + _NEXT_LAYER).astype(np.int64),
                detector=self.detector,
                provenance=self.provenance,
                depth="layer",
                first_layer=0,
                normal=(0.0, 0.0, 1.0),
            )
        except BadValue as error:
            raise self.bad(f"from shower {start}, {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class ShowerData(Format):
    """Point clouds of ShowerData."""

    name, title, holds = "showerdata", "ShowerData HDF5", "points"
    lacks = frozenset({"mesh", "depth", "cell_id"})
    takes = frozenset({"binning"})
    writes = True

    def recognises(self, peek: Peek) -> bool:
        """HDF5 with ``showers`` of variable length, ``energies`` and ``shape``."""
        showers = peek.datasets.get("showers")
        return showers is not None and showers.kind == "O" and {"energies", "shape"} <= set(peek.datasets)

    def open(self, path: Path, options: ReadOptions) -> Opened:
        """Open a file, see `ShowerDataFile`."""
        return ShowerDataFile(path)

    def write(self, source: MeshFile | PointFile, path: Path, options: WriteOptions) -> None:
        """Stream points into the file; points without energy are left out, as the library counts them as padding."""
        assert isinstance(source, PointFile)
        n = len(source)
        if n > _MOST_SHOWERS:
            raise BadFile(source.path, f"{n} showers, and their ids have 32 bits", "split the file first")
        most, first = 0, 0
        with h5py.File(path, "w") as file:
            file.attrs["showerdata_version"] = _VERSION
            vectors = h5py.vlen_dtype(np.float32)
            showers = file.create_dataset("showers", (n,), vectors, chunks=(min(n, 1024),))
            tables = {
                "energies": file.create_dataset("energies", (n, 1), "f4"),
                "directions": file.create_dataset("directions", (n, 3), "f4"),
                "pdg": file.create_dataset("pdg", (n,), "i4"),
                "num_points": file.create_dataset("num_points", (n,), "i4"),
            }
            for block in source.batches():
                hits = without_empty_points(block)
                if not np.isfinite(hits.incident_energy).all():
                    raise BadFile(source.path, "it does not say the incident energies", "give --incident 10GeV")
                if not first:
                    write_origin(file, hits)
                z = _whole_layers(layer_coordinate(hits, source.path))
                columns = [hits.x, hits.y, z, hits.energy / GeV, *([] if hits.time is None else [hits.time])]
                points = np.stack(columns, 1).astype(np.float32)
                rows = slice(first, first + len(hits))
                for i, (start, stop) in enumerate(zip(hits.offsets[:-1], hits.offsets[1:], strict=True)):
                    showers[first + i] = points[start:stop].reshape(-1)  # h5py takes equal lengths at once for a table
                tables["energies"][rows] = hits.incident_energy[:, None] / GeV
                tables["directions"][rows] = np.where(np.isfinite(hits.direction), hits.direction, [0.0, 0.0, 1.0])
                tables["pdg"][rows], tables["num_points"][rows] = hits.pdg, hits.n_points
                most, first = max(most, int(hits.n_points.max(initial=0))), first + len(hits)
            file["shower_ids"] = np.arange(n, dtype=np.int32)
            file["shape"] = np.array([n, most, len(columns)], np.int64)


def _whole_layers(layer: Float[Array, " P"]) -> Float[Array, " P"]:
    """Numbers that the library rounds to the layer they lie in: a fraction of 0.9 and more would be the next one."""
    return np.where(np.floor(layer + _NEXT_LAYER) == np.floor(layer), layer, np.floor(layer))
