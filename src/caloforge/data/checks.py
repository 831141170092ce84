"""Checks of what comes from outside: which kind of file it is, whether angles are radians and energies MeV."""

__all__ = [
    "check_angles",
    "describe_file",
    "describe_open_error",
    "doubts_of_response",
    "excess_of_response",
    "rest_energies",
]

import math
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from particle import InvalidParticle, Particle, ParticleNotFound

from caloforge.errors import BadValue
from caloforge.units import MeV

_ROUNDING = 1e-5  # rad, of float32
_MOST = 1.5  # mean response: cells calibrated to the incident energy stay below, a wrong unit does not
_LEAST = 1e-3  # mean response to electrons and photons: the thinnest sampling calorimeters stay above
_ELECTROMAGNETIC = (11, -11, 22)
_LOW_ENERGY = 100 * MeV  # below, an electron or photon may miss every sensitive layer

_SIGNATURES = (
    (0, b"\x89HDF", "a truncated or damaged HDF5 file"),
    (0, b"root", "a ROOT file"),
    (4, b"\xab\xad\xca\xfe", "an LCIO (SLCIO) file"),
    (0, b"PK\x03\x04", "a zip or NumPy npz archive"),
    (0, b"\x93NUMPY", "a NumPy npy file"),
    (0, b"version https://git-lfs", "a git-lfs pointer, not the file itself (git lfs pull gets it)"),
    (0, b"\x1f\x8b", "gzip-compressed (gunzip it first)"),
    (0, b"PAR1", "a Parquet file"),
    (0, b"HepMC::", "HepMC events, without showers (caloforge simulate --events makes them)"),
)


def describe_file(path: Path) -> str:
    """What a file that is no readable HDF5 is, by its first bytes.

    Args:
        path: of a file or folder that exists.
    """
    if path.is_dir():
        return "a folder"
    with path.open("rb") as file:
        start = file.read(64)
    if not start:
        return "empty"
    kinds = [kind for offset, magic, kind in _SIGNATURES if start[offset:].startswith(magic)]
    return kinds[0] if kinds else "not an HDF5 file"


def describe_open_error(path: Path, error: OSError) -> tuple[str, str]:
    """Why HDF5 does not open a file, and what to do.

    Args:
        path: of the file.
        error: what HDF5 raised.
    """
    text = str(error).lower()
    if "unable to lock" in text or "already open" in text:
        return "it is open in a process that writes it", "wait until that has ended"
    if isinstance(error, PermissionError):
        return "it may not be read", "change its permissions"
    return describe_file(path), "make it again or give an HDF5 file of showers"


def check_angles(theta: Float[Array, " N"], phi: Float[Array, " N"]) -> None:
    """Refuse what cannot be a direction towards the calorimeter in radians.

    Args:
        theta: angle to the calorimeter's normal, rad.
        phi: azimuth, rad.

    Raises:
        BadValue: NaN or infinite, theta outside 0 to pi/2, phi beyond 2 pi either way.
    """
    for name, angle, low, high in (("theta", theta, 0.0, math.pi / 2), ("phi", phi, -2 * math.pi, 2 * math.pi)):
        outside = ~((angle >= low - (low < 0) * _ROUNDING) & (angle <= high + _ROUNDING))  # true of NaN as well
        if outside.any():
            first = float(angle[outside][0])
            raise BadValue(name, first, f"give radians between {low:.4g} and {high:.4g}{_likely_slip(name, first)}")


def _likely_slip(name: str, angle: float) -> str:
    """What may have gone wrong with an angle out of range, as the end of a sentence; empty where it is not a number."""
    if not math.isfinite(angle):
        return ""
    if name == "theta" and angle < 0:
        return "; theta is measured from the normal: give its size, and phi + pi for the other side"
    if name == "theta" and angle <= math.pi:
        return "; beyond pi/2 a particle flies away from the calorimeter"
    return "; are these degrees?"


def excess_of_response(total: Float[Array, " n"], incident: Float[Array, " n"], pdg: Int[Array, " k"]) -> str | None:
    """Why these showers are hardly in MeV throughout, or None.

    A particle may leave its kinetic energy and, where it annihilates or is captured, twice its mass.

    Args:
        total: energy in all cells of each shower, MeV.
        incident: kinetic energy of the incident particle, or of all particles of an event, MeV.
        pdg: PDG particle numbers of all of them.
    """
    if total.sum() <= _MOST * incident.sum():
        return None
    if total.sum() <= _MOST * (incident.sum() + 2 * rest_energies(pdg).sum()):
        return None
    return (
        f"the cells hold {total.sum() / incident.sum():.3g} times the incident energy; "
        "are incident energies in GeV, or cells in keV?"
    )


def rest_energies(pdg: Int[Array, " n"]) -> Float[Array, " n"]:
    """Mass of each particle, MeV; 0 for particles that no table knows.

    Args:
        pdg: PDG particle numbers.
    """
    kinds, places = np.unique(pdg, return_inverse=True)
    return np.array([_mass(int(kind)) for kind in kinds], float)[places]


def doubts_of_response(total: Float[Array, " n"], incident: Float[Array, " n"], pdg: Int[Array, " n"]) -> list[str]:
    """What is odd, though possible, in the energies of showers, one sentence each.

    Args:
        total: energy in all cells of each shower, MeV.
        incident: kinetic energy of the incident particle, MeV.
        pdg: its PDG particle number.
    """
    sure = np.isin(pdg, _ELECTROMAGNETIC) & (incident > _LOW_ENERGY)
    response = float(total[sure].sum() / incident[sure].sum()) if sure.any() else math.inf
    if response >= _LEAST:
        return []
    return [f"electrons and photons leave only {response:.3g} of their energy in the cells: are cells in GeV?"]


def _mass(pdg: int) -> float:
    """MeV; 0 for particles that no table knows."""
    try:
        return Particle.from_pdgid(pdg).mass or 0.0
    except (ParticleNotFound, InvalidParticle):
        return 0.0
