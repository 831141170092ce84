"""HDF5 of step2point (fast-sim/step2point): a flat table of deposits in GeV and mm, and one of incident particles."""

__all__ = ["Step2Point", "Step2PointFile"]

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy import ndarray as Array

from caloforge.data.formats.base import Format, Opened
from caloforge.data.formats.options import ReadOptions, WriteOptions
from caloforge.data.formats.origin import read_origin, write_origin
from caloforge.data.formats.peek import Peek, reading
from caloforge.data.formats.rows import RowIndex, kinetic_energy, total_momentum
from caloforge.data.mesh_file import MeshFile
from caloforge.data.points.hits import Hits
from caloforge.data.points.point_file import PointFile
from caloforge.data.ragged import offsets_of
from caloforge.errors import BadFile, BadValue
from caloforge.units import GeV

_BLOCK = 2**20  # rows at once of the column of events
_POINTS = 2**21  # points at once
_OPTIONAL: dict[str, tuple[str, type[np.generic]]] = {  # column -> field of `Hits` and its type
    "time": ("time", np.float32),
    "cell_id": ("cell", np.uint64),
    "subdetector": ("part", np.int64),
    "layer": ("layer", np.int64),
}


class Step2PointFile(PointFile):
    """A file of step2point.

    Args:
        path: HDF5 file.
        options: the particle, of older files that have no table of them.

    Raises:
        BadFile: damaged, columns of different lengths, events that do not lie together.
    """

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path, self.options = path, options
        with reading(path):
            self._file = h5py.File(path, "r")
        try:
            with reading(path):
                self._steps = self._file["steps"]
                lengths = {name: len(self._steps[name]) for name in self._steps}
                rows = lengths["event_id"]
                blocks = (self._steps["event_id"][i : i + _BLOCK] for i in range(0, rows, _BLOCK))
                index = self._index(blocks)
                self.detector, self.provenance, self._frame = read_origin(self._file, "step2point")
            if len(set(lengths.values())) > 1 or self._steps["position"].shape[1:] != (3,):
                raise self.bad(f"columns of steps have different lengths, {lengths}")
            self._rows = index
            self.showers_at_once = int(np.clip(_POINTS * max(1, len(index.ids)) / max(1, rows), 1, 1000))
            if not len(self):
                raise self.bad("the file holds no event")
            self.check_energies()
        except BaseException:
            self._file.close()
            raise

    def _index(self, blocks: Any) -> RowIndex:
        try:
            index = RowIndex.build(blocks)
            if "primary" not in self._file:
                return index
            ids = np.asarray(self._file["primary/event_id"][:], np.int64)
            if len(np.unique(ids)) < len(ids):
                raise ValueError("an event has two incident particles")
            return index.of(ids)
        except ValueError as error:
            raise self.bad(str(error)) from error

    def __len__(self) -> int:
        return len(self._rows.ids)

    def _column(self, name: str, pieces: list[tuple[int, int]]) -> Array:
        dataset = self._steps[name]
        parts = [dataset[start:stop] for start, stop in pieces]
        return np.concatenate([np.empty((0, *dataset.shape[1:]), dataset.dtype), *parts])

    def __getitem__(self, rows: slice) -> Hits:
        start, stop, _ = rows.indices(len(self))
        starts, stops = self._rows.starts[start:stop], self._rows.stops[start:stop]
        with reading(self.path):
            pieces = _merged(starts, stops)
            position, energy = self._column("position", pieces), self._column("energy", pieces)
            columns = {name: self._column(name, pieces) for name in _OPTIONAL if name in self._steps}
            incident = self._incident(slice(start, max(start, stop)))
        given: dict[str, Any] = {
            _OPTIONAL[name][0]: column.astype(_OPTIONAL[name][1]) for name, column in columns.items()
        }
        try:
            x, y, z = np.ascontiguousarray(position.T)
            return Hits(
                x=x,
                y=y,
                z=z,
                energy=energy.astype(float) * GeV,
                offsets=offsets_of(stops - starts),
                detector=self.detector,
                provenance=self.provenance,
                **given,
                **incident,
                **self._frame,
            )
        except BadValue as error:
            raise self.bad(f"from event {start}, {error}") from error

    def _incident(self, rows: slice) -> dict[str, Any]:
        n = rows.stop - rows.start
        if "primary" not in self._file:
            unknown = np.full((n, 3), np.nan)
            energy = np.full(n, np.nan if self.options.incident is None else self.options.incident)
            return {
                "incident_energy": energy,
                "pdg": np.full(n, self.options.particle or 0),
                "direction": unknown,
                "vertex": unknown,
            }
        table = self._file["primary"]
        momentum, pdg = table["momentum"][rows].astype(float) * GeV, table["pdg"][rows].astype(np.int64)
        size = np.linalg.norm(momentum, axis=1)
        size[size == 0] = np.nan
        return {
            "incident_energy": kinetic_energy(size, pdg),
            "pdg": pdg,
            "direction": momentum / size[:, None],
            "vertex": table["vertex"][rows].astype(float),
        }

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _merged(starts: Array, stops: Array) -> list[tuple[int, int]]:
    """Pieces of rows, one behind the other, joined where they touch."""
    pieces: list[tuple[int, int]] = []
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        if pieces and pieces[-1][1] == start:
            pieces[-1] = (pieces[-1][0], stop)
        elif stop > start:
            pieces.append((start, stop))
    return pieces


class Step2Point(Format):
    """Steps of step2point."""

    name, title, holds = "step2point", "step2point HDF5", "points"
    lacks = frozenset({"mesh"})
    takes = frozenset({"binning", "particle", "incident"})
    writes = True

    def recognises(self, peek: Peek) -> bool:
        """HDF5 with a group ``steps`` of energies, positions and event numbers."""
        return {"steps/energy", "steps/position", "steps/event_id"} <= set(peek.datasets)

    def open(self, path: Path, options: ReadOptions) -> Opened:
        """Open a file, see `Step2PointFile`."""
        return Step2PointFile(path, options)

    def write(self, source: MeshFile | PointFile, path: Path, options: WriteOptions) -> None:
        """Stream points into the file, in GeV, mm and ns."""
        assert isinstance(source, PointFile)
        with h5py.File(path, "w") as file:
            first = 0
            for hits in source.batches():
                if not first:
                    write_origin(file, hits)
                ids = np.arange(first, first + len(hits), dtype=np.int32)
                _extend(file, "steps", _steps(hits, ids))
                _extend(file, "primary", _primary(hits, ids, source.path))
                first += len(hits)


def _steps(hits: Hits, ids: Array) -> dict[str, Array]:
    columns = {
        "event_id": np.repeat(ids, hits.n_points),
        "energy": (hits.energy / GeV).astype(np.float32),
        "position": np.stack([hits.x, hits.y, hits.z], 1).astype(np.float32),
    }
    given = {"time": hits.time, "cell_id": hits.cell, "subdetector": hits.part, "layer": hits.layer}
    kinds = {"time": np.float32, "cell_id": np.uint64, "subdetector": np.uint8, "layer": np.int32}
    if hits.part is not None and len(hits.part) and not 0 <= hits.part.min() <= hits.part.max() < 256:
        del given["subdetector"]
    return columns | {name: column.astype(kinds[name]) for name, column in given.items() if column is not None}


def _primary(hits: Hits, ids: Array, path: Path) -> dict[str, Array]:
    if not np.isfinite(hits.incident_energy).all():
        raise BadFile(path, "it does not say the incident energies", "give --incident, for example --incident 10GeV")
    momentum = total_momentum(hits.incident_energy.astype(float), hits.pdg) / GeV
    if not np.isfinite(hits.direction).all():
        raise BadFile(
            path, "it does not say the directions of its particles", "give them with --axis, if all are alike"
        )
    vertex = np.zeros((len(hits), 3)) if hits.vertex is None else np.nan_to_num(hits.vertex)
    return {
        "event_id": ids,
        "pdg": hits.pdg.astype(np.int32),
        "momentum": (momentum[:, None] * hits.direction).astype(np.float32),
        "vertex": vertex.astype(np.float32),
    }


def _extend(file: h5py.File, group: str, columns: dict[str, Array]) -> None:
    for name, rows in columns.items():
        place = f"{group}/{name}"
        if place not in file:
            shape = (None, *rows.shape[1:])
            packed = {"chunks": (4096, *rows.shape[1:]), "compression": "gzip", "shuffle": True}
            file.create_dataset(place, (0, *rows.shape[1:]), rows.dtype, maxshape=shape, **packed)
        dataset = file[place]
        start = len(dataset)
        dataset.resize(start + len(rows), axis=0)
        dataset[start:] = rows
