r"""Cells of a whole calorimeter in the coordinates of a collider, as ATLAS has them: boxes in eta, phi and r or z.

A cell covers half a width on either side of its centre, in (eta, phi, r), in (eta, phi, z) or in (x, y, z), with
:math:`\eta = \mathrm{asinh}(z / r)`.
"""

__all__ = ["CaloCells"]

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float, Int, UInt64
from numpy import ndarray as Array
from scipy.spatial import cKDTree

from caloforge.errors import BadValue

System = Literal["eta-phi-r", "eta-phi-z", "xyz"]
SYSTEMS: tuple[System, ...] = ("eta-phi-r", "eta-phi-z", "xyz")
_NEIGHBOURS = 4  # cells of one size that may be nearest to a point of one of them: those behind each other
_AXIS = 1e-6  # mm; nearer to the beam no cell is
_TOUCHING = 1e-4  # of a width, so that no point falls between two cells of float32


@dataclass(frozen=True, eq=False)
class CaloCells:
    """V cells.

    Args:
        id: of each, each once.
        layer: number of its sampling.
        system: index in ``SYSTEMS`` of the coordinates in which it is a box.
        centre: x, y, z of its middle, mm, z along the beams.
        middle: of the box, in its own coordinates: eta, phi (rad) and r or z (mm), or x, y, z (mm).
        width: of the box, likewise.

    Raises:
        BadValue: arrays of different lengths, an id twice, numbers that are not finite, widths that are not positive.
    """

    id: UInt64[Array, " V"]
    layer: Int[Array, " V"]
    system: Int[Array, " V"]
    centre: Float[Array, "V 3"]
    middle: Float[Array, "V 3"]
    width: Float[Array, "V 3"]

    def __post_init__(self) -> None:
        lengths = {len(column) for column in (self.id, self.layer, self.system, self.centre, self.middle, self.width)}
        if len(lengths) > 1 or not len(self.id):
            raise BadValue("cells", sorted(lengths), "give one value of each for every cell, and at least one cell")
        if len(np.unique(self.id)) < len(self.id):
            raise BadValue("cells", "an id twice", "give each cell once")
        if not all(np.isfinite(column).all() for column in (self.centre, self.middle, self.width)):
            raise BadValue("cells", "not finite", "centres and widths are finite")
        if not (self.width > 0).all():
            cell = int(self.id[(self.width <= 0).any(axis=1)][0])
            raise BadValue(f"width of cell {cell}", "not positive", "every cell has a width in its three coordinates")

    def __len__(self) -> int:
        return len(self.id)

    @cached_property
    def _groups(self) -> list[tuple[System, Int[Array, " n"], Float[Array, " 3"], cKDTree]]:
        """Cells of one sampling, system and width across: their numbers, that width, and a tree of their middles."""
        keys = np.column_stack([self.layer, self.system, np.round(self.width[:, :2], 5)])
        _, group = np.unique(keys, axis=0, return_inverse=True)
        order = np.argsort(group.reshape(-1), kind="stable")
        parts = np.split(order, np.cumsum(np.bincount(group.reshape(-1)))[:-1])
        return [
            (SYSTEMS[self.system[part[0]]], part, scale, cKDTree(self.middle[part] / scale))
            for part in parts
            for scale in [self.width[part].max(axis=0)]
        ]

    def locate(self, points: Float[Array, "n 3"]) -> Int[Array, " n"]:
        """Number of the cell that contains each point, or -1 where none does.

        Where cells overlap, as some of ATLAS do, it is the one whose middle is nearest in widths.

        Args:
            points: x, y, z, mm.
        """
        cell, best = np.full(len(points), -1), np.full(len(points), 0.5 + _TOUCHING)
        for system, part, scale, tree in self._groups:
            for turned in _images(points, system):
                nearest = tree.query(turned / scale, k=_NEIGHBOURS, p=np.inf, distance_upper_bound=0.5 + _TOUCHING)[1]
                for column in nearest.reshape(len(points), _NEIGHBOURS).T:
                    near = np.flatnonzero(column < len(part))
                    numbers = part[column[near]]
                    apart = (np.abs(turned[near] - self.middle[numbers]) / self.width[numbers]).max(axis=1)
                    better = apart < best[near]
                    cell[near[better]], best[near[better]] = numbers[better], apart[better]
        return cell


def _images(points: Float[Array, "n 3"], system: System) -> Iterator[Float[Array, "n 3"]]:
    """Points in the coordinates of a system; phi also a turn further either way, where cells lie across pi."""
    if system == "xyz":
        yield points
        return
    x, y, z = points.T
    r = np.hypot(x, y)
    eta = np.arcsinh(z / np.maximum(r, _AXIS))
    for turn in (0.0, 2 * math.pi, -2 * math.pi):
        yield np.stack([eta, np.arctan2(y, x) + turn, r if system == "eta-phi-r" else z], axis=1)
