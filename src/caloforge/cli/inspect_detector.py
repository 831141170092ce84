"""The part of `caloforge inspect` for detectors: a table of what it is made of, and a drawing."""

__all__ = ["inspect_detector", "is_detector", "table", "write_png"]

import json
import os
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from caloforge.errors import BadValue, similar_names
from caloforge.files import replace_when_complete, require_new
from caloforge.geometry.detector import DETECTORS, detector
from caloforge.geometry.drawing import draw, properties
from caloforge.geometry.gdml_writer import detector_to_gdml
from caloforge.geometry.readouts import default_readout, readout
from caloforge.simulation.readout_fit import check_readout

_COLUMNS = {
    "material": "material",
    "slabs": "slabs",
    "thickness_mm": "mm",
    "radiation_lengths": "X0",
    "density_g_cm3": "g/cm3",
    "radiation_length_mm": "X0 (mm)",
}
_HELD = 0.95
_LEAKS = "showers leak from the back: response and resolution get worse as the energy rises; make it deeper"


def is_detector(file: Path) -> bool:
    """Whether the argument of `inspect` is a detector: a preset's name, if need be misspelt, or a YAML file."""
    if str(file) in DETECTORS or file.suffix.lower() in (".yaml", ".yml"):
        return True
    exists = os.path.exists(file)  # noqa: PTH110 -- a name that is too long does not exist, Path.exists raises
    return not exists and not file.suffix and bool(similar_names(str(file), DETECTORS))


def inspect_detector(
    name: str, mesh: str | None, output: Path | None, gdml: Path | None, overwrite: bool, json_only: bool
) -> None:
    """Print the table and write the drawing, and the GDML file if one is asked for.

    Raises:
        BadFile: a YAML file that does not describe a detector.
        BadValue: a mesh that does not fit it.
        UnknownName: no such detector or readout.
        UnwritablePath: a file cannot be written.
    """
    stack = detector(name)
    binning = readout(mesh) if mesh else default_readout(stack)
    check_readout(stack, binning)
    if gdml is not None and output is not None and gdml.resolve() == output.resolve():
        raise BadValue("--gdml", str(gdml), "the drawing goes there: give another path")
    path = require_new(output or Path(f"{stack.name}.png"), overwrite, [name])
    if gdml is not None:
        text = detector_to_gdml(stack)
        replace_when_complete(require_new(gdml, overwrite, [name]), lambda beside: beside.write_text(text, "utf-8"))
    write_png(path, draw(stack, binning))
    facts = properties(stack) | {"readout": binning.name, "drawing": str(path)}
    facts |= {} if gdml is None else {"gdml": str(gdml)}
    print(json.dumps(facts) if json_only else _table(facts))


def write_png(path: Path, figure: Figure) -> None:
    """A drawing as PNG, whole or not at all.

    Args:
        path: of the file.
        figure: the drawing.
    """
    FigureCanvasAgg(figure)
    replace_when_complete(path, lambda beside: figure.savefig(beside, format="png", dpi=130))


def _table(facts: dict[str, Any]) -> str:
    held = facts["electron_containment"]
    radius = f", inner radius {facts['inner_radius_mm']:g} mm" if facts["inner_radius_mm"] else ""
    lines = [
        ("detector", f"{facts['detector']}, {facts['shape']}{radius}"),
        ("depth", f"{facts['depth_mm']:.5g} mm = {facts['depth_radiation_lengths']:.2f} X0"),
        ("", f"{facts['depth_interaction_lengths']:.2f} interaction lengths (estimate)"),
        ("slabs", f"{facts['slabs']}, {facts['sensitive_slabs']} of them sensitive"),
        ("radiation length", f"{facts['radiation_length_mm']:.4g} mm"),
        ("Molière radius", f"{facts['moliere_radius_mm']:.4g} mm"),
        ("critical energy", f"{facts['critical_energy_mev']:.4g} MeV"),
        ("sensitive part", f"{facts['sampling_fraction_by_thickness']:.1%} of the thickness"),
        ("", f"{facts['ionisation_fraction']:.2%} of the ionisation of relativistic electrons"),
        ("electrons held", ", ".join(f"{share:.1%} of {energy}" for energy, share in held.items()) + " (PDG 34.5)"),
        *([("caution", _LEAKS)] if held["10GeV"] < _HELD else []),
        ("mesh", facts["readout"]),
        ("drawing", facts["drawing"]),
        *([("GDML", facts["gdml"])] if "gdml" in facts else []),
    ]
    head = [f"{name:>20}  {value}" for name, value in lines]
    return "\n".join([*head, "", *_rows(facts["materials"])])


def _rows(materials: list[dict[str, Any]]) -> list[str]:
    shown = [facts | {"material": f"{facts['material']}{' *' if facts['sensitive'] else ''}"} for facts in materials]
    return [*table(shown, _COLUMNS), "* sensitive"]


def table(rows: list[dict[str, Any]], columns: dict[str, str]) -> list[str]:
    """Lines of a table, numbers to four digits.

    Args:
        rows: what to show.
        columns: keys of the rows, and their headings.
    """
    cells = [list(columns.values())]
    cells += [[str(v) if isinstance(v := row[key], str | int) else f"{v:.4g}" for key in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
