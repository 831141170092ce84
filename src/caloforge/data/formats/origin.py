"""What HDF5 files of points have no place for: detector, provenance and frame, in one attribute ``caloforge``."""

__all__ = ["read_origin", "write_origin"]

import json
from typing import Any

import h5py

from caloforge.data.hits import Hits
from caloforge.data.provenance import Provenance, parse_provenance

_NAME = "caloforge"


def write_origin(file: h5py.File, hits: Hits) -> None:
    """Note where points come from and how they lie.

    Args:
        file: open for writing.
        hits: the first block.
    """
    facts = {
        "detector": hits.detector,
        "provenance": hits.provenance.facts,
        "depth": hits.depth,
        "first_layer": hits.first_layer,
        "normal": hits.normal,
    }
    file.attrs[_NAME] = json.dumps(facts)


def read_origin(file: h5py.File, name: str) -> tuple[str, Provenance, dict[str, Any]]:
    """Detector, provenance and the frame's fields of `Hits`; of a file that has no such note, what its format says.

    Args:
        file: open for reading.
        name: of the format.

    Raises:
        ValueError: a note of another kind.
    """
    facts = json.loads(file.attrs.get(_NAME, "{}"))
    if not isinstance(facts, dict):
        raise ValueError(f"its attribute {_NAME} is no JSON object")
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
