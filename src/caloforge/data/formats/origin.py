"""What files of points have no place for: detector, provenance and frame, as one note ``caloforge``, in JSON."""

__all__ = ["ORIGIN", "origin_note", "parse_origin_note", "read_origin", "write_origin"]

import json
from typing import Any

import h5py

from caloforge.data.points.hits import Hits
from caloforge.data.provenance import Provenance, parse_provenance

ORIGIN = "caloforge"


def origin_note(hits: Hits) -> str:
    """The note as JSON.

    Args:
        hits: the first block.
    """
    facts = {
        "detector": hits.detector,
        "provenance": hits.provenance.facts,
        "depth": hits.depth,
        "first_layer": hits.first_layer,
        "normal": hits.normal,
    }
    return json.dumps(facts)


def write_origin(file: h5py.File, hits: Hits) -> None:
    """Note in an HDF5 file where points come from and how they lie.

    Args:
        file: open for writing.
        hits: the first block.
    """
    file.attrs[ORIGIN] = origin_note(hits)


def read_origin(file: h5py.File, name: str) -> tuple[str, Provenance, dict[str, Any]]:
    """The note of an HDF5 file, as `parse_origin_note`.

    Args:
        file: open for reading.
        name: of the format.

    Raises:
        ValueError: as `parse_origin_note`.
    """
    return parse_origin_note(str(file.attrs.get(ORIGIN, "{}")), name)


def parse_origin_note(text: str, name: str) -> tuple[str, Provenance, dict[str, Any]]:
    """Detector, provenance and the frame's fields of `Hits`; of an empty note, what the format says.

    Args:
        text: JSON.
        name: of the format.

    Raises:
        ValueError: a note of another kind.
    """
    facts = json.loads(text)
    if not isinstance(facts, dict):
        raise ValueError(f"its note {ORIGIN} is no JSON object")
    provenance = parse_provenance(json.dumps(facts.get("provenance", {}))).with_facts(format=name)
    frame: dict[str, Any] = {}
    if facts.get("depth") in ("mm", "layer"):
        frame["depth"] = facts["depth"]
    if isinstance(facts.get("first_layer"), int):
        frame["first_layer"] = facts["first_layer"]
    if isinstance(facts.get("normal"), list):
        x, y, z = (float(component) for component in facts["normal"])
        frame["normal"] = (x, y, z)
    return str(facts.get("detector", "unknown")), provenance, frame
