r"""Freaks: generated showers outside anything that full simulation made, counted, with what makes each one odd.

Every value of every observable is taken on the scale of the truth at the same particle and energy
(`caloforge.metrics.conditional`), and its tails are compressed, :math:`\operatorname{arsinh} z`. The truth's tails of
each column (`caloforge.metrics.tails`) turn it into a surprise: minus the logarithm of the chance of a value as
extreme. An observable is as odd as its oddest column; a shower's **oddness** M is the mean over its three oddest
observables.

Tails that score a true shower are fitted without it (five folds), and generated showers are scored by the same tails.
The tail of the truth's M, one standard error wider than fitted, gives the chance p that a true shower is as odd. A
generated shower is a freak if it is odder than every true one and :math:`m p < 0.05`: of sets of true showers, as many
as were generated (m), one in twenty has one like it. So the floor of the rate is :math:`0.05/m`. The interval of the
rate is that of Clopper and Pearson, Biometrika 26 (1934) 404.

An undefined value (NaN) says nothing, nor does an observable that is constant in the truth.
"""

__all__ = ["EXPECTED", "Freak", "Freaks", "clopper_pearson", "find_freaks"]

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy.stats import beta, binom

from caloforge.metrics.conditional import Scale
from caloforge.metrics.measured import Measured, need_showers
from caloforge.metrics.tails import Tail

EXPECTED = 0.05
"""Freaks among as many showers of the truth."""
_FEWEST = 200
_FOLDS = 5
_SHARE = 0.05  # of the values in a tail
_ODDEST = 3
_EXPLAINED = 100  # freaks of which it is said what makes them odd
_ONE_SIGMA = 0.6827

Table = Mapping[str, Float[Array, "_ _"]]
Conditions = tuple[Float[Array, " _"], Int[Array, " _"]]


class Odd(NamedTuple):
    """An observable that makes a shower odd.

    Args:
        name: of the observable.
        column: of its columns.
        value: that the shower has.
        usual: median of the truth at its particle and energy.
        surprise: minus the logarithm of the chance of a value as extreme, as the truth's tails go on.
    """

    name: str
    column: int
    value: float
    usual: float
    surprise: float


@dataclass(frozen=True)
class Freak:
    """A shower outside the truth.

    Args:
        row: of the generated showers.
        energy: incident, MeV.
        expected: showers as odd among as many showers of the truth.
        odd: the observables that make it odd, the oddest first; of the 100 oddest freaks only.
    """

    row: int
    energy: float
    expected: float
    odd: tuple[Odd, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "row": self.row,
            "incident_energy": self.energy,
            "expected": self.expected,
            "odd": [odd._asdict() for odd in self.odd],
        }


@dataclass(frozen=True)
class Freaks:
    """All freaks of a sample.

    Args:
        freaks: the oddest first.
        truth: showers of the truth.
        generated: showers judged.
    """

    freaks: tuple[Freak, ...]
    truth: int
    generated: int

    def __len__(self) -> int:
        return len(self.freaks)

    @property
    def rows(self) -> Int[Array, " f"]:
        """Of the generated showers, the oddest first."""
        return np.array([freak.row for freak in self.freaks], np.int64)

    @property
    def interval(self) -> tuple[float, float]:
        """Of the rate, at 95 %."""
        return clopper_pearson(len(self), self.generated)

    @property
    def measured(self) -> Measured:
        """The rate; its error is half of the interval at 68 %, its floor what another sample of the truth gives."""
        low, high = clopper_pearson(len(self), self.generated, _ONE_SIGMA)
        m = self.generated
        return Measured(len(self) / m, (high - low) / 2, EXPECTED / m, float(np.sqrt(EXPECTED)) / m)

    @property
    def p_value(self) -> float:
        """Chance of as many freaks in a sample of the truth."""
        return float(binom.sf(len(self) - 1, self.generated, EXPECTED / self.generated))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "count": len(self),
            "generated": self.generated,
            "truth": self.truth,
            "interval_95": list(self.interval),
            "rows": self.rows.tolist(),
            "showers": [freak.to_dict() for freak in self.freaks],
        }


def clopper_pearson(count: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a binomial rate.

    Args:
        count: successes.
        trials: at least one.
        level: confidence, of both sides together.
    """
    alpha = (1 - level) / 2
    low = float(beta.ppf(alpha, count, trials - count + 1)) if count else 0.0
    high = float(beta.ppf(1 - alpha, count + 1, trials - count)) if count < trials else 1.0
    return low, high


def find_freaks(
    truth: Table, generated: Table, conditions: tuple[Conditions, Conditions], rng: np.random.Generator
) -> Freaks:
    """Judge every generated shower, see the module.

    Args:
        truth: values of each observable, (n, k); NaN where undefined.
        generated: the same observables of the showers to judge, (m, k).
        conditions: of truth and generated: incident energies and PDG particle numbers.
        rng: of the folds.

    Raises:
        EmptySample: fewer than 200 showers in a sample.
    """
    (energy, pdg), of_generated = conditions
    n, m = len(energy), len(of_generated[0])
    need_showers(n, m, _FEWEST, "a search for freak showers")
    scale = Scale.of(energy, pdg)
    folds = rng.permutation(n) % _FOLDS, rng.permutation(m) % _FOLDS
    surprises = [np.zeros((size, len(truth)), np.float32) for size in (n, m)]
    columns = np.zeros((m, len(truth)), np.int16)
    for i, name in enumerate(truth):
        pair = truth[name].astype(np.float64), generated[name].astype(np.float64)
        of_truth, of_sample = _surprises(pair, scale, conditions, folds)
        surprises[0][:, i], surprises[1][:, i] = of_truth.max(axis=1), of_sample.max(axis=1)
        columns[:, i] = of_sample.argmax(axis=1)
    oddness = [_oddness(surprise) for surprise in surprises]
    tail = Tail.fit(oddness[0], _SHARE).widened()
    expected = m * np.exp(-tail.surprise(oddness[1]))[:, 0]
    rows = np.flatnonzero((expected < EXPECTED) & (oddness[1] > oddness[0].max())[:, 0])
    rows = rows[np.argsort(-oddness[1][rows, 0], kind="stable")]

    def why(row: int) -> Iterator[Odd]:
        for i in np.argsort(-surprises[1][row], kind="stable")[:_ODDEST]:
            if surprises[1][row, i] == 0:
                return
            name, column = list(truth)[i], int(columns[row, i])
            fitted = scale.fit(truth[name][:, [column]].astype(np.float64))
            usual, _ = scale.at(fitted, *(condition[[row]] for condition in of_generated))
            value = float(generated[name][row, column])
            yield Odd(name, column, value, float(usual[0, 0]), float(surprises[1][row, i]))

    freaks = (
        Freak(
            int(row), float(of_generated[0][row]), float(expected[row]), tuple(why(int(row))) if i < _EXPLAINED else ()
        )
        for i, row in enumerate(rows)
    )
    return Freaks(tuple(freaks), n, m)


def _surprises(
    pair: tuple[Float[Array, "n k"], Float[Array, "m k"]],
    scale: Scale,
    conditions: tuple[Conditions, Conditions],
    folds: tuple[Int[Array, " n"], Int[Array, " m"]],
) -> tuple[Float[Array, "n k"], Float[Array, "m k"]]:
    """Of each value of one observable, in either direction, by the tails of the true showers in the other folds."""
    fitted = scale.fit(pair[0])
    t, g = (_compressed(x, *scale.at(fitted, *c)) for x, c in zip(pair, conditions, strict=True))
    surprises = tuple(np.zeros(x.shape) for x in pair)
    for fold in range(_FOLDS):
        for sign in (1, -1):
            tail = Tail.fit(sign * t[folds[0] != fold], _SHARE)
            for surprise, x, number in zip(surprises, (t, g), folds, strict=True):
                mine = number == fold
                surprise[mine] = np.maximum(surprise[mine], tail.surprise(sign * x[mine]))
    return surprises[0], surprises[1]


def _compressed(
    values: Float[Array, "m k"], median: Float[Array, "m k"], scale: Float[Array, "m k"]
) -> Float[Array, "m k"]:
    """arsinh z; zero where the truth is constant."""
    difference = values - median
    return np.arcsinh(np.divide(difference, scale, out=np.zeros_like(difference), where=scale > 0))


def _oddness(surprise: Float[Array, "m o"]) -> Float[Array, "m 1"]:
    """Mean of the largest three in each row."""
    largest = min(_ODDEST, surprise.shape[1])
    return np.partition(surprise, -largest, axis=1)[:, -largest:].mean(axis=1, keepdims=True).astype(np.float64)
