"""Detectors from YAML and back: materials, layers that may repeat, planar or cylindrical; checked before any use.

Lengths are numbers in mm or text with a unit (``1.4mm``, ``80cm``, ``2m``). A layer begins where the one before ends,
or at the depth ``at``; a gap between them is filled with ``gap`` (air unless told). Densities are
numbers in g/cm3, or text that says so.
"""

__all__ = ["detector_from_yaml", "detector_to_yaml", "read_detector"]

import re
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from caloforge.errors import BadValue
from caloforge.geometry.materials import Material
from caloforge.geometry.stack import Detector, Slab
from caloforge.units import parse_length
from caloforge.yaml_model import blamed_on, checked, read_text, yaml_mapping

_TOUCH = 1e-6  # mm: faces nearer than this touch
_MOST = 10_000  # slabs in a detector
_DENSEST = 25.0  # g/cm3, more than any element has
_FIELDS = "docs/detectors.md"


def _length(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a length is a number in mm or text with a unit")
    if not isinstance(value, str):
        return value
    try:
        return parse_length(value)
    except BadValue as error:
        raise ValueError(str(error)) from error


def _density(value: object) -> object:
    """A number in g/cm3, the unit written or not."""
    number = (
        re.fullmatch(r"\s*([0-9.]+(?:[eE][-+]?[0-9]+)?)\s*(?:g/cm3|g/cm\^3|g/cm³)\s*", value)
        if isinstance(value, str)
        else None
    )
    if isinstance(value, bool) or (isinstance(value, str) and number is None):
        raise ValueError("a density is a number in g/cm3, or text such as 3.85 g/cm3")
    density = float(number[1]) if number else value
    if isinstance(density, int | float) and density > _DENSEST:
        raise ValueError("densities are in g/cm3 and no element has more than 22.6: 11350 kg/m3 are 11.35")
    return density


Length = Annotated[float, BeforeValidator(_length)]
Density = Annotated[float, BeforeValidator(_density)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Material(_Strict):
    name: str
    density: Density = Field(gt=0, description="g/cm3")
    fractions: dict[str, float] | None = Field(None, description="mass fraction of each element")
    atoms: dict[str, float] | None = Field(None, description="atoms of each element in the formula")

    def build(self) -> Material:
        if self.fractions is not None and self.atoms is None:
            return Material(self.name, self.density, tuple(self.fractions.items()))
        if self.atoms is not None and self.fractions is None:
            return Material.from_atoms(self.name, self.density, self.atoms)
        raise BadValue(f"composition of {self.name}", None, "give either fractions (by mass) or atoms")


class _Slab(_Strict):
    material: str
    thickness: Length = Field(gt=0)
    sensitive: bool = False
    at: Length | None = None


class _Group(_Strict):
    repeat: int = Field(1, ge=1, le=_MOST)
    stack: list[_Slab] = Field(min_length=1)
    at: Length | None = None


class _Layout(_Strict):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    half_width: Length = Field(500.0, gt=0)
    inner_radius: Length | None = Field(None, gt=0)
    gap: str = "G4_AIR"
    materials: list[_Material] = []
    layers: list[Any] = Field(min_length=1)


def read_detector(path: Path) -> Detector:
    """The detector that a YAML file describes.

    Args:
        path: of the file.

    Raises:
        BadFile: missing, not YAML, or not a detector; the sentence says where and why.
    """
    return detector_from_yaml(read_text(path, "a YAML file that describes a detector"), path)


def detector_from_yaml(text: str, source: str | Path = "detector YAML") -> Detector:
    """The detector that YAML text describes.

    Args:
        text: YAML.
        source: what is named in errors.

    Raises:
        BadFile: as `read_detector`.
    """
    tree = yaml_mapping(text, source, "name and layers")
    with blamed_on(source):
        layout = checked(_Layout, tree, _FIELDS)
        materials = tuple(material.build() for material in layout.materials)
        return Detector(layout.name, _slabs(layout), layout.half_width, materials, layout.inner_radius)


def _slabs(layout: _Layout) -> tuple[Slab, ...]:
    """Every slab in order of depth, gaps filled."""
    slabs: list[Slab] = []
    depth = 0.0
    for i, entry in enumerate(layout.layers):
        place = f"layers.{i}"
        if isinstance(entry, dict) and entry.keys() & {"repeat", "stack"}:
            group = checked(_Group, entry, _FIELDS, place)
            parts = group.stack * group.repeat
            if any(slab.at is not None for slab in group.stack):
                raise BadValue(
                    f"field {place}", "at", "inside a stack layers follow each other; place the stack itself"
                )
            start = group.at
        else:
            single = checked(_Slab, entry, _FIELDS, place)
            parts, start = [single], single.at
        if start is not None and start < depth - _TOUCH:
            raise BadValue(f"field {place}.at", start, f"it overlaps the layer before, which ends at {depth:g} mm")
        if start is not None and start > depth + _TOUCH:
            slabs.append(Slab(layout.gap, start - depth))
        slabs += [Slab(part.material, part.thickness, part.sensitive) for part in parts]
        depth = sum(slab.thickness for slab in slabs)
        if len(slabs) > _MOST:
            raise BadValue(f"field {place}", len(slabs), f"a detector has at most {_MOST} layers")
    return tuple(slabs)


def detector_to_yaml(detector: Detector) -> str:
    """YAML that reads back as the same detector, repeated layers written once.

    Args:
        detector: any stack.
    """
    tree: dict[str, Any] = {"name": detector.name, "half_width": detector.half_width}
    if detector.inner_radius is not None:
        tree["inner_radius"] = detector.inner_radius
    if detector.materials:
        tree["materials"] = [
            {"name": m.name, "density": m.density, "fractions": dict(m.fractions)} for m in detector.materials
        ]
    tree["layers"] = _folded([_plain(slab) for slab in detector.slabs])
    return yaml.safe_dump(tree, sort_keys=False, width=120, default_flow_style=None)


def _plain(slab: Slab) -> dict[str, Any]:
    tree: dict[str, Any] = {"material": slab.material, "thickness": slab.thickness}
    return tree | ({"sensitive": True} if slab.sensitive else {})


def _folded(slabs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Runs of a period of up to eight slabs become one entry with ``repeat``."""
    entries: list[dict[str, Any]] = []
    start = 0
    while start < len(slabs):
        period, repeat = max(((p, _repeats(slabs, start, p)) for p in range(1, 9)), key=lambda pr: _saved(*pr))
        stack = slabs[start : start + period]
        entries += [{"repeat": repeat, "stack": [dict(slab) for slab in stack]}] if repeat > 1 else map(dict, stack[:1])
        start += period * repeat if repeat > 1 else 1
    return entries


def _saved(period: int, repeat: int) -> int:
    return period * (repeat - 1)


def _repeats(slabs: list[dict[str, Any]], start: int, period: int) -> int:
    repeat, pattern = 1, slabs[start : start + period]
    while slabs[start + repeat * period : start + (repeat + 1) * period] == pattern:
        repeat += 1
    return repeat
