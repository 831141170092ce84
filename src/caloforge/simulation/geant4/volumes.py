"""Geant4's solids and materials of a detector: boxes, or half shells about an axis along y; the face is at z = 0.

Import this module only where `engine` may be imported.
"""

__all__ = ["build_material", "slab_solid", "world_solid"]

import math
from typing import Any

import geant4_pybind as g4

from caloforge.geometry.detector import Detector
from caloforge.geometry.materials import Material
from caloforge.units import mm

MARGIN = 10 * mm  # of vacuum around the stack


def world_solid(detector: Detector) -> Any:
    """A box with room for the detector, centred where the beam meets the face."""
    side, depth, radius = detector.half_width, detector.depth, detector.inner_radius
    if radius is None:
        return g4.G4Box("world", side + MARGIN, side + MARGIN, depth + MARGIN)
    return g4.G4Box("world", radius + depth + MARGIN, side + MARGIN, radius + depth + MARGIN)


def slab_solid(detector: Detector, i: int) -> tuple[Any, float, Any]:
    """The solid of a slab, the z of its centre (mm), and its rotation or None.

    Only the half of a shell that faces the beam is built, so that nothing is counted on the far side.
    """
    side, (front, back) = detector.half_width, detector.faces[i : i + 2].tolist()
    radius = detector.inner_radius
    if radius is None:
        return g4.G4Box(f"slab{i}", side, side, detector.slabs[i].thickness / 2), (front + back) / 2, None
    turn = g4.G4RotationMatrix()
    turn.rotateX(math.pi / 2)  # lays the tube's axis along y, and the half from pi to 2 pi towards the beam
    return g4.G4Tubs(f"slab{i}", radius + front, radius + back, side, math.pi, math.pi), -radius, turn


def build_material(material: Material) -> Any:
    """A material by composition, in Geant4."""
    built = g4.G4Material(material.name, material.density * g4.g / g4.cm3, len(material.fractions))
    total = sum(fraction for _, fraction in material.fractions)
    for symbol, fraction in material.fractions:
        built.AddElement(g4.G4NistManager.Instance().FindOrBuildElement(symbol), fraction / total)
    return built
