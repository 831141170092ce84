r"""Images of showers in a calorimeter of flat slabs: turned about its normal by whole sectors, mirrored at a plane.

The event is turned as a whole, so what changes depends on the frame of the mesh. Showers along the normal: their cells
turn. Inclined ones on a mesh that stays with the detector: cells and the azimuth :math:`\phi` of the particle turn.
Inclined ones on a mesh about the shower's axis, whose :math:`\alpha` is counted from the plane of axis and normal: the
mesh turns along, so only :math:`\phi` changes. The mirror image :math:`y \to -y` takes :math:`\alpha \to -\alpha` and
:math:`\phi \to -\phi` in either.
"""

__all__ = ["Mirror", "Rotate"]

import math
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray as Array

from caloforge.data.cell_times import CellTimes
from caloforge.data.event_particles import EventParticles
from caloforge.data.operations.operation import Operation
from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.geometry.images import image, whole_turns

_PERPENDICULAR = 1e-4  # rad; below, a direction is that of the normal


class Rotate(Operation):
    """Turn by whole sectors: by ``sectors`` times the smallest angle that carries the sectors of every layer over.

    Args:
        sectors: how many, towards larger alpha; negative the other way.
        frame: of the mesh, for inclined showers whose file does not say it.
    """

    operation: ClassVar[str] = "rotate"
    changes_cells: ClassVar[bool] = True
    sectors: int = 1
    frame: Literal["axis", "detector"] | None = None

    @property
    def untrue(self) -> tuple[str, ...]:
        """Fields of the provenance that no longer hold afterwards."""
        return ("phi",)

    def mesh(self, binning: Binning) -> Binning:
        """The same mesh.

        Args:
            binning: of the showers.

        Raises:
            BadValue: a turn by nothing.
        """
        turns = whole_turns(binning)
        if self.sectors % turns == 0:
            raise BadValue("sectors to turn by", self.sectors, f"{binning.name} has {turns} turns: that is none at all")
        return binning

    def apply(self, showers: Showers, first: int = 0) -> Showers:
        """The turned showers.

        Args:
            showers: of any directions.
            first: of no consequence.

        Raises:
            BadValue: inclined showers, and no frame of the mesh or two of them.
        """
        turns = whole_turns(self.mesh(showers.binning))
        turn = self.sectors % turns / turns
        inclined = np.asarray(showers.theta > _PERPENDICULAR)
        cells_turn = ~inclined | (inclined.any() and self._frame(showers) == "detector")
        moved = _moved(showers, image(showers.binning, turn), cells_turn)
        phi = np.where(inclined, _wrapped(showers.phi + 2 * math.pi * turn), showers.phi)
        events = None if showers.events is None else _turned(showers.events, 2 * math.pi * turn)
        return replace(moved, phi=phi.astype(showers.phi.dtype), events=events)

    def _frame(self, showers: Showers) -> str:
        frames = showers.provenance.values("mesh") or {self.frame}
        if len(frames) > 1 or None in frames:
            remedy = "some showers are inclined: give the frame of the mesh, axis or detector (--frame)"
            raise BadValue("frame of the mesh", " and ".join(sorted(map(str, frames))), remedy)
        return str(*frames)


class Mirror(Operation):
    """The mirror image y -> -y."""

    operation: ClassVar[str] = "mirror"
    changes_cells: ClassVar[bool] = True

    @property
    def untrue(self) -> tuple[str, ...]:
        """Fields of the provenance that no longer hold afterwards."""
        return ("phi",)

    def apply(self, showers: Showers, first: int = 0) -> Showers:
        """The mirrored showers.

        Args:
            showers: of any directions.
            first: of no consequence.
        """
        mirrored = _moved(showers, image(showers.binning, 0.0, mirror=True), np.ones(len(showers), bool))
        inclined: Bool[Array, " N"] = np.asarray(showers.theta > _PERPENDICULAR)
        phi = np.where(inclined, -showers.phi, showers.phi).astype(showers.phi.dtype)
        events = None
        if (particles := showers.events) is not None:
            events = replace(particles, phi=-particles.phi, y=-particles.y)
        return replace(mirrored, phi=phi, events=events)


def _moved(showers: Showers, cells: Int[Array, " V"], which: Bool[Array, " N"]) -> Showers:
    """The showers, of some of them each cell with what another one held."""
    places = np.where(which[:, None], cells, np.arange(len(cells)))
    times = None
    if showers.times is not None:
        times = CellTimes(*(np.take_along_axis(t, places, 1) for t in (showers.times.mean, showers.times.first)))
    return showers.with_cells(np.take_along_axis(showers.energy, places, 1), times=times)


def _turned(particles: EventParticles, angle: float) -> EventParticles:
    """The particles of events, which lie in the frame of the detector as the mesh of events does."""
    cosine, sine = math.cos(angle), math.sin(angle)
    x, y = cosine * particles.x - sine * particles.y, sine * particles.x + cosine * particles.y
    columns = {"x": x, "y": y, "phi": _wrapped(particles.phi + angle)}
    return replace(particles, **{name: values.astype(np.float32) for name, values in columns.items()})


def _wrapped(angle: Array) -> Array:
    """To -pi ... pi."""
    return np.mod(angle + math.pi, 2 * math.pi) - math.pi
