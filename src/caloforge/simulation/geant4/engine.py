r"""Geant4 itself, in this process: stack, physics list, gun and scoring under one run manager; steps become cells.

Import this module only in a process that may be lost, after Geant4's data variables are set (see `geant4.simulate`).
Points become cells in NumPy at the end of every event.
"""

__all__ = ["Engine", "Actions", "EventEnd", "Gun"]

import math
from collections.abc import Callable
from typing import Any

import geant4_pybind as g4
import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.data.event_particles import EventParticles
from caloforge.errors import Geant4Failed
from caloforge.geometry.binning import Binning
from caloforge.geometry.cell_mesh import CellMesh
from caloforge.geometry.gdml import Calorimeter, GdmlDetector
from caloforge.simulation.directions import direction, to_axis_frame
from caloforge.simulation.geant4.gdml_stack import GdmlStack
from caloforge.simulation.geant4.physics_build import apply_limits, build_physics
from caloforge.simulation.geant4.scored_stack import Stack
from caloforge.simulation.geant4.scores import Scores
from caloforge.simulation.geant4.steps import Steps
from caloforge.simulation.geant4.stopper import Stopper
from caloforge.simulation.physics_lists import Physics
from caloforge.simulation.primaries import Primaries
from caloforge.simulation.timing import NO_TIMING, Timing
from caloforge.units import mm

BACK = 5 * mm  # particles of an event begin at most so far before the face, so that steep ones begin in the world
Columns = tuple[Float[Array, " n"], Float[Array, " n"], Float[Array, " n"]]
COMMANDS = ("/process/em/verbose 0", "/run/verbose 0")


class Engine:
    """Geant4 with one detector and one mesh, ready to shoot; one for each process.

    Args:
        detector: the stack, or a GDML file.
        binning: the mesh, or cells that are volumes of a GDML file.
        layers: position of the mesh layer of each sensitive slab, or -1.
        physics: list, cuts and limits.
        points: whether the depth of a step, not its slab, decides its layer (`geant4.needs_points`).
        timing: whether to keep times, and the gate.

    Raises:
        Geant4Failed: this process has a run manager already.
    """

    def __init__(
        self,
        detector: Calorimeter,
        binning: Binning,
        layers: Int[Array, " n"],
        physics: Physics,
        points: bool,
        timing: Timing = NO_TIMING,
    ) -> None:
        if g4.G4RunManager.GetRunManager() is not None:
            raise Geant4Failed("this process runs Geant4 with another detector or readout; use a process for each")
        self.detector, self.binning, self.points, self.timing = detector, binning, points, timing
        self.stopper: Stopper | None = None
        self.stack, self.actions = _geometry(detector, binning, layers), Actions(detector)
        self.manager = g4.G4RunManagerFactory.CreateRunManager(g4.G4RunManagerType.SerialOnly)
        self.stack.hadronic = physics.list.hadronic
        self.physics, self.referenced = build_physics(physics)
        for command in (*COMMANDS, *physics.commands):
            g4.G4UImanager.GetUIpointer().ApplyCommand(command)
        for part in (self.stack, self.physics, self.actions):
            self.manager.SetUserInitialization(part)
        self.manager.Initialize()
        self.referenced += apply_limits(physics)
        self.manager.BeamOn(0)  # without events it builds tables of cross sections: part of the start, of no shower

    @property
    def version(self) -> str:
        """Version of Geant4, such as ``11.4.1``."""
        number = g4.G4VERSION_NUMBER
        return f"{number // 100}.{number // 10 % 10}.{number % 10}"

    def shoot(self, primaries: Primaries, each: Callable[[int], None]) -> Scores:
        """What every shot leaves in the cells, and in all sensitive slabs, in the mesh or not.

        Args:
            primaries: n of them.
            each: called with the index of every finished shower.
        """
        scores = Scores.empty(len(primaries), self.binning.n_voxels, self.timing.times)

        def finish(index: int) -> None:
            scores.fill(index, *self._collect(primaries, index))
            each(index)

        self.actions.gun.load(primaries)
        if primaries.replaced is not None:
            self._stop(primaries)
        self.actions.end.call = finish
        self.manager.BeamOn(len(primaries))
        return scores

    def _stop(self, primaries: Primaries) -> None:
        """Have Geant4 stop the particles that are replaced; the action costs a call for every track, so it is made
        only where it is needed."""
        if self.stopper is None:
            self.stopper = Stopper()
            self.manager.SetUserAction(self.stopper)
        self.stopper.load(primaries)

    def _collect(self, primaries: Primaries, index: int) -> tuple[Steps, Int[Array, " n"]]:
        """The event's steps before the gate, and the cell of each."""
        steps = Steps.take(self.stack.steps)
        if math.isfinite(self.timing.gate):
            steps = steps.until(self.timing.gate)
        if isinstance(self.binning, CellMesh):
            return steps, steps.layer
        x, y, layer = self._place(steps, primaries, index)
        return steps, self.binning.flat_index(layer, np.hypot(x, y) / 2, np.arctan2(y, x))

    def _place(
        self, steps: Steps, primaries: Primaries, index: int
    ) -> tuple[Float[Array, " n"], Float[Array, " n"], Int[Array, " n"]]:
        """Twice x and y of steps in the frame of the mesh, and their layers, by depth where that decides."""
        if not self.points:
            return steps.twice_x, steps.twice_y, steps.layer
        x, y, z = self._before_face(steps)
        if primaries.angles is None or primaries.mesh == "detector":
            return x, y, self.binning.layer_at_depth(self.detector.depth_at(x / 2, z / 2))
        x, y, z = to_axis_frame(x, y, z, *primaries.angles[index].tolist())
        return x, y, self.binning.layer_at_depth(z / 2)

    def _before_face(self, steps: Steps) -> Columns:
        """Twice x, y and z of steps in the frame of the face."""
        columns = steps.twice_x, steps.twice_y, steps.twice_z
        if not isinstance(self.detector, GdmlDetector):
            return columns
        x, y, z = 2 * self.detector.face.from_world(np.stack(columns, axis=1) / 2).T
        return x, y, z


def _geometry(detector: Calorimeter, binning: Binning, layers: Int[Array, " n"]) -> Stack | GdmlStack:
    if isinstance(detector, GdmlDetector):
        return GdmlStack(detector, binning if isinstance(binning, CellMesh) else None)
    return Stack(detector, layers)


class Gun(g4.G4VUserPrimaryGeneratorAction):  # type: ignore[misc]
    """Shoots at the face from just before it; seeds the engine first, so that a shower has no past.

    Args:
        detector: whose face it is.
    """

    def __init__(self, detector: Calorimeter) -> None:
        super().__init__()
        self.detector = detector
        self.gun = g4.G4ParticleGun(1)
        self._start(np.array([0.0, 0.0, -1 * mm]), np.array([0.0, 0.0, 1.0]))
        self.primaries: Primaries | None = None

    def load(self, primaries: Primaries) -> None:
        """Make ready for a run.

        Args:
            primaries: one for each event.
        """
        self.primaries = primaries

    def GeneratePrimaries(self, event: Any) -> None:  # noqa: N802 Geant4's name
        """Seed the engine and shoot the event's particle, or all of them.

        Args:
            event: Geant4's.

        Raises:
            Geant4Failed: nothing is loaded.
        """
        if self.primaries is None:
            raise Geant4Failed("the gun is not loaded; call Engine.shoot")
        index = event.GetEventID()
        g4.G4Random.setTheSeeds([*self.primaries.seeds[index].tolist(), 0])  # zero ends CLHEP's list of seeds
        if self.primaries.events is not None:
            self._shoot_all(event, self.primaries.events[index : index + 1])
            return
        if self.primaries.angles is not None:
            theta, phi = self.primaries.angles[index].tolist()
            self._aim(theta, phi, math.inf)
        self._shoot(event, int(self.primaries.pdg[index]), float(self.primaries.energy[index]))

    def _shoot(self, event: Any, pdg: int, energy: float) -> None:
        self.gun.SetParticleDefinition(g4.G4ParticleTable.GetParticleTable().FindParticle(pdg))
        self.gun.SetParticleEnergy(energy)
        self.gun.GeneratePrimaryVertex(event)

    def _shoot_all(self, event: Any, particles: EventParticles) -> None:
        """Every particle of an event, each from just before its place on the face."""
        columns = (particles.pdg, particles.energy, particles.theta, particles.phi, particles.x, particles.y)
        for pdg, energy, theta, phi, x, y in zip(*(column.tolist() for column in columns), strict=True):
            self._aim(theta, phi, BACK, x, y)
            self._shoot(event, pdg, energy)

    def _aim(self, theta: float, phi: float, most: float, x: float = 0.0, y: float = 0.0) -> None:
        """Towards a point of the face, from 1 mm before it along the normal there, at most so much along the way."""
        way, (z, normal) = direction(theta, phi), self.detector.face_at(x)
        cosine = sum(a * b for a, b in zip(way, normal, strict=True))
        back = [a / cosine * mm if most * cosine > 1 * mm else a * most for a in way]
        self._start(np.array([x - back[0], y - back[1], z - back[2]]), np.array(way))

    def _start(self, before: Float[Array, " 3"], way: Float[Array, " 3"]) -> None:
        """From a point before the face, in its frame; of a GDML file on the face, before which may be no world."""
        if isinstance(self.detector, GdmlDetector):
            face, at = self.detector.face, before - way * before[2] / way[2]
            before, way = face.to_world(at[None])[0], way @ face.rotation
        self.gun.SetParticlePosition(g4.G4ThreeVector(*before.tolist()))
        self.gun.SetParticleMomentumDirection(g4.G4ThreeVector(*way.tolist()))


class EventEnd(g4.G4UserEventAction):  # type: ignore[misc]
    """Calls back with the number of each event that is over."""

    def __init__(self) -> None:
        super().__init__()
        self.call: Callable[[int], None] = lambda index: None

    def EndOfEventAction(self, event: Any) -> None:  # noqa: N802 Geant4's name
        """Call back.

        Args:
            event: Geant4's.
        """
        self.call(event.GetEventID())


class Actions(g4.G4VUserActionInitialization):  # type: ignore[misc]
    def __init__(self, detector: Calorimeter) -> None:
        super().__init__()
        self.detector = detector
        self.gun: Gun
        self.end: EventEnd

    def Build(self) -> None:  # noqa: N802 Geant4's name
        self.gun, self.end = Gun(self.detector), EventEnd()
        self.SetUserAction(self.gun)
        self.SetUserAction(self.end)
