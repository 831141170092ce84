r"""Two-sample test of many histograms at once by permuting labels: exact, family-wise, and it names culprits.

If truth and generated showers come from one distribution, their labels are exchangeable: each of P random relabellings
of the pooled showers is as likely as the labels found. With the largest statistic T over all columns of all
observables,

.. math:: p = \frac{1 + \#\{\text{relabellings with } \max_c T_c \ge \max_c T_c^\text{found}\}}{1 + P}

is below any level in at most that share of the cases in which nothing is wrong, however many columns there are and
however they depend on each other. Each culprit gets a p-value corrected for all columns by step-down maxima. Source:
Westfall and Young, Resampling-Based Multiple Testing (1993), algorithm 2.8; Phipson and Smyth, arXiv:1603.05766 (the
ones added).

The statistic of a column is the largest of five, each in standard deviations. Let :math:`a` be the truth's bin
contents, :math:`\bar a` and V their mean and covariance over all relabellings (known in closed form), :math:`u_i` the
share of the pooled column below the middle of bin i. A linear score w has :math:`z = w\cdot(a - \bar a)/\sqrt{w\cdot Vw
+ \delta}`.

- *shift*: :math:`w_i = u_i`, the rank-sum test of Wilcoxon;
- *width*: :math:`w_i = (u_i - \tfrac12)^2`, the test of Mood;
- *tail*: all bins below some edge, the edge where |z| is largest (a Kolmogorov-Smirnov test weighted for the tails);
- *bin*: the bin with the largest |z|, which sees a few foreign showers in an otherwise empty bin;
- *shape*: :math:`\chi^2 = (a - \bar a)\cdot V^{-1}(a - \bar a)` with :math:`\nu` degrees of freedom, as
  :math:`\sqrt{2\chi^2} - \sqrt{2\nu - 1}` (Fisher).

:math:`\delta` is the variance that one shower can make, so that a single shower in an empty bin is no discovery.
"""

__all__ = ["STATISTICS", "Culprit", "PermutationTest", "permutation_test"]

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy.sparse import csr_array

from caloforge.errors import BadValue
from caloforge.metrics.measured import need_showers
from caloforge.metrics.relabelling import Relabelling
from caloforge.metrics.separation import Histograms

_ROUNDING = 1e-6
STATISTICS = ("shift", "width", "tail", "bin", "shape")


@dataclass(frozen=True)
class Culprit:
    """A column that differs: ``p_value`` is corrected for all columns, ``significance`` is its own, uncorrected.

    Args:
        name: observable.
        column: layer or ring, from 0.
        p_value: family-wise; never below 1/(permutations + 1).
        significance: the column's statistic, about standard deviations.
        statistic: which of ``STATISTICS`` is the largest: how the column differs.
    """

    name: str
    column: int
    p_value: float
    significance: float
    statistic: str

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class PermutationTest:
    """Outcome: family-wise ``p_value``, and the columns below ``level``, worst first.

    Args:
        p_value: chance that two truth samples differ as much anywhere; its smallest value is 1/(permutations + 1).
        culprits: columns whose corrected p-value is at most ``level``.
        permutations: how many relabellings were drawn.
        paired: whether labels were swapped within pairs of equal conditions only.
        columns: how many columns were tested.
    """

    p_value: float
    culprits: tuple[Culprit, ...]
    permutations: int
    paired: bool
    columns: int

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        return {**asdict(self), "culprits": [culprit.to_dict() for culprit in self.culprits]}


def permutation_test(
    pairs: Iterable[tuple[str, tuple[Histograms, Histograms]]],
    sizes: tuple[int, int],
    rng: np.random.Generator,
    permutations: int = 999,
    level: float = 0.05,
    paired: bool = False,
) -> PermutationTest:
    """Whether any column of any observable differs between the samples, and which; see the module.

    Edges of bins should come from the truth or from both samples alike, and not from looking where they differ.

    Args:
        pairs: at least one: name of an observable, its histograms of truth and generated showers, with the same edges.
            They may be made one after the other: only those of one observable are in memory.
        sizes: showers of the truth, and generated ones.
        rng: of the relabellings.
        permutations: how many; the smallest p-value is 1/(permutations + 1).
        level: up to which corrected p-value a column is a culprit.
        paired: shower i of both samples has the same conditions (energy, direction, particle): swap labels within these
            pairs only. Exact for such samples, and more powerful: the spread of the conditions drops out. Without it
            the test of such samples is still valid, but finds less.

    Raises:
        EmptySample: fewer than two showers in a sample.
        BadValue: the samples are paired with different sizes, or permutations < 1.
    """
    n, m = sizes
    need_showers(n, m, 2, "a permutation test")
    if permutations < 1:
        raise BadValue("number of permutations", permutations, "give at least 1")
    if paired and n != m:
        raise BadValue("sizes of paired samples", (n, m), "give as many generated as truth, or do not pair")
    labels = Relabelling.draw(n, m, permutations, paired, rng)
    columns = [
        _Column(name, column, values[:, 0].copy(), values.max(axis=0))
        for name, (first, second) in pairs
        for column, values in enumerate(_statistics(first, second, labels))
    ]
    return _outcome(columns, level, paired)


def _statistics(truth: Histograms, generated: Histograms, labels: Relabelling) -> Iterator[Float[Array, "5 P"]]:
    """The five statistics of each column, for the labels found and for every relabelling."""
    rows = labels.rows(truth.rows, generated.rows)
    pooled = np.asarray(truth.rows.sum(axis=0, dtype=np.float64) + generated.rows.sum(axis=0, dtype=np.float64))
    deviations, sums = labels.deviations(rows), np.asarray(rows.sum(axis=0, dtype=np.float64))
    widths = [len(edges) + 2 for edges in truth.edges]
    for start, width, products in zip(truth.starts, widths, _products(rows, truth.starts, widths), strict=True):
        bins = slice(start, start + width)
        covariance = labels.covariance(products, sums[bins])
        yield _column(deviations[bins], covariance, pooled[bins], labels.one_shower)


def _products(rows: csr_array, starts: Int[Array, " k"], widths: Sequence[int]) -> Iterator[Float[Array, "b b"]]:
    """Sum over rows of the products of two bins, for each column: most rows fill one or two bins of a column."""
    if len(widths) == 1:
        yield (rows.T @ rows).toarray().astype(np.float64)
        return
    rows.sort_indices()  # so that the bins of a column lie beside each other
    row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    values = rows.data.astype(np.float64)
    column = np.repeat(np.arange(len(widths)), widths)[rows.indices]
    cell = rows.indices - starts[column]
    ends = np.cumsum(np.square(widths))
    place = (ends - np.square(widths))[column] + cell * np.take(widths, column)
    products = np.bincount(place + cell, values**2, ends[-1]).astype(
        np.float64
    )  # whole numbers where there are no rows
    for apart in range(1, rows.shape[1]):
        both = np.flatnonzero((row[apart:] == row[:-apart]) & (column[apart:] == column[:-apart]))
        if not both.size:
            break
        terms, far = values[both] * values[both + apart], both + apart
        products += np.bincount(place[both] + cell[far], terms, ends[-1])
        products += np.bincount(place[far] + cell[both], terms, ends[-1])
    for end, width in zip(ends, widths, strict=True):
        yield products[end - width**2 : end].reshape(width, width)


def _column(
    deviations: Float[Array, "b P"], covariance: Float[Array, "b b"], pooled: Float[Array, " b"], one_shower: float
) -> Float[Array, "5 P"]:
    rank = (np.cumsum(pooled) - pooled / 2) / max(pooled.sum(), 1)
    scores = np.stack([rank, (rank - 0.5) ** 2])
    below = covariance.cumsum(axis=0).cumsum(axis=1).diagonal()[:-1]
    variances = (((scores @ covariance) * scores).sum(axis=1), below, covariance.diagonal())
    shift_and_width, tail, single = (
        np.abs(linear) / np.sqrt(np.maximum(variance, 0) + one_shower)[:, None]
        for linear, variance in zip(
            (scores @ deviations, deviations.cumsum(axis=0)[:-1], deviations), variances, strict=True
        )
    )
    shape = _shape(deviations, covariance, one_shower)
    return np.stack([*shift_and_width, tail.max(axis=0), single.max(axis=0), shape])


def _shape(deviations: Float[Array, "b P"], covariance: Float[Array, "b b"], one_shower: float) -> Float[Array, " P"]:
    """One inverse serves both: its trace times delta is b less the sum of l / (l + delta) over eigenvalues l of V."""
    inverse = np.linalg.inv(covariance + one_shower * np.eye(len(covariance)))
    chi_square = np.maximum((deviations * (inverse @ deviations)).sum(axis=0), 0)
    freedom = len(covariance) - one_shower * np.trace(inverse)
    return np.sqrt(2 * chi_square) - np.sqrt(max(2 * freedom - 1, 0))


class _Column(NamedTuple):
    """A column tested: its five statistics for the labels found, and the largest of the five for all labels."""

    name: str
    number: int
    found: Float[Array, " 5"]
    largest: Float[Array, " P"]


def _outcome(columns: list[_Column], level: float, paired: bool) -> PermutationTest:
    """Step-down maxima: a column competes with those that are no worse than itself."""
    best_first = sorted(columns, key=lambda column: -column.largest[0])
    shares, maxima = [], np.full(len(columns[0].largest), -np.inf)
    for column in reversed(best_first):
        maxima = np.maximum(maxima, column.largest)
        shares.append(np.mean(maxima >= column.largest[0] - _ROUNDING))
    p_values = np.maximum.accumulate(shares[::-1])
    culprits = tuple(
        Culprit(c.name, c.number, float(p), float(c.found.max()), STATISTICS[int(c.found.argmax())])
        for p, c in zip(p_values, best_first, strict=True)
        if p <= level
    )
    return PermutationTest(float(p_values[0]), culprits, len(maxima) - 1, paired, len(columns))
