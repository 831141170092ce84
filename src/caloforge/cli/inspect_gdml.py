"""The part of `caloforge inspect` for GDML files: their volumes and materials, what the beam meets, and a section."""

__all__ = ["inspect_gdml"]

import json
from pathlib import Path
from typing import Any

from caloforge.api.calorimeter import patterns
from caloforge.cli.inspect_detector import table, write_png
from caloforge.errors import BadValue
from caloforge.files import require_new
from caloforge.geometry.face import parse_face
from caloforge.geometry.gdml import GdmlDetector
from caloforge.geometry.materials import Bulk, bulk
from caloforge.geometry.readouts import readout
from caloforge.geometry.section import draw_section
from caloforge.simulation.production.gdml import GdmlSurvey, survey_gdml

_VOLUMES = {
    "volume": "volume",
    "material": "material",
    "placements": "placed",
    "volume_cm3": "cm3 each",
    "mass_g": "g each",
}
_MATERIALS = {
    "material": "material",
    "density_g_cm3": "g/cm3",
    "radiation_length_mm": "X0 (mm)",
    "composition": "mass fractions",
}


def inspect_gdml(
    path: Path,
    sensitive: str | None,
    face: str | None,
    mesh: str | None,
    output: Path | None,
    overwrite: bool,
    json_only: bool,
) -> None:
    """Print the tables and write the drawing.

    Raises:
        BadFile: not GDML, or a fault in it.
        BadValue: a face or mesh that does not fit.
        UnknownName: no such readout.
        UnwritablePath: the drawing cannot be written.
        Geant4Missing: geant4-pybind is not installed.
    """
    png = require_new(output or Path(f"{path.stem}.png"), overwrite, [path])
    binning = readout(mesh) if mesh else None
    seen = survey_gdml(path, patterns(sensitive), None if face is None else parse_face(face), with_section=True)
    if binning is not None:
        seen.detector.check_readout(binning)
    write_png(png, draw_section(seen.detector, seen.section, binning))
    facts = _facts(seen) | {"readout": binning.name if binning else None, "drawing": str(png)}
    print(json.dumps(facts) if json_only else _text(facts))


def _facts(seen: GdmlSurvey) -> dict[str, Any]:
    detector = seen.detector
    return {
        "detector": detector.name,
        "sha256": detector.digest,
        "face": detector.face.text,
        "sensitive_volumes": list(detector.sensitive),
        "cells_by_volumes": sum(row["placements"] for row in seen.volumes if row["sensitive"]),
        "unchecked_for_overlaps": seen.unchecked,
        **_line(detector),
        "volumes": seen.volumes,
        "materials": [_material(detector, m.name) for m in detector.materials],
    }


def _line(detector: GdmlDetector) -> dict[str, Any]:
    """What the beam meets; nothing where it meets nothing."""
    try:
        sensitive = [s for s in detector.matter if s.sensitive]
    except BadValue:
        return {"on_the_axis": None}
    return {
        "on_the_axis": {
            "volumes": len(detector.matter),
            "sensitive": len(sensitive),
            "begins_mm": detector.first,
            "ends_mm": detector.depth,
            "radiation_lengths": detector.radiation_lengths,
            "interaction_lengths": detector.interaction_lengths,
            "radiation_length_mm": detector.radiation_length,
            "moliere_radius_mm": detector.moliere_radius,
            "sensitive_mm": sum(s.high - s.low for s in sensitive),
        }
    }


def _material(detector: GdmlDetector, name: str) -> dict[str, Any]:
    material = detector.material(name)
    properties: Bulk = bulk(material)
    shares = sorted(material.fractions, key=lambda pair: -pair[1])
    return {
        "material": name,
        "density_g_cm3": material.density,
        "radiation_length_mm": properties.radiation_length,
        "composition": ", ".join(f"{symbol} {fraction:.3g}" for symbol, fraction in shares),
    }


def _text(facts: dict[str, Any]) -> str:
    sensitive = ", ".join(facts["sensitive_volumes"]) or "nothing; name volumes with --sensitive"
    lines = [
        ("detector", f"{facts['detector']}, GDML, sha256 {facts['sha256'][:16]}..."),
        ("sensitive", sensitive),
        ("cells by volumes", str(facts["cells_by_volumes"])),
        ("face", f"{facts['face']} (mm)"),
        *_axis_lines(facts["on_the_axis"]),
        *([("not checked", f"{n} placements, for overlaps")] if (n := facts["unchecked_for_overlaps"]) else []),
        ("drawing", facts["drawing"]),
    ]
    head = [f"{name:>20}  {value}" for name, value in lines]
    volumes = [row | {"volume": f"{row['volume']}{' *' if row['sensitive'] else ''}"} for row in facts["volumes"]]
    tables = [*table(volumes, _VOLUMES), "* sensitive", "", *table(facts["materials"], _MATERIALS)]
    return "\n".join([*head, "", *tables])


def _axis_lines(axis: dict[str, Any] | None) -> list[tuple[str, str]]:
    if axis is None:
        return [("on the axis", "nothing denser than a gas")]
    return [
        ("on the axis", f"{axis['begins_mm']:.5g} to {axis['ends_mm']:.5g} mm = {axis['radiation_lengths']:.2f} X0"),
        ("", f"{axis['interaction_lengths']:.2f} interaction lengths (estimate)"),
        ("", f"{axis['volumes']} volumes, {axis['sensitive']} sensitive, {axis['sensitive_mm']:.4g} mm of them"),
        ("radiation length", f"{axis['radiation_length_mm']:.4g} mm, mean of the axis"),
        ("Molière radius", f"{axis['moliere_radius_mm']:.4g} mm, mean of the axis"),
    ]
