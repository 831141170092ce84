"""A number as a physicist quotes it: value, error, and what truth against truth gives."""

__all__ = ["Measured", "bootstrap", "bootstrap_weights", "need_showers", "resample", "standard_error", "summarise"]

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped
from numpy import ndarray as Array

from caloforge.errors import EmptySample


@dataclass(frozen=True)
class Measured:
    """A distance as a physicist quotes it: ``value`` +- ``error``, beside what truth against truth gives.

    Args:
        value: the distance.
        error: its standard error.
        floor: mean of the distance between two truth samples.
        floor_spread: its standard deviation.
    """

    value: float
    error: float
    floor: float
    floor_spread: float

    @classmethod
    def with_floor(cls, value: float, error: float, null: Float[Array, " R"]) -> "Measured":
        """A distance with the floor that truth against truth shows; infinite where that leaves it undefined.

        Args:
            value: the distance.
            error: its standard error.
            null: the distances of R pairs of truth samples.
        """
        if not np.isfinite(null).all():
            return cls(value, error, math.inf, math.inf)
        return cls(value, error, float(null.mean()), float(null.std(ddof=1)))

    @property
    def significance(self) -> float:
        """How far the value stands above the floor, in standard deviations of truth against truth."""
        return (self.value - self.floor) / max(self.floor_spread, 1e-12)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        return {"value": self.value, "error": self.error, "floor": self.floor, "floor_spread": self.floor_spread}


def standard_error(values: Float[Array, " n"]) -> float:
    r"""Standard error of the mean of independent values, :math:`s/\sqrt n`.

    Args:
        values: at least two.
    """
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def bootstrap(
    showers: Shaped[Array, "n ..."],
    statistic: Callable[[Array], Float[Array, "..."]],
    repeats: int,
    rng: np.random.Generator,
    size: int | None = None,
) -> Float[Array, "R ..."]:
    """A statistic of resamples of the showers, drawn with replacement.

    Args:
        showers: a row each.
        statistic: of some rows.
        repeats: how many resamples.
        rng: draws them.
        size: showers of each resample; as many as there are if not said.

    Source: Efron, Ann. Statist. 7 (1979) 1.
    """
    return np.array([statistic(resample(showers, size or len(showers), rng)) for _ in range(repeats)])


def resample(showers: Shaped[Array, "n ..."], size: int, rng: np.random.Generator) -> Shaped[Array, "m ..."]:
    """So many showers, drawn with replacement.

    Args:
        showers: whatever has a row for each shower.
        size: how many rows to draw.
        rng: of the draw.
    """
    return showers[rng.integers(len(showers), size=size)]


def bootstrap_weights(n: int, repeats: int, rng: np.random.Generator, size: int | None = None) -> Int[Array, "R n"]:
    """How often each of n showers enters each resample: for statistics that are sums over showers.

    Args:
        n: showers.
        repeats: how many resamples.
        rng: draws them.
        size: showers of each resample; n if not said.
    """
    return rng.multinomial(size or n, np.full(n, 1 / n), repeats)


def need_showers(n: int, m: int, fewest: int = 1, what: str = "a comparison") -> None:
    """Refuse samples that are too small for what is to be measured.

    Args:
        n: showers of the truth.
        m: showers of the sample to judge.
        fewest: how many each must have.
        what: needs them, as the error says it.

    Raises:
        EmptySample: one of the sizes is below ``fewest``.
    """
    if min(n, m) < fewest:
        raise EmptySample(f"{what} needs at least {fewest} showers in both samples", n, m)


def summarise(
    values: Float[Array, " k"], draws: Float[Array, "R k"], null: Float[Array, "R k"]
) -> tuple[Measured, tuple[Measured, ...]]:
    """The mean over k columns and each column, from their values, bootstrap draws, and truth-against-truth draws.

    Args:
        values: the distance in each column.
        draws: the distances of R bootstrap resamples.
        null: the distances of R pairs of truth samples.
    """
    mean = Measured.with_floor(float(values.mean()), float(draws.mean(axis=1).std(ddof=1)), null.mean(axis=1))
    if len(values) == 1:
        return mean, (mean,)
    errors = draws.std(axis=0, ddof=1)
    return mean, tuple(
        Measured.with_floor(float(v), float(e), n) for v, e, n in zip(values, errors, null.T, strict=True)
    )
