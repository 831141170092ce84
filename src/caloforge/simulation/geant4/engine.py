r"""Geant4 itself, in this process: stack, physics list, gun and scoring under one run manager; steps become cells.

Import this module only in a process that may be lost, after Geant4's data variables are set (see `geant4.simulate`).
Points become cells in NumPy at the end of every event.
"""

__all__ = ["Engine"]

from collections.abc import Callable

import geant4_pybind as g4
import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.errors import Geant4Failed
from caloforge.geometry.binning import Binning
from caloforge.geometry.detector import Detector
from caloforge.simulation.directions import to_axis_frame
from caloforge.simulation.geant4.gun import Actions
from caloforge.simulation.geant4.physics_build import apply_limits, build_physics
from caloforge.simulation.geant4.scored_stack import Stack
from caloforge.simulation.geant4.simulate import Shots
from caloforge.simulation.physics_lists import Physics

COMMANDS = ("/process/em/verbose 0", "/process/em/fluo false", "/run/verbose 0")


class Engine:
    """Geant4 with one detector and one mesh, ready to shoot; one for each process.

    Args:
        detector: the stack.
        binning: the mesh.
        layers: position of the mesh layer of each sensitive slab, or -1.
        physics: list, cuts and limits.
        points: whether the depth of a step, not its slab, decides its layer (`geant4.needs_points`).

    Raises:
        Geant4Failed: this process has a run manager already.
    """

    def __init__(
        self, detector: Detector, binning: Binning, layers: Int[Array, " n"], physics: Physics, points: bool
    ) -> None:
        if g4.G4RunManager.GetRunManager() is not None:
            raise Geant4Failed("this process runs Geant4 with another detector or readout; use a process for each")
        self.detector, self.binning, self.points = detector, binning, points
        self.stack, self.actions = Stack(detector, layers, points), Actions()
        self.manager = g4.G4RunManagerFactory.CreateRunManager(g4.G4RunManagerType.SerialOnly)
        self.stack.hadronic = physics.list.hadronic
        self.physics, self.kept = build_physics(physics)
        for command in (*COMMANDS, *physics.commands):
            g4.G4UImanager.GetUIpointer().ApplyCommand(command)
        for part in (self.stack, self.physics, self.actions):
            self.manager.SetUserInitialization(part)
        self.manager.Initialize()
        self.kept += apply_limits(physics)

    @property
    def version(self) -> str:
        """Version of Geant4, such as ``11.4.1``."""
        number = g4.G4VERSION_NUMBER
        return f"{number // 100}.{number // 10 % 10}.{number % 10}"

    def shoot(self, shots: Shots, each: Callable[[int], None]) -> tuple[Float[Array, "n V"], Float[Array, " n"]]:
        """Cell energies (float32) and the energy in all sensitive slabs, in the mesh or not, of every shot; MeV."""
        cells = np.zeros((len(shots), self.binning.n_voxels), np.float32)
        total = np.zeros(len(shots))

        def finish(index: int) -> None:
            cells[index], total[index] = self._collect(shots, index)
            each(index)

        self.actions.gun.load(shots)
        self.actions.end.call = finish
        self.manager.BeamOn(len(shots))
        return cells, total

    def _collect(self, shots: Shots, index: int) -> tuple[Float[Array, " V"], float]:
        """Turn the event's steps into cells."""
        steps = self.stack.steps
        layer = np.repeat(list(steps), [len(s.deposit) for s in steps.values()])
        deposit, x, y = (np.concatenate([getattr(s, name) for s in steps.values()]) for name in ("deposit", "x", "y"))
        if self.points:
            x, y, layer = self._place(x, y, np.concatenate([s.z for s in steps.values()]), shots, index)
        for s in steps.values():
            s.clear()
        cell = self.binning.flat_index(layer, np.hypot(x, y) / 2, np.arctan2(y, x))
        inside = cell >= 0
        cells = np.bincount(cell[inside], deposit[inside], self.binning.n_voxels)
        return cells, float(deposit.sum())

    def _place(
        self, x: Float[Array, " n"], y: Float[Array, " n"], z: Float[Array, " n"], shots: Shots, index: int
    ) -> tuple[Float[Array, " n"], Float[Array, " n"], Int[Array, " n"]]:
        """Twice x and y of steps in the frame of the mesh, and their layers by depth, from twice their positions."""
        if shots.angles is None or shots.mesh == "detector":
            return x, y, self.binning.layer_at_depth(self.detector.depth_at(x / 2, z / 2))
        x, y, z = to_axis_frame(x, y, z, *shots.angles[index].tolist())
        return x, y, self.binning.layer_at_depth(z / 2)
