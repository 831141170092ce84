"""Straight lines through a geometry, as Geant4 navigates them: which volumes and materials a line meets, and where.

Import this module only where `engine` may be imported.
"""

__all__ = ["Rays", "Stretch"]

from dataclasses import dataclass
from typing import Any

import geant4_pybind as g4
import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.geometry.face import Face

_MOST = 100_000  # stretches of one line
_END = 1e12  # mm
_INSIDE = 1e-3  # mm: so far behind a surface a point lies inside for sure


@dataclass(frozen=True, eq=False)
class Stretch:
    """One volume on a line.

    Args:
        path: index at every level below the world, see `gdml_tree`.
        logical: Geant4's logical volume.
        low: depth where the line enters, mm.
        high: depth where it leaves, mm.
    """

    path: tuple[int, ...]
    logical: Any
    low: float
    high: float


class Rays:
    """Lines along the direction of a face.

    Args:
        world: the physical volume, its placements `numbered`; its geometry is closed.
        face: where depths begin, and the direction.
    """

    def __init__(self, world: Any, face: Face) -> None:
        g4.G4GeometryManager.GetInstance().CloseGeometry(True, False, world)
        self.face, self.solid = face, world.GetLogicalVolume().GetSolid()
        self.navigator = g4.G4Navigator()
        self.navigator.SetWorldVolume(world)
        self.direction = g4.G4ThreeVector(*face.rotation[2].tolist())

    def inside_world(self, point: Float[Array, " 3"]) -> bool:
        """Whether a point lies in the world or on its surface.

        Args:
            point: in the frame of the face, mm.
        """
        return bool(self.solid.Inside(self._vector(point)) != g4.EInside.kOutside)

    def stretches(self, point: Float[Array, " 3"], from_edge: bool = False) -> list[Stretch]:
        """What the line through a point meets, in order.

        Args:
            point: in the frame of the face, mm.
            from_edge: begin where the line enters the world instead.
        """
        start = self._entry(point) if from_edge else point
        if start is None:
            return []
        met: list[Stretch] = []
        position, depth = self._vector(start), float(start[2])
        physical = self.navigator.LocateGlobalPointAndSetup(position, self.direction, False, False)
        while physical is not None and len(met) < _MOST:
            history = self.navigator.CreateTouchableHistory()
            path = tuple(history.GetReplicaNumber(i) for i in reversed(range(history.GetHistoryDepth())))
            step = self.navigator.ComputeStep(position, self.direction, _END, 0.0)
            if step > _END / 2:
                break
            if step > 0:
                met.append(Stretch(path, physical.GetLogicalVolume(), depth, depth + step))
            depth += step
            position = self._vector(np.array([start[0], start[1], depth]))
            self.navigator.SetGeometricallyLimitedStep()
            physical = self.navigator.LocateGlobalPointAndSetup(position, self.direction, True, False)
        return met

    def _entry(self, point: Float[Array, " 3"]) -> Float[Array, " 3"] | None:
        """Where the line through a point enters the world; None if it does not."""
        position, back = self._vector(point), self.direction * -1.0
        if self.inside_world(point):
            return self._moved(point, -self.solid.DistanceToOut(position, back))
        ahead = self.solid.DistanceToIn(position, self.direction)
        if ahead < _END:
            return self._moved(point, ahead)
        behind = self.solid.DistanceToIn(position, back)
        return None if behind > _END else self._entry(self._moved(point, -behind - _INSIDE))

    @staticmethod
    def _moved(point: Float[Array, " 3"], depth: float) -> Float[Array, " 3"]:
        return point + np.array([0.0, 0.0, depth])

    def _vector(self, point: Float[Array, " 3"]) -> Any:
        return g4.G4ThreeVector(*self.face.to_world(point[None])[0].tolist())
