"""What a GDML file holds, as Geant4 reads it: the child process that `production.gdml` asks; JSON in, JSON out.

Volumes, materials, overlaps, the line of the beam, the cells of a readout by volumes, and a section to draw.
"""

__all__ = ["survey"]

import fnmatch
import json
import os
import sys
import time
from typing import Any

import geant4_pybind as g4
import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.errors import BadValue, CaloforgeError, UnknownName
from caloforge.geometry.face import Face
from caloforge.geometry.materials import symbols
from caloforge.simulation.geant4 import gdml_tree
from caloforge.simulation.geant4.gdml_rays import Rays, Stretch
from caloforge.units import mm

MOST_CELLS = 100_000
_TOLERANCE = 1e-3 * mm  # overlaps below are rounding
_POINTS = 1000  # on the surface of each placement
_PATIENCE = 60.0  # seconds for overlaps
_GRID = 16  # points along each side of a solid, for its centre
_RAYS = 240  # of each drawing


def survey(
    text: str, patterns: list[str] | None, face: Face | None, with_cells: bool, with_section: bool
) -> dict[str, Any]:
    """Read and look; plain values for JSON, lengths in mm in the frame of the face.

    Args:
        text: clean GDML.
        patterns: names of sensitive volumes, ``*`` and ``?`` allowed; those tagged ``SensDet`` if None.
        face: where the beam enters; where a line along z enters the world if None.
        with_cells: list every placed sensitive volume.
        with_section: follow the lines that a drawing needs.

    Raises:
        UnknownName: a pattern that matches nothing.
        BadValue: nothing is sensitive, elements that no table has, a face outside the world.
    """
    parser, world = gdml_tree.read_world(text)
    logicals = gdml_tree.logical_volumes(world)
    tagged = {gdml_tree.base_name(logical) for logical in logicals if _is_tagged(parser, logical)}
    names = _sensitive(patterns, list(dict.fromkeys(map(gdml_tree.base_name, logicals[1:]))), tagged)
    counts = gdml_tree.count_placements(world)
    facts: dict[str, Any] = {
        "volumes": _volumes(logicals, counts, names, tagged),
        "materials": [_material(m) for m in {m.GetName(): m for m in (x.GetMaterial() for x in logicals)}.values()],
        "sensitive": names,
        "unchecked": _check_overlaps(logicals),
    }
    n = sum(v["placements"] for v in facts["volumes"] if v["sensitive"])
    if with_cells and n > MOST_CELLS:
        raise BadValue(
            "number of sensitive volumes", n, f"at most {MOST_CELLS} can be cells; leave out --cells volumes"
        )
    wanted = lambda logical: gdml_tree.base_name(logical) in names  # noqa: E731
    placed = list(gdml_tree.placements(world, wanted)) if n <= MOST_CELLS else []
    gdml_tree.numbered(world)
    face = face or _front(world)
    rays = Rays(world, face)
    if not rays.inside_world(np.zeros(3)):
        raise BadValue("face", face.text, f"it lies outside the world, which reaches {_extent_text(world)}")
    line = rays.stretches(np.zeros(3))
    boxes = [_box(placement, face) for placement in placed]
    _check_side(face, line, boxes, names)
    facts |= {"face": [face.point, face.direction], "line": [_stretch(s, names) for s in line]}
    facts["world"] = [end.tolist() for end in _limits(world.GetLogicalVolume().GetSolid())]
    facts["reach"] = [min(b[2, 0] for b in boxes), max(b[2, 1] for b in boxes)] if boxes else None
    if with_cells:
        facts["cells"] = _cells(placed, boxes, line, face)
    if with_section:
        facts["section"] = _section(rays, world, line, names)
    return facts


def _is_tagged(parser: Any, logical: Any) -> bool:
    mirrored = g4.G4ReflectionFactory.Instance()
    own = mirrored.GetConstituentLV(logical) if mirrored.IsReflected(logical) else logical
    return any(tag.type == "SensDet" for tag in parser.GetVolumeAuxiliaryInformation(own))


def _sensitive(patterns: list[str] | None, names: list[str], tagged: set[str]) -> list[str]:
    """Names of the sensitive logical volumes among those inside the world."""
    if patterns is None:
        return [name for name in names if name in tagged]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise UnknownName("sensitive volume", pattern, names, "`caloforge inspect` of the file")
    return [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]


def _volumes(logicals: list[Any], counts: dict[int, int], names: list[str], tagged: set[str]) -> list[dict[str, Any]]:
    """The table of volumes: cm3 and g of one placement (mean of its copies), what lies inside left out of the mass."""
    volumes = {logical.GetInstanceID(): logical.GetSolid().GetCubicVolume() for logical in logicals}
    inside = dict.fromkeys(volumes, 0.0)
    for logical in logicals:
        for physical in gdml_tree.daughters(logical):
            each, number = gdml_tree.mean_volume(physical, logical), physical.GetLogicalVolume().GetInstanceID()
            inside[logical.GetInstanceID()] += each * physical.GetMultiplicity()
            if physical.IsReplicated():
                volumes[number] = each
    rows = []
    for logical in logicals:
        number, material = logical.GetInstanceID(), logical.GetMaterial()
        row = {
            "volume": logical.GetName(),
            "material": material.GetName(),
            "placements": counts[number],
            "sensitive": gdml_tree.base_name(logical) in names,
            "tagged": gdml_tree.base_name(logical) in tagged,
            "solid": logical.GetSolid().GetEntityType(),
            "volume_cm3": volumes[number] / g4.cm3,
            "mass_g": max(0.0, volumes[number] - inside[number]) * material.GetDensity() / g4.g,
        }
        rows.append(row)
    return rows


def _material(material: Any) -> dict[str, Any]:
    """Name, density in g/cm3, and mass fractions by the symbols of elements."""
    fractions: dict[str, float] = {}
    for i, fraction in enumerate(material.GetFractionVector()):
        z = round(material.GetElement(i).GetZ())
        if not 1 <= z <= len(symbols()):
            raise BadValue(f"atomic number in material {material.GetName()}", z, "the data tables end at Z = 98")
        symbol = symbols()[z - 1]
        fractions[symbol] = fractions.get(symbol, 0.0) + fraction
    density = material.GetDensity() / (g4.g / g4.cm3)
    return {"name": material.GetName(), "density": density, "fractions": fractions}


def _check_overlaps(logicals: list[Any]) -> int:
    """Let Geant4 look for overlaps, which it writes to the log; how many placements there was no time for."""
    end, unchecked = time.monotonic() + _PATIENCE, 0
    for logical in logicals:
        for physical in gdml_tree.daughters(logical):
            many = physical.IsParameterised() and physical.GetMultiplicity() > _POINTS
            if time.monotonic() > end or many:
                unchecked += physical.GetMultiplicity()
            elif physical.CheckOverlaps(_POINTS, _TOLERANCE, True, 1):
                raise BadValue("geometry", "overlaps", "")
    return unchecked


def _front(world: Any) -> Face:
    """Where a line along z, at x = y = 0, enters the world."""
    low, _ = _limits(world.GetLogicalVolume().GetSolid())
    return Face((0.0, 0.0, float(low[2])), (0.0, 0.0, 1.0))


def _limits(solid: Any) -> tuple[Float[Array, " 3"], Float[Array, " 3"]]:
    low, high = g4.G4ThreeVector(), g4.G4ThreeVector()
    solid.BoundingLimits(low, high)
    return np.array([low.x, low.y, low.z]), np.array([high.x, high.y, high.z])


def _extent_text(world: Any) -> str:
    low, high = _limits(world.GetLogicalVolume().GetSolid())
    return f"from ({', '.join(f'{v:g}' for v in low)}) to ({', '.join(f'{v:g}' for v in high)}) mm"


def _check_side(face: Face, line: list[Stretch], boxes: list[Float[Array, "3 2"]], names: list[str]) -> None:
    if not names:
        return
    if boxes and max(box[2, 1] for box in boxes) <= 0:
        raise BadValue("face", face.text, "every sensitive volume lies behind it: turn DIRECTION round, or move POINT")
    beside = not boxes or any(min(b[i, 0] for b in boxes) > 0 or max(b[i, 1] for b in boxes) < 0 for i in (0, 1))
    if beside and not any(stretch.path for stretch in line):
        raise BadValue("face", face.text, "a line from there meets nothing but the world: move POINT or DIRECTION")


def _box(placement: gdml_tree.Placement, face: Face) -> Float[Array, "3 2"]:
    """Lowest and highest x, y and z of a placement's bounding box."""
    corners = np.array(np.meshgrid(*zip(*_limits(placement.solid), strict=True))).reshape(3, -1).T
    local = face.from_world(corners @ placement.rotation.T + placement.translation)
    return np.stack([local.min(axis=0), local.max(axis=0)], axis=1)


def _stretch(stretch: Stretch, names: list[str]) -> dict[str, Any]:
    logical = stretch.logical
    facts = {"volume": logical.GetName(), "material": logical.GetMaterial().GetName()}
    return facts | {"low": stretch.low, "high": stretch.high, "sensitive": gdml_tree.base_name(logical) in names}


def _cells(
    placed: list[gdml_tree.Placement], boxes: list[Float[Array, "3 2"]], line: list[Stretch], face: Face
) -> dict[str, Any]:
    """Every placed sensitive volume: name, centre, volume, and depths, those of the line where it is met."""
    met = {stretch.path: [stretch.low, stretch.high] for stretch in line}
    centres: dict[tuple[Any, ...], tuple[float, Float[Array, " 3"]]] = {}
    columns: dict[str, list[Any]] = {"name": [], "centre": [], "volume": [], "depth": []}
    for placement, box in zip(placed, boxes, strict=True):
        volume, centre = _middle(placement.solid, centres)
        at = face.from_world((placement.rotation @ centre + placement.translation)[None])[0]
        depth = met.get(placement.path, box[2].tolist())
        columns["name"].append(placement.name)
        columns["centre"].append([*at[:2].tolist(), float(np.mean(depth))])
        columns["volume"].append(volume)
        columns["depth"].append(depth)
    return columns


def _middle(solid: Any, cache: dict[tuple[Any, ...], tuple[float, Float[Array, " 3"]]]) -> tuple[float, Any]:
    """Volume of a solid, mm3, and its centre of gravity, from a grid of points inside it."""
    low, high = _limits(solid)
    key = (solid.GetEntityType(), solid.GetName(), *low.tolist(), *high.tolist())
    if key not in cache:
        steps = (np.arange(_GRID) + 0.5) / _GRID
        points = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3) * (high - low) + low
        inside = [p for p in points if solid.Inside(g4.G4ThreeVector(*p.tolist())) != g4.EInside.kOutside]
        plain = solid.GetEntityType() == "G4Box" or not inside
        cache[key] = solid.GetCubicVolume(), (low + high) / 2 if plain else np.mean(inside, axis=0)
    return cache[key]


def _section(rays: Rays, world: Any, line: list[Stretch], names: list[str]) -> list[dict[str, Any]]:
    """Two views at y = 0 in the frame of the face: everything inside the world, and the middle where showers are."""
    matter = [stretch for stretch in line if stretch.path]
    low, high = (matter[0].low, matter[-1].high) if matter else (line[0].low, line[-1].high)
    everything = [
        _box(gdml_tree.Placement((), "", None, p.GetLogicalVolume().GetSolid(), *gdml_tree.transform(p)), rays.face)
        for p in gdml_tree.daughters(world.GetLogicalVolume())
        if not p.IsReplicated()
    ]
    half = max((float(np.abs(box[0]).max()) for box in everything), default=0.4 * (high - low))
    return [
        _view(rays, "whole", 1.05 * half, names),
        _view(rays, "middle", min(half, 0.4 * (high - low)), names) | {"low": low, "high": high},
    ]


def _view(rays: Rays, title: str, half: float, names: list[str]) -> dict[str, Any]:
    rows = []
    for x in (2 * (np.arange(_RAYS) + 0.5) / _RAYS - 1) * half:
        met = rays.stretches(np.array([float(x), 0.0, 0.0]), from_edge=True)
        rows.append([[s.low, s.high, s.logical.GetMaterial().GetName(), *_kind(s, names)] for s in met])
    return {"title": title, "half": half, "rows": rows}


def _kind(stretch: Stretch, names: list[str]) -> tuple[bool, bool]:
    """Whether a stretch is sensitive, and whether it is the world's own."""
    return gdml_tree.base_name(stretch.logical) in names, not stretch.path


def main() -> None:
    """Answer one question; all that Geant4 writes goes to the log."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    question = json.load(sys.stdin)
    if question["face"] is not None:
        point, direction = question["face"]
        question["face"] = Face(tuple(point), tuple(direction))
    try:
        answer = survey(**question)
    except CaloforgeError as error:
        answer = {"error": str(error)}
    json.dump(answer, answers)
    answers.flush()
    sys.stdout.flush()
    os._exit(0)  # Geant4 would complain of a geometry that is still closed


if __name__ == "__main__":
    main()
