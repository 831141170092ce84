r"""Incident kinetic energies, in MeV: fixed, points, or uniform in :math:`E` or :math:`\ln E` between two ends."""

__all__ = ["EnergyPoints", "Spectrum", "parse_spectrum"]

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.errors import BadValue, UnknownName
from caloforge.simulation.ranges import check_range, parse_range, range_text
from caloforge.units import GeV, format_energy, keV, parse_energy

Shape = Literal["fixed", "log", "uniform"]
_SHAPES: tuple[Shape, ...] = get_args(Shape)
LOWEST, HIGHEST = 1 * keV, 1e5 * GeV  # range of Geant4's physics lists


@dataclass(frozen=True)
class Spectrum:
    """Incident kinetic energies, all the same or between two ends.

    Args:
        low: MeV.
        high: MeV; equal to ``low`` where the shape is fixed.
        shape: uniform in E, in ln E (log), or fixed.

    Raises:
        UnknownName: a shape other than fixed, log and uniform.
        BadValue: an empty range, or energies outside those of Geant4's physics lists (1 keV to 100 TeV).
    """

    low: float
    high: float
    shape: Shape = "fixed"

    def __post_init__(self) -> None:
        if self.shape not in _SHAPES:
            raise UnknownName("shape of a spectrum", self.shape, _SHAPES)
        check_range("energy", (self.low, self.high), self.shape, lambda: self.text, "MeV")
        _check_energies(self.low, self.high)

    @property
    def text(self) -> str:
        """As on the command line: ``50GeV`` or ``1GeV:100GeV:log``."""
        return range_text(format_energy(self.low), format_energy(self.high), self.shape)

    def sample(self, n: int, generator: np.random.Generator) -> Float[Array, " n"]:
        """``n`` energies in MeV; the first of them do not depend on ``n``.

        Args:
            n: showers.
            generator: of the random numbers.
        """
        u = generator.random(n)
        if self.shape == "log":
            return self.low * (self.high / self.low) ** u
        return self.low + (self.high - self.low) * u


@dataclass(frozen=True)
class EnergyPoints:
    """Energies that showers have in turn, as the points of a test beam: of n showers each gets n / k, but for one.

    Args:
        values: MeV, at least two, each once.

    Raises:
        BadValue: fewer, one twice, or energies outside those of Geant4's physics lists (1 keV to 100 TeV).
    """

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(set(self.values)) < max(2, len(self.values)):
            raise BadValue("energies", self.text, "in a list, give two or more, each once")
        _check_energies(*self.values)

    @property
    def low(self) -> float:
        """Lowest, MeV."""
        return min(self.values)

    @property
    def high(self) -> float:
        """Highest, MeV."""
        return max(self.values)

    @property
    def shape(self) -> Literal["points"]:
        """Beside those of a `Spectrum`."""
        return "points"

    @property
    def text(self) -> str:
        """As on the command line: ``5GeV,10GeV``."""
        return ",".join(map(format_energy, self.values))

    def sample(self, n: int, generator: np.random.Generator) -> Float[Array, " n"]:
        """``n`` energies in MeV, in turn; nothing is drawn.

        Args:
            n: showers.
            generator: as `Spectrum.sample` takes it.
        """
        return np.resize(np.array(self.values), n)


def _check_energies(*energies: float) -> None:
    for energy in energies:
        if not LOWEST <= energy <= HIGHEST:
            raise BadValue("energy", format_energy(energy), "stay between 1keV and 100TeV, as Geant4 does")


def parse_spectrum(text: str) -> Spectrum | EnergyPoints:
    """The spectrum from text: ``50GeV``, ``5GeV,10GeV``, ``1GeV:100GeV:log`` or ``1GeV:100GeV:uniform``.

    Args:
        text: as on the command line.

    Raises:
        BadValue: not of that form, an energy without a unit, an empty range, an energy out of range.
        UnknownName: a shape other than log and uniform.
    """
    if "," in text:
        return EnergyPoints(tuple(map(parse_energy, text.split(","))))
    return Spectrum(*parse_range(text, parse_energy, "energy", ("50GeV", "1GeV:100GeV:log"), _SHAPES))
