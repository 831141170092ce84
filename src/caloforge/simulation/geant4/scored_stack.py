r"""The detector in Geant4, and how it is scored: slabs, their sensitive detectors, the steps of an event by layer.

A call from C++ into Python costs about as much as a step, so the scoring asks for as few as possible: Geant4's own
filters pass only charged particles and photons below `PHOTON_LIMIT` (the other steps are harder photons, which deposit
about :math:`10^{-6}` of the signal of a light material). Import this module only where `engine` may be imported.
"""

__all__ = ["PHOTON_LIMIT", "Scorer", "Stack", "build_material", "is_light", "scorers", "slab_solid", "world_solid"]

import math
from collections.abc import Callable
from typing import Any, TypeVar

import geant4_pybind as g4
from jaxtyping import Int
from numpy import ndarray as Array

from caloforge.geometry.detector import Detector
from caloforge.geometry.materials import Material
from caloforge.simulation.geant4.step_reader import recorder
from caloforge.simulation.geant4.steps import StepBuffer
from caloforge.units import MeV, mm

PHOTON_LIMIT = 0.1 * MeV  # photoelectric absorption in light materials lies below
LIGHT = 20  # highest atomic number of a light material
NEUTRAL_HADRONS = ("neutron", "kaon0L", "kaon0S", "lambda")


MARGIN = 10 * mm  # of vacuum around the stack
SHELLS = 16  # in one volume, of whose curved daughters Geant4 tries one after the other: 17 groups of 16, not 272


class Scorer(g4.G4VPrimitiveScorer):  # type: ignore[misc]
    """Copies every step that its filter lets pass into a buffer, see `step_reader`.

    Args:
        steps: gets them.
        selection: Geant4's filter.
    """

    def __init__(self, steps: StepBuffer, selection: Any) -> None:
        super().__init__(selection.GetName())
        self.steps, self.selection = steps, selection
        self.SetFilter(selection)

    def Initialize(self, collections: Any) -> None:  # noqa: N802 Geant4's name
        """Nothing to prepare, but Geant4 asks.

        Args:
            collections: Geant4's.
        """

    def EndOfEvent(self, collections: Any) -> None:  # noqa: N802 Geant4's name
        """Nothing to close, but Geant4 asks.

        Args:
            collections: Geant4's.
        """

    def ProcessHits(self, step: Any, history: Any) -> bool:  # noqa: N802 Geant4's name
        """Geant4 passes one and the same step object for ever: find out how to read it once, on the first step.

        Args:
            step: Geant4's.
            history: Geant4's; not used.
        """
        record: Any = recorder(step, self.steps.data)
        self.referenced = step, step.GetPreStepPoint(), step.GetPostStepPoint()
        self.ProcessHits = record  # type: ignore[method-assign]
        return record(step, history)


Scored = TypeVar("Scored", bound=Scorer)


class Stack(g4.G4VUserDetectorConstruction):  # type: ignore[misc]
    """The detector in Geant4: boxes, or half shells about an axis along y, in vacuum; the beam meets the face at z = 0.

    Every object stays referenced, or Python collects it.
    """

    hadronic = False  # whether neutral hadrons leave recoils too soft for a track of their own

    def __init__(self, detector: Detector, layers: Int[Array, " n"]) -> None:
        super().__init__()
        self.detector, self.layers = detector, dict(zip(detector.sensitive.tolist(), layers.tolist(), strict=True))
        self.steps: list[StepBuffer] = []
        self.referenced: list[Any] = []
        self.read: list[tuple[int, Any]] = []

    def Construct(self) -> Any:  # noqa: N802 Geant4's name
        self.own = {material.name: build_material(material) for material in self.detector.materials}
        self.world, place = self._put("world", "G4_Galactic", world_solid(self.detector), 0.0, None, None)
        slabs, mother = self.detector.slabs, self.world
        for i, slab in enumerate(slabs):
            if self.detector.inner_radius is not None and i % SHELLS == 0:
                group, z, turn = slab_solid(self.detector, f"shells{i}", i, min(i + SHELLS, len(slabs)))
                mother, _ = self._put(group.GetName(), "G4_Galactic", group, z, turn, self.world)
            solid, z, turn = slab_solid(self.detector, f"slab{i}", i, i + 1)
            if mother is not self.world:
                z, turn = 0.0, None  # the group is turned already
            logical, _ = self._put(solid.GetName(), slab.material, solid, z, turn, mother)
            if slab.sensitive:
                self.read.append((self.layers[i], logical))
        return place

    def _put(self, name: str, material: str, solid: Any, z: float, turn: Any, mother: Any) -> tuple[Any, Any]:
        nist = g4.G4NistManager.Instance()
        material_of_slab = self.own[material] if material in self.own else nist.FindOrBuildMaterial(material)
        logical = g4.G4LogicalVolume(solid, material_of_slab, name)
        place = g4.G4PVPlacement(turn, g4.G4ThreeVector(0, 0, z), logical, name, mother, False, len(self.referenced))
        self.referenced += [solid, logical, place, turn]
        return logical, place

    def ConstructSDandField(self) -> None:  # noqa: N802 Geant4's name
        """One detector for each layer of the mesh: so the slab, not a rounded z, decides the layer of a step."""
        for layer in sorted(set(self.layers.values())):
            volumes = [logical for at, logical in self.read if at == layer]
            sensitive = g4.G4MultiFunctionalDetector(f"layer{layer}")
            for scorer in scorers(Scorer, layer, is_light(volumes), self.hadronic):
                sensitive.RegisterPrimitive(scorer)
                self.steps.append(scorer.steps)
                self.referenced.append(scorer)
            g4.G4SDManager.GetSDMpointer().AddNewDetector(sensitive)
            for logical in volumes:
                logical.SetSensitiveDetector(sensitive)
            self.referenced.append(sensitive)


def scorers(kind: Callable[[StepBuffer, Any], Scored], layer: int, light: bool, hadronic: bool) -> list[Scored]:
    """All that a sensitive detector needs: charged particles, soft photons and, in hadronic lists, neutral hadrons.

    Args:
        kind: of scorer.
        layer: number of the sensitive detector.
        light: whether it is of light materials.
        hadronic: whether neutral hadrons leave recoils too soft for a track of their own.
    """
    photons = g4.G4SDParticleWithEnergyFilter(f"photons{layer}", 0.0, PHOTON_LIMIT if light else float("inf"))
    photons.add("gamma")
    filters = [g4.G4SDChargedFilter(f"charged{layer}"), photons]
    if hadronic:
        filters.append(g4.G4SDParticleWithEnergyFilter(f"neutrals{layer}", 0.0, float("inf")))
        for name in NEUTRAL_HADRONS:
            filters[-1].add(name)
    return [kind(StepBuffer(layer, neutral=i > 0), selection) for i, selection in enumerate(filters)]


def is_light(volumes: list[Any]) -> bool:
    """Whether nothing heavier than calcium is in any of them.

    Args:
        volumes: Geant4's logical volumes.
    """
    materials = [volume.GetMaterial() for volume in volumes]
    return all(m.GetElement(i).GetZ() <= LIGHT for m in materials for i in range(m.GetNumberOfElements()))


def world_solid(detector: Detector) -> Any:
    """A box with room for the detector, centred where the beam meets the face.

    Args:
        detector: the stack.
    """
    side, depth, radius = detector.half_width, detector.depth, detector.inner_radius
    if radius is None:
        return g4.G4Box("world", side + MARGIN, side + MARGIN, depth + MARGIN)
    return g4.G4Box("world", radius + depth + MARGIN, side + MARGIN, radius + depth + MARGIN)


def slab_solid(detector: Detector, name: str, first: int, end: int) -> tuple[Any, float, Any]:
    """The solid of one slab or of several in a row, the z of its centre (mm), and its rotation or None.

    Only the half of a shell that faces the beam is built, so that nothing is counted on the far side.

    Args:
        detector: the stack.
        name: of the solid.
        first: position of the first slab.
        end: position behind the last.
    """
    side, radius = detector.half_width, detector.inner_radius
    front, back = detector.faces[[first, end]].tolist()
    if radius is None:
        return g4.G4Box(name, side, side, (back - front) / 2), (front + back) / 2, None
    turn = g4.G4RotationMatrix()
    turn.rotateX(math.pi / 2)  # lays the tube's axis along y, and the half from pi to 2 pi towards the beam
    return g4.G4Tubs(name, radius + front, radius + back, side, math.pi, math.pi), -radius, turn


def build_material(material: Material) -> Any:
    """A material by composition, in Geant4.

    Args:
        material: with mass fractions of elements; Geant4 gets them normalised.
    """
    built = g4.G4Material(material.name, material.density * g4.g / g4.cm3, len(material.fractions))
    total = sum(fraction for _, fraction in material.fractions)
    for symbol, fraction in material.fractions:
        built.AddElement(g4.G4NistManager.Instance().FindOrBuildElement(symbol), fraction / total)
    return built
