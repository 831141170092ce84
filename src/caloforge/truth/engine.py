r"""Geant4 itself: the stack of slabs, the physics list, the gun and the scoring, as geant4-pybind's classes.

Import this module only in a process that may be lost, after Geant4's data variables are set (see `geant4.simulate`).

A call from C++ into Python costs about as much as a step, so the scoring asks for as few as possible: Geant4's own
filters pass only charged particles and photons below `PHOTON_LIMIT` (the other steps are harder photons, which deposit
about :math:`10^{-6}` of the signal of a light material), and points become cells in NumPy at the end of the event.
"""

__all__ = ["Engine"]

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import geant4_pybind as g4
import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.errors import Geant4Failed
from caloforge.geometry.binning import Binning
from caloforge.geometry.detector import Detector
from caloforge.truth.directions import direction, to_axis_frame
from caloforge.truth.geant4 import Shots
from caloforge.truth.physics_build import apply_limits, build_physics
from caloforge.truth.physics_lists import Physics
from caloforge.truth.step_reader import recorder
from caloforge.truth.volumes import build_material, slab_solid, world_solid
from caloforge.units import MeV, mm

PHOTON_LIMIT = 0.1 * MeV  # photoelectric absorption in light materials lies below
LIGHT = 20  # highest atomic number of a light material
NEUTRAL_HADRONS = ("neutron", "kaon0L", "kaon0S", "lambda")
COMMANDS = ("/process/em/verbose 0", "/process/em/fluo false", "/run/verbose 0")


@dataclass(frozen=True)
class _Steps:
    """The event's steps in one layer: deposits in MeV, twice x and y (and z where needed) of their middles in mm."""

    deposit: list[float] = field(default_factory=list)
    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    z: list[float] = field(default_factory=list)

    def clear(self) -> None:
        for column in (self.deposit, self.x, self.y, self.z):
            column.clear()


class _Scorer(g4.G4VPrimitiveScorer):  # type: ignore[misc]
    """Adds every step that its filter lets pass to the steps of one layer."""

    def __init__(self, steps: _Steps, selection: Any) -> None:
        super().__init__(selection.GetName())
        self.steps, self.selection = steps, selection
        self.SetFilter(selection)

    def Initialize(self, collections: Any) -> None:  # noqa: N802 Geant4's name
        """Nothing to prepare, but Geant4 asks."""

    def EndOfEvent(self, collections: Any) -> None:  # noqa: N802 Geant4's name
        """Nothing to close, but Geant4 asks."""

    def ProcessHits(self, step: Any, history: Any) -> bool:  # noqa: N802 Geant4's name
        """Geant4 passes one and the same step object for ever: find out how to read it once, on the first step."""
        record: Any = recorder(step, self.steps.deposit, self.steps.x, self.steps.y)
        self.kept = step, step.GetPreStepPoint(), step.GetPostStepPoint()
        self.ProcessHits = record  # type: ignore[method-assign]
        return record(step, history)


def _note_depth(scorer: _Scorer) -> None:
    """Let a scorer keep twice the z of every step too: from its first step on, around what it does then."""
    add_z = scorer.steps.z.append

    def first(step: Any, history: Any) -> bool:
        type(scorer).ProcessHits(scorer, step, history)
        record, before, after = scorer.ProcessHits, step.GetPreStepPoint(), step.GetPostStepPoint()
        start, end = before.GetPosition, after.GetPosition

        def process(step: Any, history: Any) -> bool:
            add_z(start().z + end().z)
            return record(step, history)

        add_z(start().z + end().z)
        scorer.ProcessHits = process  # type: ignore[method-assign]
        return True

    scorer.ProcessHits = first  # type: ignore[method-assign]


class _Stack(g4.G4VUserDetectorConstruction):  # type: ignore[misc]
    """The detector in Geant4: boxes, or half shells about an axis along y, in vacuum; the beam meets the face at z = 0.

    Every object stays referenced, or Python collects it.
    """

    hadronic = False  # whether neutral hadrons leave recoils too soft for a track of their own

    def __init__(self, detector: Detector, layers: Int[Array, " n"], points: bool) -> None:
        super().__init__()
        self.detector, self.layers = detector, dict(zip(detector.sensitive.tolist(), layers.tolist(), strict=True))
        self.steps = {layer: _Steps() for layer in sorted(set(self.layers.values()))}
        self.points = points
        self.kept: list[Any] = []
        self.read: list[tuple[int, Any]] = []

    def Construct(self) -> Any:  # noqa: N802 Geant4's name
        self.own = {material.name: build_material(material) for material in self.detector.materials}
        self.world, place = self._put("world", "G4_Galactic", world_solid(self.detector), 0.0, None, None)
        for i, slab in enumerate(self.detector.slabs):
            logical, _ = self._put(f"slab{i}", slab.material, *slab_solid(self.detector, i), self.world)
            if slab.sensitive:
                self.read.append((self.layers[i], logical))
        return place

    def _put(self, name: str, material: str, solid: Any, z: float, turn: Any, mother: Any) -> tuple[Any, Any]:
        nist = g4.G4NistManager.Instance()
        made = self.own[material] if material in self.own else nist.FindOrBuildMaterial(material)
        logical = g4.G4LogicalVolume(solid, made, name)
        place = g4.G4PVPlacement(turn, g4.G4ThreeVector(0, 0, z), logical, name, mother, False, len(self.kept))
        self.kept += [solid, logical, place, turn]
        return logical, place

    def ConstructSDandField(self) -> None:  # noqa: N802 Geant4's name
        """One detector for each layer of the mesh: so the slab, not a rounded z, decides the layer of a step."""
        for layer in self.steps:
            volumes = [logical for at, logical in self.read if at == layer]
            sensitive = g4.G4MultiFunctionalDetector(f"layer{layer}")
            for scorer in self._scorers(layer, _is_light(volumes)):
                sensitive.RegisterPrimitive(scorer)
                if self.points:
                    _note_depth(scorer)
                self.kept.append(scorer)
            g4.G4SDManager.GetSDMpointer().AddNewDetector(sensitive)
            for logical in volumes:
                logical.SetSensitiveDetector(sensitive)
            self.kept.append(sensitive)

    def _scorers(self, layer: int, light: bool) -> list[_Scorer]:
        photons = g4.G4SDParticleWithEnergyFilter(f"photons{layer}", 0.0, PHOTON_LIMIT if light else float("inf"))
        photons.add("gamma")
        filters = [g4.G4SDChargedFilter(f"charged{layer}"), photons]
        if self.hadronic:
            filters.append(g4.G4SDParticleWithEnergyFilter(f"neutrals{layer}", 0.0, float("inf")))
            for name in NEUTRAL_HADRONS:
                filters[-1].add(name)
        return [_Scorer(self.steps[layer], selection) for selection in filters]


def _is_light(volumes: list[Any]) -> bool:
    materials = [volume.GetMaterial() for volume in volumes]
    return all(m.GetElement(i).GetZ() <= LIGHT for m in materials for i in range(m.GetNumberOfElements()))


class _Gun(g4.G4VUserPrimaryGeneratorAction):  # type: ignore[misc]
    """Shoots at the origin from just before the face; seeds the engine first, so that a shower has no past."""

    def __init__(self) -> None:
        super().__init__()
        self.gun = g4.G4ParticleGun(1)
        self.gun.SetParticlePosition(g4.G4ThreeVector(0, 0, -1 * mm))
        self.gun.SetParticleMomentumDirection(g4.G4ThreeVector(0, 0, 1))
        self.shots: Shots | None = None

    def load(self, shots: Shots) -> None:
        self.gun.SetParticleDefinition(g4.G4ParticleTable.GetParticleTable().FindParticle(shots.pdg))
        self.shots = shots

    def GeneratePrimaries(self, event: Any) -> None:  # noqa: N802 Geant4's name
        if self.shots is None:
            raise Geant4Failed("the gun is not loaded; call Engine.shoot")
        index = event.GetEventID()
        g4.G4Random.setTheSeeds([*self.shots.seeds[index].tolist(), 0])  # zero ends CLHEP's list of seeds
        if self.shots.angles is not None:
            self._aim(*self.shots.angles[index].tolist())
        self.gun.SetParticleEnergy(float(self.shots.energy[index]))
        self.gun.GeneratePrimaryVertex(event)

    def _aim(self, theta: float, phi: float) -> None:
        x, y, z = direction(theta, phi)
        self.gun.SetParticlePosition(g4.G4ThreeVector(-x / z * mm, -y / z * mm, -1 * mm))
        self.gun.SetParticleMomentumDirection(g4.G4ThreeVector(x, y, z))


class _EventEnd(g4.G4UserEventAction):  # type: ignore[misc]
    """Calls back with the number of each event that is over."""

    def __init__(self) -> None:
        super().__init__()
        self.call: Callable[[int], None] = lambda index: None

    def EndOfEventAction(self, event: Any) -> None:  # noqa: N802 Geant4's name
        self.call(event.GetEventID())


class _Actions(g4.G4VUserActionInitialization):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.gun: _Gun
        self.end: _EventEnd

    def Build(self) -> None:  # noqa: N802 Geant4's name
        self.gun, self.end = _Gun(), _EventEnd()
        self.SetUserAction(self.gun)
        self.SetUserAction(self.end)


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
        self.stack, self.actions = _Stack(detector, layers, points), _Actions()
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
