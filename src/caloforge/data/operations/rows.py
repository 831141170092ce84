"""Operations that leave out showers: some rows, a range of conditions, or a random choice by weight."""

__all__ = ["Select", "Slice", "Weight"]

from typing import ClassVar

import numpy as np
from numpy import ndarray as Array
from pydantic import Field, model_validator

from caloforge.data.operations.operation import Operation
from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.rng import stream


class Slice(Operation):
    """The showers from one row up to another, in their order.

    Args:
        start: first row.
        stop: row after the last; None for all that follow.
    """

    operation: ClassVar[str] = "slice"
    start: int = Field(0, ge=0)
    stop: int | None = Field(None, ge=1)

    def rows(self, n: int) -> range:
        """The rows that there are.

        Args:
            n: showers of the file.

        Raises:
            BadValue: none of them is in the file.
        """
        stop = n if self.stop is None else min(n, self.stop)
        if self.start >= stop:
            raise BadValue("rows", f"{self.start} to {self.stop or 'the end'}", f"the file has rows 0 to {n - 1}")
        return range(self.start, stop)


class Select(Operation):
    """The showers whose conditions lie in ranges, ends included.

    Args:
        energy: lowest and highest incident energy, MeV.
        theta: lowest and highest angle to the normal, rad.
        pdg: PDG particle numbers; None for all.
    """

    operation: ClassVar[str] = "select"
    energy: tuple[float, float] | None = None
    theta: tuple[float, float] | None = None
    pdg: tuple[int, ...] | None = None

    @model_validator(mode="after")
    def _anything(self) -> "Select":
        if self.energy is None and self.theta is None and self.pdg is None:
            raise BadValue("what to select by", "nothing", "give energies, angles or particles")
        for name in ("energy", "theta"):
            ends = getattr(self, name)
            if ends is not None and not ends[0] <= ends[1]:
                raise BadValue(f"range of {name}", ends, "give the lower end first")
        return self

    @property
    def untrue(self) -> tuple[str, ...]:
        """What it selects by."""
        chosen = {"energy": self.energy, "theta": self.theta, "particle": self.pdg}
        return tuple(name for name, value in chosen.items() if value is not None)

    def apply(self, showers: Showers, first: int = 0) -> Showers:
        """Those within the ranges.

        Args:
            showers: of any conditions.
            first: of no consequence.
        """
        chosen = np.ones(len(showers), bool)
        for ends, values in ((self.energy, showers.incident_energy), (self.theta, showers.theta)):
            if ends is not None:
                chosen &= (values >= np.float32(ends[0])) & (values <= np.float32(ends[1]))
        if self.pdg is not None:
            chosen &= np.isin(showers.pdg, self.pdg)
        return showers[chosen]


class Weight(Operation):
    r"""Accept each shower with probability :math:`w/w_\text{max}`: what is left follows the weighted distribution.

    The showers that are left count once each, so that every program reads them.

    Args:
        weights: (N,) one for each shower of the file, in its order.
        by: what the weights are, in words, for the provenance.
        seed: of the choice.

    Raises:
        BadValue: weights that are negative, not finite, or all zero.
    """

    operation: ClassVar[str] = "weight"
    weights: Array = Field(exclude=True, repr=False)
    by: str
    seed: int = Field(1, ge=0)

    @model_validator(mode="after")
    def _usable(self) -> "Weight":
        legal = np.isfinite(self.weights) & (self.weights >= 0)
        if self.weights.ndim != 1 or not legal.all() or not self.weights.any():
            raise BadValue("weights", self.by, "give one finite number a shower, not negative and not all zero")
        return self

    @property
    def untrue(self) -> tuple[str, ...]:
        """Whatever the beam was, this is another mixture."""
        return ("energy", "theta", "phi", "particle")

    def rows(self, n: int) -> range:
        """All.

        Args:
            n: showers of the file.

        Raises:
            BadValue: there are not as many weights.
        """
        if len(self.weights) != n:
            raise BadValue("number of weights", len(self.weights), f"the file has {n} showers")
        return range(n)

    def apply(self, showers: Showers, first: int = 0) -> Showers:
        """Those that are accepted.

        Args:
            showers: next to each other.
            first: row of the first of them.
        """
        generator = stream(self.seed, "weight")
        assert isinstance(generator.bit_generator, np.random.PCG64)
        generator.bit_generator.advance(first)  # one number a shower, whatever the blocks
        weights = self.weights[first : first + len(showers)] / self.weights.max()
        return showers[generator.random(len(showers)) < weights]
