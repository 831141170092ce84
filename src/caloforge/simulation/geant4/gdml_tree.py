r"""GDML in Geant4: the tree of placed volumes, where each lies, and its name that no other has.

A placement is a path of indices from the world downwards: at every level the number of the daughter, or of the replica.
Points of a daughter are :math:`R^{-1} p + t` in its mother, R and t as Geant4 holds them. Import this module only where
`engine` may be imported.
"""

__all__ = [
    "Placement",
    "count_placements",
    "daughters",
    "logical_volumes",
    "mean_volume",
    "numbered",
    "placements",
    "read_world",
    "transform",
]

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geant4_pybind as g4
import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.errors import Geant4Failed

_REFLECTED = "_refl"  # what Geant4 appends to the name of a mirrored volume


@dataclass(frozen=True, eq=False)
class Placement:
    """One volume where it lies.

    Args:
        path: the index at every level below the world.
        name: ``NAME:COPY`` at every level below the world, ``#INDEX`` behind those that are not alone in that.
        logical: Geant4's logical volume.
        solid: of this placement.
        rotation: takes its points into the world, before the translation.
        translation: mm.
    """

    path: tuple[int, ...]
    name: str
    logical: Any
    solid: Any
    rotation: Float[Array, "3 3"]
    translation: Float[Array, " 3"]


def read_world(text: str) -> tuple[Any, Any]:
    """The parser, which must stay referenced, and the world volume of GDML text.

    Args:
        text: clean GDML, see `caloforge.geometry.gdml_text`.

    Raises:
        Geant4Failed: there is no world. Most other faults end the process.
    """
    parser = g4.G4GDMLParser()
    with tempfile.TemporaryDirectory(prefix="caloforge-gdml-") as folder:
        path = Path(folder, "geometry.gdml")
        path.write_text(text, encoding="utf-8")
        parser.Read(os.fspath(path), False)
    world = parser.GetWorldVolume()
    if world is None:
        raise Geant4Failed("its setup names no world volume")
    return parser, world


def daughters(logical: Any) -> list[Any]:
    """Physical volumes directly inside a logical one.

    Args:
        logical: Geant4's.
    """
    return [logical.GetDaughter(i) for i in range(logical.GetNoDaughters())]


def base_name(logical: Any) -> str:
    """Name of a logical volume as the file has it, mirrored or not.

    Args:
        logical: Geant4's.
    """
    return str(logical.GetName()).removesuffix(_REFLECTED)


def logical_volumes(world: Any) -> list[Any]:
    """Every logical volume in the tree, each once, mothers first.

    Args:
        world: the physical volume.
    """
    reached = [world.GetLogicalVolume()]
    numbers = {reached[0].GetInstanceID()}
    for logical in reached:
        for physical in daughters(logical):
            inner = physical.GetLogicalVolume()
            if inner.GetInstanceID() not in numbers:
                numbers.add(inner.GetInstanceID())
                reached.append(inner)
    return reached


def count_placements(world: Any) -> dict[int, int]:
    """How often each logical volume, by the number of its instance, lies in the world.

    Args:
        world: the physical volume.
    """
    counts: dict[int, int] = {}

    def inside(logical: Any) -> dict[int, int]:
        if logical.GetInstanceID() not in below:
            total = {logical.GetInstanceID(): 1}
            for physical in daughters(logical):
                for key, n in inside(physical.GetLogicalVolume()).items():
                    total[key] = total.get(key, 0) + n * physical.GetMultiplicity()
            below[logical.GetInstanceID()] = total
        return below[logical.GetInstanceID()]

    below: dict[int, dict[int, int]] = {}
    counts.update(inside(world.GetLogicalVolume()))
    return counts


def placements(world: Any, wanted: Callable[[Any], bool]) -> Iterator[Placement]:
    """Every placement of some logical volumes, depth first, in the order of the file.

    Args:
        world: the physical volume.
        wanted: whether a logical volume is one of them.
    """
    reaching: dict[int, bool] = {}

    def reaches(logical: Any) -> bool:
        if logical.GetInstanceID() not in reaching:
            inner = [reaches(physical.GetLogicalVolume()) for physical in daughters(logical)]
            reaching[logical.GetInstanceID()] = wanted(logical) or any(inner)
        return reaching[logical.GetInstanceID()]

    def walk(mother: Placement) -> Iterator[Placement]:
        for index, name, physical, solid, rotation, translation in _inside(mother.logical, reaches):
            path, names = (*mother.path, index), f"{mother.name}/{name}" if mother.name else name
            turned, shifted = mother.rotation @ rotation, mother.rotation @ translation + mother.translation
            here = Placement(path, names, physical.GetLogicalVolume(), solid, turned, shifted)
            if wanted(here.logical):
                yield here
            yield from walk(here)

    top = world.GetLogicalVolume()
    yield from walk(Placement((), "", top, top.GetSolid(), np.eye(3), np.zeros(3)))


def _inside(logical: Any, reaches: Callable[[Any], bool]) -> Iterator[tuple[int, str, Any, Any, Any, Any]]:
    """Index, name, physical volume, solid, rotation and translation of every copy directly inside."""
    physicals = daughters(logical)
    labels = [f"{physical.GetName()}:{physical.GetCopyNo()}" for physical in physicals]
    for index, physical in enumerate(physicals):
        if not reaches(physical.GetLogicalVolume()):
            continue
        solid = physical.GetLogicalVolume().GetSolid()
        if not physical.IsReplicated():
            label = labels[index] if labels.count(labels[index]) == 1 else f"{labels[index]}#{index}"
            yield index, label, physical, solid, *transform(physical)
            continue
        for copy in range(physical.GetMultiplicity()):
            copied = _move_to(physical, copy, logical)
            yield copy, f"{physical.GetName()}:{copy}", physical, copied, *transform(physical)


def mean_volume(physical: Any, mother: Any) -> float:
    """Mean volume of all copies of a physical volume, mm3.

    Args:
        physical: Geant4's, in its mother.
        mother: the logical volume around it.
    """
    if not physical.IsReplicated():
        return float(physical.GetLogicalVolume().GetSolid().GetCubicVolume())
    n = physical.GetMultiplicity()
    return float(sum(_move_to(physical, copy, mother).GetCubicVolume() for copy in range(n)) / n)


def _move_to(physical: Any, copy: int, mother: Any) -> Any:
    """Put a replicated volume where a copy lies, and the solid of that copy."""
    solid = physical.GetLogicalVolume().GetSolid()
    if physical.IsParameterised():
        rule = physical.GetParameterisation()
        rule.ComputeTransformation(copy, physical)
        solid = rule.ComputeSolid(copy, physical)
        rule.ComputeDimensions(solid, copy, physical)
        return solid.Clone()  # one solid takes the form of each copy in turn
    radial = _is_radial(physical)
    g4.G4ReplicaNavigation().ComputeTransformation(copy, physical)
    return _ring(physical, copy, mother.GetSolid()) if radial else solid


def _is_radial(physical: Any) -> bool:
    """Whether replicas follow each other along the radius: Geant4 neither moves nor turns the first of several."""
    g4.G4ReplicaNavigation().ComputeTransformation(0, physical)
    return physical.GetMultiplicity() > 1 and physical.GetTranslation().mag() == 0 and physical.GetRotation() is None


def _ring(physical: Any, copy: int, tube: Any) -> Any:
    """The solid of a replica along the radius, which Geant4 neither moves nor holds: equal widths fill the mother."""
    inner, outer = tube.GetInnerRadius(), tube.GetOuterRadius()
    edges = [inner + (outer - inner) * i / physical.GetMultiplicity() for i in (copy, copy + 1)]
    angles = tube.GetStartPhiAngle(), tube.GetDeltaPhiAngle()
    return g4.G4Tubs(f"ring{copy}", *edges, tube.GetZHalfLength(), *angles)


def transform(physical: Any) -> tuple[Float[Array, "3 3"], Float[Array, " 3"]]:
    """Rotation and translation that take points of a volume into its mother."""
    r, t = physical.GetRotation(), physical.GetTranslation()
    frame = np.eye(3) if r is None else np.array([[getattr(r, a + b) for b in "xyz"] for a in "xyz"])
    return frame.T, np.array([t.x, t.y, t.z])


def numbered(world: Any) -> None:
    """Give every placement its index among its mother's daughters as copy number, so that copy numbers tell paths.

    Args:
        world: the physical volume.
    """
    for logical in logical_volumes(world):
        for index, physical in enumerate(daughters(logical)):
            if not physical.IsReplicated():
                physical.SetCopyNo(index)
