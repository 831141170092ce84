"""Geant4's system of units (MeV, mm, ns = 1, via hepunits) and quantities as text: ``"50GeV"`` <-> 50000.0."""

__all__ = [
    "parse_energy",
    "parse_threshold",
    "parse_length",
    "parse_depth",
    "parse_angle",
    "parse_time",
    "format_energy",
    "format_angle",
    "TeV",
    "GeV",
    "MeV",
    "keV",
    "mm",
    "cm",
    "ns",
    "deg",
]

import math
import re
from numbers import Real

from hepunits import GeV, MeV, TeV, cm, deg, eV, keV, m, micrometer, mm, mrad, ns, rad

from caloforge.errors import BadValue

_ENERGY = {"eV": eV, "keV": keV, "MeV": MeV, "GeV": GeV, "TeV": TeV}
_LENGTH = {"um": micrometer, "mm": mm, "cm": cm, "m": m}
_ANGLE = {"deg": deg, "rad": rad, "mrad": mrad}
_TIME = {"ps": 1e-3 * ns, "ns": ns, "us": 1e3 * ns, "ms": 1e6 * ns}
_QUANTITY = re.compile(r"\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*([a-zA-Z]*)\s*")


def _quantity(what: str, text: str, units: dict[str, float], example: str) -> float:
    """The number in front of a unit, times the unit."""
    match = _QUANTITY.fullmatch(text)
    try:
        if match is not None:
            return float(match[1]) * units[match[2]]
    except (ValueError, KeyError):
        pass
    raise BadValue(what, text, f"write a number with a unit ({', '.join(units)}), for example {example}")


def _positive(value: float, what: str, text: str, subject: str) -> float:
    if not (math.isfinite(value) and value > 0):
        raise BadValue(what, text, f"{subject} is positive and finite")
    return value


def _finite(value: float, what: str, text: str, subject: str) -> float:
    if not math.isfinite(value):
        raise BadValue(what, text, f"{subject} is finite")
    return value


def parse_energy(text: str) -> float:
    """Energy in MeV from text with a unit, such as ``50GeV`` or ``511 keV``.

    Args:
        text: a number and its unit.

    Raises:
        BadValue: no number, no unit, an unknown unit, or an energy that is not positive and finite.
    """
    return _positive(_quantity("energy", text, _ENERGY, "50GeV"), "energy", text, "an incident energy")


def parse_threshold(value: object) -> float:
    """Threshold of cells in MeV.

    Args:
        value: text with a unit, such as ``0.1MeV``, or a number in MeV; 0 cuts nothing.

    Raises:
        BadValue: neither of these, negative or not finite.
    """
    if isinstance(value, str):
        energy = _quantity("threshold", value, _ENERGY, "0.1MeV")
    else:
        energy = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if not (math.isfinite(energy) and energy >= 0):
        raise BadValue("threshold", value, 'write "0.1MeV", or a number in MeV that is not negative')
    return energy


def parse_length(text: str) -> float:
    """Length in mm from text with a unit, such as ``0.7mm`` or ``50 um``.

    Args:
        text: a number and its unit.

    Raises:
        BadValue: no number, no unit, an unknown unit, or a length that is not positive and finite.
    """
    return _positive(_quantity("length", text, _LENGTH, "0.7mm"), "length", text, "a length")


def parse_depth(text: str) -> float:
    """Depth in mm from text with a unit, such as ``1250mm``; zero and negative depths are depths.

    Args:
        text: a number and its unit.

    Raises:
        BadValue: no number, no unit, an unknown unit, or not finite.
    """
    return _finite(_quantity("depth", text, _LENGTH, "1250mm"), "depth", text, "a depth")


def parse_time(text: str) -> float:
    """Time in ns from text with a unit, such as ``200ns``.

    Args:
        text: a number and its unit.

    Raises:
        BadValue: no number, no unit, an unknown unit, or a time that is not positive and finite.
    """
    return _positive(_quantity("time", text, _TIME, "200ns"), "time", text, "a time")


def format_energy(energy: float) -> str:
    """The shortest usual spelling of an energy in MeV: ``format_energy(50000) == "50GeV"``.

    Args:
        energy: MeV.
    """
    unit = next((u for u in ("TeV", "GeV", "MeV", "keV") if energy >= _ENERGY[u]), "eV")
    return f"{energy / _ENERGY[unit]:.4g}{unit}"


def parse_angle(text: str) -> float:
    """Angle in rad from text with a unit, such as ``30deg`` or ``0.5rad``.

    Args:
        text: a number and its unit.

    Raises:
        BadValue: no number, no unit, an unknown unit, or not finite.
    """
    return _finite(_quantity("angle", text, _ANGLE, "30deg"), "angle", text, "an angle")


def format_angle(angle: float) -> str:
    """An angle in rad, spelled in degrees: ``format_angle(math.pi) == "180deg"``.

    Args:
        angle: rad.
    """
    return f"{angle / deg:.6g}deg"
