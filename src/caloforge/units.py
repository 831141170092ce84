"""Geant4's system of units (MeV, mm, ns = 1, via hepunits) and quantities as text: ``"50GeV"`` <-> 50000.0."""

__all__ = ["parse_energy", "parse_length", "format_energy", "GeV", "MeV", "keV", "mm"]

import math
import re

from hepunits import GeV, MeV, TeV, cm, eV, keV, m, micrometer, mm

from caloforge.errors import BadValue

_ENERGY = {"eV": eV, "keV": keV, "MeV": MeV, "GeV": GeV, "TeV": TeV}
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


def parse_length(text: str) -> float:
    """Length in mm from text with a unit, such as ``0.7mm`` or ``50 um``.

    Raises:
        BadValue: no number, no unit, an unknown unit, or a length that is not positive and finite.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in _LENGTH:
        raise BadValue("length", text, f"write a number with a unit ({', '.join(_LENGTH)}), for example 0.7mm")
    try:
        length = float(match[1]) * _LENGTH[match[2]]
    except ValueError:
        raise BadValue("length", text, "write a number with a unit, for example 0.7mm") from None
    if not (math.isfinite(length) and length > 0):
        raise BadValue("length", text, "a length is positive and finite")
    return length


def format_energy(energy: float) -> str:
    """The shortest usual spelling of an energy in MeV: ``format_energy(50000) == "50GeV"``."""
    unit = next((u for u in ("TeV", "GeV", "MeV", "keV") if energy >= _ENERGY[u]), "eV")
    return f"{energy / _ENERGY[unit]:.4g}{unit}"
