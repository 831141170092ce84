"""The geometry of ATLAS's FastCaloSim, a ROOT tree ``caloDetCells`` of cells without showers, by uproot."""

__all__ = ["read_calo_cells"]

from pathlib import Path
from typing import Any

import numpy as np

from caloforge.data.formats.peek import Peek, reading, require_extra
from caloforge.errors import BadFile, BadValue
from caloforge.geometry.calo_cells import CaloCells

TREE = "caloDetCells"
_FLAGS = ("isEtaPhiR", "isEtaPhiZ", "isXYZ")  # in the order of the systems
_COLUMNS = {  # of each system: middle, width
    "isEtaPhiR": (("eta", "phi", "r"), ("deta", "dphi", "dr")),
    "isEtaPhiZ": (("eta", "phi", "z"), ("deta", "dphi", "dz")),
    "isXYZ": (("x", "y", "z"), ("dx", "dy", "dz")),
}


def read_calo_cells(path: str | Path) -> CaloCells:
    """All cells of a calorimeter.

    Args:
        path: ROOT file of FastCaloSim with the tree ``caloDetCells``; mm and rad.

    Raises:
        BadFile: missing, damaged, or not such a file.
        MissingExtra: uproot is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise BadFile(path, "no such file", "give FastCaloSim's CaloCells.root")
    if TREE not in Peek(path).trees:
        raise BadFile(path, f"no ROOT file with a tree {TREE}", "give FastCaloSim's CaloCells.root")
    uproot = require_extra("uproot")
    names = ["id", "layer", *_FLAGS, *{name for columns in _COLUMNS.values() for part in columns for name in part}]
    with reading(path), uproot.open(path) as file:
        columns: dict[str, Any] = file[TREE].arrays(names, library="np")
        flags = np.stack([columns[flag].astype(bool) for flag in _FLAGS], axis=1)
        system = flags.argmax(axis=1)
        middle, width = (
            np.stack([np.choose(system, [columns[_COLUMNS[flag][part][i]] for flag in _FLAGS]) for i in range(3)], 1)
            for part in range(2)
        )
        centre = np.stack([columns[name] for name in "xyz"], axis=1)
    if not (flags.sum(axis=1) == 1).all():
        cell = int(columns["id"][flags.sum(axis=1) != 1][0])
        raise BadFile(path, f"cell {cell} has no coordinates of a kind that caloforge knows", "give another geometry")
    try:
        arrays = (values.astype(float) for values in (centre, middle, width))
        return CaloCells(columns["id"].astype(np.uint64), columns["layer"].astype(np.int64), system, *arrays)
    except BadValue as error:
        raise BadFile(path, str(error), "give another geometry") from error
