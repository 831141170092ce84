"""Geant4's system of units (MeV, mm, ns = 1, via hepunits) and quantities as text: ``"50GeV"`` <-> 50000.0."""

__all__ = [
    "parse_energy",
    "format_energy",
    "parse_angle",
    "format_angle",
    "parse_length",
    "GeV",
    "MeV",
    "keV",
    "mm",
    "cm",
    "deg",
]

import math
import re

from hepunits import GeV, MeV, TeV, cm, deg, eV, keV, m, micrometer, mm, mrad, rad

from caloforge.errors import BadValue

_ENERGY = {"eV": eV, "keV": keV, "MeV": MeV, "GeV": GeV, "TeV": TeV}
_ANGLE = {"deg": deg, "rad": rad, "mrad": mrad}
_LENGTH = {"um": micrometer, "mm": mm, "cm": cm, "m": m}
_QUANTITY = re.compile(r"\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*([a-zA-Z]*)\s*")


def parse_energy(text: str) -> float:
    """Energy in MeV from text with a unit, such as ``50GeV`` or ``511 keV``.

    Raises:
        BadValue: no number, no unit, an unknown unit, or an energy that is not positive and finite.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in _ENERGY:
        raise BadValue("energy", text, f"write a number with a unit ({', '.join(_ENERGY)}), for example 50GeV")
    try:
        energy = float(match[1]) * _ENERGY[match[2]]
    except ValueError:
        raise BadValue("energy", text, "write a number with a unit, for example 50GeV") from None
    if not (math.isfinite(energy) and energy > 0):
        raise BadValue("energy", text, "an incident energy is positive and finite")
    return energy


def format_energy(energy: float) -> str:
    """The shortest usual spelling of an energy in MeV: ``format_energy(50000) == "50GeV"``."""
    unit = next((u for u in ("TeV", "GeV", "MeV", "keV") if energy >= _ENERGY[u]), "eV")
    return f"{energy / _ENERGY[unit]:.4g}{unit}"


def parse_angle(text: str) -> float:
    """Angle in rad from text with a unit, such as ``30deg`` or ``0.5rad``.

    Raises:
        BadValue: no number, no unit, an unknown unit, or not finite.
    """
    return _parse("angle", text, _ANGLE, "30deg")


def format_angle(angle: float) -> str:
    """An angle in rad, spelled in degrees: ``format_angle(math.pi) == "180deg"``."""
    return f"{angle / deg:.6g}deg"


def parse_length(text: str) -> float:
    """Length in mm from text with a unit, such as ``1.4mm`` or ``80cm``.

    Raises:
        BadValue: no number, no unit, an unknown unit, or not finite.
    """
    return _parse("length", text, _LENGTH, "1.4mm")


def _parse(what: str, text: str, units: dict[str, float], example: str) -> float:
    match = _QUANTITY.fullmatch(text)
    try:
        value = float(match[1]) * units[match[2]] if match else math.nan
    except (ValueError, KeyError):
        value = math.nan
    if not math.isfinite(value):
        raise BadValue(what, text, f"write a number with a unit ({', '.join(units)}), for example {example}")
    return value
