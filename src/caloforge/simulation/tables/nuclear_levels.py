r"""Levels of nuclei and the photons between them, and their Geant4 data folder (G4LEVELGAMMADATA, PhotonEvaporation).

A level of energy :math:`E_i` goes to :math:`E_f` with the share :math:`p_{if}`, by a photon or, with
:math:`\alpha` times the photon's probability, by an electron of the shells (internal conversion):

.. math:: E_\gamma = E_i - E_f, \quad \sum_f p_{if} = 1, \quad p_{if} = w_{if} (1 + \alpha_{if})

Geant4 reads the weights :math:`w`. The numbers, and how coarsely they are kept, are those of
``tools/tables/build_nuclear_levels.py``.
"""

__all__ = ["FILE", "SOURCES", "Scheme", "level_schemes", "pack", "unpack", "write_levels_folder"]

import io
import lzma
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

SOURCES = "ENSDF decay data (paceENSDF), captures (EGAF), TUNL evaluations below A = 17"
FILE = "nuclear_levels.npz.xz"
ENERGY_STEP = 0.1  # keV
DECADE = 100  # steps of a half-life per decade
SHARE_STEP = 0.05  # of ln(share of the strongest / share)
ALPHA_FIRST, ALPHA_STEP = 5e-3, 0.1  # the smallest coefficient that is kept, and the step of its logarithm
NO_TIME, STABLE = -32767, 32767
SHELLS = "0 0 0 0 0 0 0 0 0 1"  # the outermost: the electron takes all of the energy, none is left as binding


@dataclass(frozen=True)
class Scheme:
    """The levels of one nuclide, from the ground state up.

    Args:
        z: atomic number.
        a: mass number.
        energy: of the levels, keV, never falling.
        half_life: s; infinite if stable, 0 where it is unknown or too short to be kept.
        spin: twice the spin, negative if the parity is; 0 where it is unknown or not kept.
        upper: of each transition, the level it leaves, never falling.
        lower: the level it goes to, below ``upper``.
        share: its share in the decays of its level by photons and electrons; these sum to one.
        alpha: electrons per photon.
    """

    z: int
    a: int
    energy: Float[Array, " levels"]
    half_life: Float[Array, " levels"]
    spin: Int[Array, " levels"]
    upper: Int[Array, " transitions"]
    lower: Int[Array, " transitions"]
    share: Float[Array, " transitions"]
    alpha: Float[Array, " transitions"]


def pack(schemes: Iterable[Scheme]) -> bytes:
    """The file of the schemes, with every number rounded as this module's constants say.

    Args:
        schemes: any number of nuclides.
    """
    parts = [_codes(scheme) for scheme in schemes]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **columns)
    return lzma.compress(buffer.getvalue(), preset=9)


def _codes(scheme: Scheme) -> dict[str, Array]:
    strongest = np.zeros(len(scheme.energy))
    np.maximum.at(strongest, scheme.upper, scheme.share)
    measured = np.isfinite(scheme.half_life) & (scheme.half_life > 0)
    time = np.where(np.isinf(scheme.half_life), STABLE, NO_TIME)
    time[measured] = np.round(DECADE * np.log10(scheme.half_life[measured]))
    converted = scheme.alpha >= ALPHA_FIRST
    alpha = np.zeros(len(scheme.alpha))
    alpha[converted] = 1 + np.round(np.log(scheme.alpha[converted] / ALPHA_FIRST) / ALPHA_STEP)
    gaps = np.diff(np.round(scheme.energy / ENERGY_STEP), prepend=0).astype(np.uint32)
    return {
        "z": np.array([scheme.z], np.uint8),
        "a": np.array([scheme.a], np.uint16),
        "levels": np.array([len(scheme.energy)], np.uint16),
        "gap": gaps,
        "half_life": time.astype(np.int16),
        "spin": scheme.spin.astype(np.int8),
        "transitions": np.bincount(scheme.upper, minlength=len(scheme.energy)).astype(np.uint8),
        "lower": scheme.lower.astype(np.uint16),
        "share": np.round(np.log(strongest[scheme.upper] / scheme.share) / SHARE_STEP).astype(np.uint8),
        "alpha": np.minimum(alpha, 255).astype(np.uint8),
    }


def level_schemes() -> Iterator[Scheme]:
    """All nuclides that come with caloforge, by atomic and mass number."""
    return unpack(resources.files("caloforge.simulation.tables").joinpath(FILE).read_bytes())


def unpack(packed: bytes) -> Iterator[Scheme]:
    """The schemes of a file that `pack` made.

    Args:
        packed: the bytes of the file.
    """
    with np.load(io.BytesIO(lzma.decompress(packed)), allow_pickle=False) as columns:
        codes = {name: columns[name] for name in columns.files}
    last = np.cumsum(codes["levels"].astype(int)).tolist()
    last_transition = np.cumsum(np.append(0, codes["transitions"].astype(int))).tolist()
    for z, a, first, end in zip(codes["z"].tolist(), codes["a"].tolist(), [0, *last[:-1]], last, strict=True):
        transitions = slice(last_transition[first], last_transition[end])
        yield _decoded(z, a, codes, slice(first, end), transitions)


def _decoded(z: int, a: int, codes: dict[str, Array], levels: slice, transitions: slice) -> Scheme:
    count = codes["transitions"][levels].astype(int)
    upper = np.repeat(np.arange(len(count)), count)
    share = np.exp(-SHARE_STEP * codes["share"][transitions])
    share /= np.bincount(upper, share, len(count))[upper]
    code = codes["alpha"][transitions].astype(float)
    time = codes["half_life"][levels]
    half_life = np.zeros(len(time))
    half_life[time == STABLE] = np.inf
    measured = (time != STABLE) & (time != NO_TIME)
    half_life[measured] = 10.0 ** (time[measured] / DECADE)
    return Scheme(
        z=z,
        a=a,
        energy=ENERGY_STEP * np.cumsum(codes["gap"][levels].astype(float)),
        half_life=half_life,
        spin=codes["spin"][levels].astype(int),
        upper=upper,
        lower=codes["lower"][transitions].astype(int),
        share=share,
        alpha=np.where(code > 0, ALPHA_FIRST * np.exp(ALPHA_STEP * (code - 1)), 0.0),
    )


def write_levels_folder(folder: Path) -> None:
    """Write ``z{Z}.a{A}`` of each nuclide into the new ``folder``, in the format of Geant4's PhotonEvaporation.

    A line for each level: its number, ``-`` (its energy is not floating), energy in keV, half-life in s (-1 if stable),
    spin with the sign of the parity, how many transitions. A line for each transition: the level it goes to, energy in
    keV, weight, multipolarity (0, unknown), mixing ratio, conversion coefficient and, if that is not zero, the shares
    of ten shells.

    Args:
        folder: to make.

    Raises:
        OSError: the folder exists or cannot be written.
    """
    folder.mkdir(parents=True)
    for scheme in level_schemes():
        (folder / f"z{scheme.z}.a{scheme.a}").write_text(_lines(scheme))


def _lines(scheme: Scheme) -> str:
    transitions: list[list[str]] = [[] for _ in scheme.energy]
    photon = scheme.energy[scheme.upper] - scheme.energy[scheme.lower]
    weight = 100 * scheme.share / (1 + scheme.alpha)
    columns = (scheme.upper, scheme.lower, photon, weight, scheme.alpha)
    for upper, lower, energy, w, alpha in zip(*(column.tolist() for column in columns), strict=True):
        shells = f" {SHELLS}" if alpha else ""
        transitions[upper].append(f" {lower} {energy:.1f} {w:.4g} 0 0 {alpha:.4g}{shells}\n")
    half_life = np.where(np.isinf(scheme.half_life), -1.0, scheme.half_life).tolist()
    rows = zip(scheme.energy.tolist(), half_life, (scheme.spin / 2).tolist(), transitions, strict=True)
    return "".join(
        f"{index} - {energy:.1f} {time:.4g} {spin:.1f} {len(lines)}\n" + "".join(lines)
        for index, (energy, time, spin, lines) in enumerate(rows)
    )
