"""Hits: showers as points instead of cells, ragged; validated once, immutable, sliceable."""

__all__ = ["Hits"]

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64
from numpy import ndarray as Array

from caloforge.data.provenance import Provenance
from caloforge.data.ragged import offsets_of, rows_of
from caloforge.errors import BadValue

_POINTS = ("x", "y", "z", "energy", "time", "layer", "cell", "part")
_SHOWERS = ("incident_energy", "pdg", "direction", "vertex")
_UNIT_LENGTH = 1e-3  # how far a direction's length may be from 1, of float32 and of texts with few digits


@dataclass(frozen=True, eq=False, repr=False)
class Hits:
    """N showers of P points in all: shower i has the points ``offsets[i]`` to ``offsets[i + 1]``.

    Args:
        x: positions of the points in the frame of the file, mm.
        y: likewise.
        z: likewise; with ``depth`` "layer" the number of the layer, with a fraction where the file has one.
        energy: deposited energy of every point, MeV.
        offsets: first point of each shower, then the number of points.
        incident_energy: kinetic energy of the incident particle, MeV; NaN where the file does not say.
        pdg: its PDG particle number; 0 where the file does not say.
        direction: its direction, of length 1; NaN where the file does not say.
        vertex: where it starts, mm; None where the file does not say.
        time: of every point, ns; None where the file has none.
        layer: number of the layer of every point, as the file counts; None where the file has none.
        cell: identifier of the cell of every point; None where the file has none.
        part: number of the part of the calorimeter (barrel, endcap ...) of every point; None where the file has none.
        depth: whether z is a length or the number of a layer.
        first_layer: number of the first layer, as the file counts; None where the file does not say.
        normal: the calorimeter's normal, inwards, where the origin is the place of its face that the particle hits;
            None where the points are in another frame.
        detector: name of the detector, or "unknown".
        provenance: how the showers were made; empty where unknown.

    Raises:
        BadValue: arrays of different lengths, offsets that do not rise from 0 to the number of points, NaN, infinite
            or negative energies, positions that are not finite, incident energies that are not positive.
    """

    x: Float[Array, " P"]
    y: Float[Array, " P"]
    z: Float[Array, " P"]
    energy: Float[Array, " P"]
    offsets: Int[Array, " edges"]
    incident_energy: Float[Array, " N"]
    pdg: Int[Array, " N"]
    direction: Float[Array, "N 3"]
    vertex: Float[Array, "N 3"] | None = None
    time: Float[Array, " P"] | None = None
    layer: Int[Array, " P"] | None = None
    cell: UInt64[Array, " P"] | None = None
    part: Int[Array, " P"] | None = None
    depth: Literal["mm", "layer"] = "mm"
    first_layer: int | None = None
    normal: tuple[float, float, float] | None = None
    detector: str = "unknown"
    provenance: Provenance = field(default_factory=Provenance, repr=False)

    def __post_init__(self) -> None:
        self._check_lengths()
        self._check_points()
        self._check_incident()
        for name in (*_POINTS, *_SHOWERS, "offsets"):
            if getattr(self, name) is not None:
                view = getattr(self, name).view()
                view.flags.writeable = False
                object.__setattr__(self, name, view)

    def _check_lengths(self) -> None:
        offsets, n_points = self.offsets, len(self.energy)
        if not len(offsets) or offsets[0] != 0 or offsets[-1] != n_points or (np.diff(offsets) < 0).any():
            ends = offsets[[0, -1]].tolist() if len(offsets) else []
            raise BadValue("offsets", ends, f"they rise from 0 to the number of points, {n_points}")
        for names, n, what in ((_POINTS, n_points, "points"), (_SHOWERS, len(self), "showers")):
            for name in names:
                values = getattr(self, name)
                if values is not None and len(values) != n:
                    raise BadValue(f"length of {name}", len(values), f"one for each of {n} {what} is needed")

    def _check_points(self) -> None:
        for name in ("energy", "x", "y", "z", "time"):
            values = getattr(self, name)
            if values is None or np.isfinite(values).all():
                continue
            point = int(np.flatnonzero(~np.isfinite(values))[0])
            raise BadValue(self._place(name, point), float(values[point]), "give finite numbers")
        if len(self.energy) and self.energy.min() < 0:
            point = int(self.energy.argmin())
            what = self._place("energy", point)
            raise BadValue(what, float(self.energy[point]), "energies of points are not negative")

    def _check_incident(self) -> None:
        if (wrong := (self.incident_energy <= 0) | np.isinf(self.incident_energy)).any():
            worst = float(self.incident_energy[wrong][0])
            raise BadValue("incident energy", worst, "incident energies are positive MeV")
        length = np.linalg.norm(self.direction.astype(float), axis=1)
        if (wrong := np.abs(length - 1) > _UNIT_LENGTH).any():
            shower = int(np.flatnonzero(wrong)[0])
            raise BadValue(f"direction of shower {shower}", self.direction[shower].tolist(), "its length is 1")

    def _place(self, name: str, point: int) -> str:
        shower = int(np.searchsorted(self.offsets, point, side="right")) - 1
        return f"{name} of point {point - int(self.offsets[shower])} of shower {shower}"

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __repr__(self) -> str:
        return f"<Hits: {len(self):,} showers, {len(self.energy):,} points>"

    def __getitem__(self, index: slice | Int[Array, " n"] | Bool[Array, " N"]) -> "Hits":
        rows = np.arange(len(self))[index]
        points: slice | Array
        if isinstance(index, slice) and index.step in (None, 1):
            points = slice(*self.offsets[[rows[0], rows[-1] + 1]]) if len(rows) else slice(0, 0)  # no copy
            offsets = offsets_of(self.n_points[rows])
        else:
            offsets, points = rows_of(self.offsets, rows)
        parts: dict[str, Any] = {name: getattr(self, name) for name in (*_POINTS, *_SHOWERS)}
        picked = {
            name: values[points if name in _POINTS else rows] for name, values in parts.items() if values is not None
        }
        return replace(self, offsets=offsets, **picked)

    def batches(self, size: int = 1000) -> Iterator["Hits"]:
        """The showers in order, ``size`` at a time, as a file gives them.

        Args:
            size: showers in a batch; the last may have fewer.
        """
        return (self[start : start + size] for start in range(0, len(self), size))

    @classmethod
    def concatenate(cls, parts: Sequence["Hits"]) -> "Hits":
        """Join, in order; what only some parts have is dropped, detector and provenance are those of the first.

        Args:
            parts: one at least.

        Raises:
            BadValue: depths in mm and in layers, or normals that differ.
        """
        first = parts[0]
        if len({(part.depth, part.normal) for part in parts}) > 1:
            raise BadValue("depths and normals", [(p.depth, p.normal) for p in parts], "join points of one frame")
        fields: dict[str, Any] = {}
        for name in (*_POINTS, *_SHOWERS):
            columns = [getattr(part, name) for part in parts]
            fields[name] = None if any(column is None for column in columns) else np.concatenate(columns)
        counts = np.concatenate([part.n_points for part in parts])
        return replace(first, offsets=offsets_of(counts), **fields)

    def where(self, keep: Bool[Array, " P"]) -> "Hits":
        """The same showers with some of their points only.

        Args:
            keep: true for the points that stay.
        """
        fields = {name: getattr(self, name)[keep] for name in _POINTS if getattr(self, name) is not None}
        return replace(self, offsets=offsets_of(keep)[self.offsets], **fields)

    def require_one_part(self) -> None:
        """Refuse to take numbers of layers for places where several parts of a calorimeter each count by themselves.

        Raises:
            BadValue: points with energy in more than one part.
        """
        if self.part is not None and len(parts := np.unique(self.part[self.energy > 0])) > 1:
            remedy = "each counts its layers by itself: choose one with --collections, or a mesh with z_edges"
            raise BadValue("parts of the calorimeter", parts.tolist(), remedy)

    @property
    def n_points(self) -> Int[Array, " N"]:
        """Points of each shower."""
        return np.diff(self.offsets)

    @property
    def shower_of_point(self) -> Int[Array, " P"]:
        """Index of the shower of each point."""
        return np.repeat(np.arange(len(self)), self.n_points)

    @property
    def total_energy(self) -> Float[Array, " N"]:
        """Energy of all points of each shower, MeV, summed in float64."""
        return np.bincount(self.shower_of_point, self.energy.astype(float), len(self)).astype(float)
