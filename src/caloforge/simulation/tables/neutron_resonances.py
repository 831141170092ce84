"""Evaluated cross sections of slow and fast neutrons with their resonances, of the elements of calorimeters.

``neutron_resonances.npz.xz`` holds, from 1 eV to 20 MeV in steps of half a percent, the total cross section of
ENDF/B-VIII and the part of it that is capture, as ``tools/tables/build_neutron_resonances.py`` tells them apart.
"""

__all__ = ["END", "FILE", "FULL_GRID", "GRID", "SOURCES", "Resonances", "pack", "resonances", "unpack"]

import io
import lzma
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

SOURCES = "neutrons below 14 MeV: totals of 17 elements of ENDF/B-VIII (ImagingReso 1.5.12)"
FILE = "neutron_resonances.npz.xz"
END = 20.0  # MeV, end of the neutron tables
FULL_GRID = np.geomspace(1e-10, END, 339 * 16 + 1)  # 480 to the decade; Geant4 wants them equidistant in ln(energy)
GRID = FULL_GRID[FULL_GRID > 1e-6]  # above 1 eV
STEP = 1e-3  # of the logarithm of a cross section


@dataclass(frozen=True, eq=False)
class Resonances:
    """Cross sections of neutrons on a natural element, on `GRID`.

    Args:
        z: atomic number.
        total: barn.
        capture: barn.
    """

    z: int
    total: Float[Array, " n"]
    capture: Float[Array, " n"]


def pack(elements: Iterable[Resonances]) -> bytes:
    """The file of the elements: differences of logarithms, in steps of 0.1 %.

    Args:
        elements: any number of them.
    """
    parts = list(elements)
    columns = {"z": np.array([part.z for part in parts], np.uint8)}
    for name in ("total", "capture"):
        steps = np.round(np.log(np.array([getattr(part, name) for part in parts])) / STEP).astype(np.int16)
        columns[name] = np.diff(steps, axis=1, prepend=np.int16(0))
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **columns)
    return lzma.compress(buffer.getvalue(), preset=9)


def unpack(packed: bytes) -> list[Resonances]:
    """The elements of a file that `pack` made.

    Args:
        packed: the bytes of the file.
    """
    with np.load(io.BytesIO(lzma.decompress(packed)), allow_pickle=False) as columns:
        total, capture = (np.exp(STEP * np.cumsum(columns[name], axis=1)) for name in ("total", "capture"))
        return [Resonances(*row) for row in zip(columns["z"].tolist(), total, capture, strict=True)]


@cache
def resonances() -> dict[int, Resonances]:
    """The elements that come with caloforge, by atomic number."""
    packed = resources.files("caloforge.simulation.tables").joinpath(FILE).read_bytes()
    return {element.z: element for element in unpack(packed)}
