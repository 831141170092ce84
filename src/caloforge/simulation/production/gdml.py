"""GDML files opened for a simulation: read as XML here, by Geant4 in a process that may be lost, refused in a sentence.

The child is `caloforge.simulation.geant4.gdml_survey`; it ends with a signal where Geant4 finds a fault.
"""

__all__ = ["GdmlSurvey", "open_gdml", "survey_gdml"]

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.errors import BadFile, Geant4Missing
from caloforge.geometry.cell_mesh import CellMesh, cell_mesh
from caloforge.geometry.face import Face
from caloforge.geometry.gdml import GdmlDetector, Stretch
from caloforge.geometry.gdml_text import GdmlText, read_gdml_text
from caloforge.geometry.materials import Material
from caloforge.simulation.production.worker import last_words
from caloforge.simulation.tables.em_data import find_data

_CHILD = "caloforge.simulation.geant4.gdml_survey"
_PATIENCE = 600  # seconds
_OVERLAP = re.compile(
    r"Overlap is detected for volume (?P<first>\S+) \(\w+\)\s+with (?P<second>[^\n]*?) \(\w+\)\s*\n"
    r"[^\n]* by (?P<depth>[^\n(]*)"
)
_NOTHING = (
    "no volume is sensitive: the file has no auxiliary tag SensDet; give --sensitive NAME (`caloforge inspect` of the "
    "file lists the names)"
)


@dataclass(frozen=True)
class GdmlSurvey:
    """What Geant4 saw in a file.

    Args:
        detector: for a simulation.
        volumes: a row for each logical volume.
        unchecked: placements that there was no time to check for overlaps.
        section: stretches of lines to draw, see `caloforge.geometry.section`.
    """

    detector: GdmlDetector
    volumes: list[dict[str, Any]]
    unchecked: int
    section: list[dict[str, Any]] = field(repr=False)


def open_gdml(path: str | Path, sensitive: Sequence[str] | None, face: Face, with_cells: bool = False) -> GdmlDetector:
    """The calorimeter of a GDML file, looked through by Geant4.

    Args:
        path: of the file.
        sensitive: names of logical volumes that are read, ``*`` and ``?`` allowed; those tagged ``SensDet`` if None.
        face: where the beam enters, and its direction.
        with_cells: whether each placed sensitive volume is a cell.

    Raises:
        Geant4Missing: geant4-pybind is not installed.
        BadFile: not GDML, a fault that Geant4 finds in it, overlaps, nothing sensitive, no volume of such a name, a
            face outside the world or turned away from the detector.
    """
    return survey_gdml(path, sensitive, face, with_cells).detector


def survey_gdml(
    path: str | Path,
    sensitive: Sequence[str] | None = None,
    face: Face | None = None,
    with_cells: bool = False,
    with_section: bool = False,
) -> GdmlSurvey:
    """All about a GDML file.

    Args:
        path: of the file.
        sensitive: as of `open_gdml`; here a file may have nothing that is read, if it also is None.
        face: as of `open_gdml`; where a line along z, at x = y = 0, enters the world if None.
        with_cells: whether each placed sensitive volume is a cell.
        with_section: whether to follow lines for a drawing.

    Raises:
        Geant4Missing, BadFile: as of `open_gdml`.
    """
    if importlib.util.find_spec("geant4_pybind") is None:
        raise Geant4Missing
    file = read_gdml_text(Path(path))
    question = {
        "text": file.text,
        "patterns": None if sensitive is None else list(sensitive),
        "face": None if face is None else [face.point, face.direction],
        "with_cells": with_cells,
        "with_section": with_section,
    }
    facts = _ask(file, question)
    if face is not None and not facts["sensitive"]:
        raise BadFile(file.path, _NOTHING)
    return GdmlSurvey(_detector(file, facts, sensitive), facts["volumes"], facts["unchecked"], facts.get("section", []))


def _ask(file: GdmlText, question: dict[str, Any]) -> dict[str, Any]:
    """Let a child process answer; what Geant4 writes explains a death."""
    command = [sys.executable, "-P", "-m", _CHILD]
    environment = os.environ | find_data().environment
    with tempfile.TemporaryFile() as log:
        try:
            child = subprocess.run(
                command,
                input=json.dumps(question).encode(),
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BadFile(file.path, f"Geant4 was not done with it after {_PATIENCE} s", "simplify it") from None
        log.seek(0)
        words = log.read().decode(errors="replace")
    try:
        facts: dict[str, Any] = json.loads(child.stdout)
    except ValueError:
        raise BadFile(file.path, f"Geant4 does not read it ({last_words(words)})", "mend the file") from None
    overlap = _OVERLAP.search(words)
    if overlap is not None:
        problem = f"volumes overlap: {overlap['first']} with {overlap['second']} by {overlap['depth'].strip()}"
        raise BadFile(file.path, problem, "mend the geometry: Geant4 would track through it wrongly")
    if "error" in facts:
        raise BadFile(file.path, facts["error"])
    return facts


def _detector(file: GdmlText, facts: dict[str, Any], sensitive: Sequence[str] | None) -> GdmlDetector:
    point, direction = facts["face"]
    name = file.path.stem
    low, high = facts["world"]
    return GdmlDetector(
        name=name,
        text=file.text,
        digest=file.digest,
        asked="SensDet" if sensitive is None else ",".join(sensitive),
        sensitive=tuple(facts["sensitive"]),
        face=Face(tuple(point), tuple(direction)),
        line=tuple(Stretch(**row) for row in facts["line"]),
        materials=tuple(Material(m["name"], m["density"], tuple(m["fractions"].items())) for m in facts["materials"]),
        reach=None if facts["reach"] is None else tuple(facts["reach"]),
        world=(tuple(low), tuple(high)),
        cells=_cells(f"{name}-volumes", facts["cells"]) if "cells" in facts else None,
    )


def _cells(name: str, columns: dict[str, Any]) -> CellMesh:
    arrays = (np.array(columns[key], dtype=float) for key in ("centre", "volume", "depth"))
    return cell_mesh(name, columns["name"], *arrays)
