"""Arrays and showers as text of a page: gzip and base64, of a shower only the cells that are hit."""

__all__ = ["packed", "packed_showers"]

import base64
import gzip
from typing import Any

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray as Array

from caloforge.data.showers import Showers


def packed(values: Shaped[Array, "..."] | bytes) -> str:
    """Bytes of an array, little-endian, packed; equal arrays give equal text.

    Args:
        values: of any shape and kind.
    """
    content = values if isinstance(values, bytes) else np.ascontiguousarray(values).tobytes()
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode()


def packed_showers(showers: Showers, label: str) -> dict[str, Any]:
    """Conditions, and cells and energies of all hits in a row.

    Args:
        showers: N of them.
        label: what they are.
    """
    rows, cells = np.nonzero(showers.energy)
    return {
        "label": label,
        "energy": [float(f"{value:.7g}") for value in showers.incident_energy],
        "pdg": showers.pdg.tolist(),
        "theta": [float(f"{value:.7g}") for value in showers.theta],
        "phi": [float(f"{value:.7g}") for value in showers.phi],
        "counts": np.bincount(rows, minlength=len(showers)).tolist(),
        "cells": packed(cells.astype("<u4")),
        "values": packed(showers.energy[rows, cells].astype("<f4")),
    }
