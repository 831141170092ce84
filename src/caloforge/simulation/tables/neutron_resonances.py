r"""Evaluated cross sections of slow and fast neutrons with their resonances, of the elements of calorimeters.

``neutron_resonances.npz.xz`` holds, from 1 eV to 20 MeV in steps of half a percent, the total cross section of
ENDF/B-VIII and the part of it that is capture, as ``tools/tables/build_neutron_resonances.py`` tells them apart.

Geant4's own data for FTFP_BERT and its kin (G4PARTICLEXS) hold them averaged over their resonances, so that no
resonance shields itself and no window lets neutrons through; `averaged` does the same,

.. math:: \bar\sigma(E) = \frac{1}{w} \int_{\ln E - w/2}^{\ln E + w/2} \sigma \, d\ln E'

between 1 eV and 14 MeV, and with w = `WINDOW` showers agree with Geant4's reference outputs (docs/geant4-reference.md).
"""

__all__ = [
    "END",
    "FILE",
    "FULL_GRID",
    "GRID",
    "SOURCES",
    "WINDOW",
    "Resonances",
    "averaged",
    "pack",
    "resonances",
    "unpack",
]

import io
import lzma
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

WINDOW = 0.2  # in ln E
SOURCES = (
    f"neutrons below 14 MeV: totals of 17 elements of ENDF/B-VIII (ImagingReso 1.5.12), averaged over {WINDOW} in ln E"
)
FILE = "neutron_resonances.npz.xz"
END = 20.0  # MeV, end of the neutron tables
FULL_GRID = np.geomspace(1e-10, END, 339 * 16 + 1)  # 480 to the decade; Geant4 wants them equidistant in ln(energy)
GRID = FULL_GRID[FULL_GRID > 1e-6]  # above 1 eV
STEP = 1e-3  # of the logarithm of a cross section
AVERAGED = 1e-6, 14.0  # MeV; below is 1/v, above the straight line to Geant4's model


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


def averaged(energy: Float[Array, " n"], sigma: Float[Array, " n"], window: float = WINDOW) -> Float[Array, " n"]:
    """The average over a window in ln E, which ends where the table does.

    Args:
        energy: MeV, rising.
        sigma: straight lines in ln E between the points.
        window: its width; 0 leaves all as it is.
    """
    if window == 0:
        return sigma
    x = np.log(energy)
    integral = np.concatenate([[0.0], np.cumsum((sigma[1:] + sigma[:-1]) / 2 * np.diff(x))])
    low, high = np.maximum(x - window / 2, x[0]), np.minimum(x + window / 2, x[-1])
    mean = (np.interp(high, x, integral) - np.interp(low, x, integral)) / (high - low)
    return np.where((energy > AVERAGED[0]) & (energy < AVERAGED[1]), mean, sigma)
