r"""Separation power of two samples, its bootstrap error, and the floor that two samples of the truth would reach.

Let :math:`h_i` and :math:`g_i` be the contents of bin :math:`i` in truth and generated sample, each summing to one over
the bins, the underflow, the overflow and a bin for showers whose observable is undefined. Then

.. math:: S = \tfrac12 \sum_i \frac{(h_i - g_i)^2}{h_i + g_i}, \qquad
          \langle S\rangle_\text{same} \approx \frac{B}{4}\Big(\frac1n + \frac1m\Big)

for samples of n and m showers of one and the same distribution over B well filled bins: a separation means nothing
until it is set against that floor. Source: Diefenbacher et al., arXiv:2009.03796; CaloChallenge, arXiv:2410.21611.
"""

__all__ = ["Histograms", "Resamples", "fill_well", "separation_power", "measure_separation", "well_filled"]

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from numpy import ndarray as Array
from scipy.sparse import csr_array, diags_array, vstack

from caloforge.metrics.histogram import bin_numbers, contents
from caloforge.metrics.measured import Measured, bootstrap_weights, need_showers, summarise


@dataclass(frozen=True, eq=False)
class Histograms:
    """Histograms of k columns kept shower by shower, so that a sample can be resampled without filling it again.

    Args:
        rows: bin counts of each shower, the columns' histograms side by side.
        edges: edges of each column; its bins are underflow, bins, overflow, undefined.
    """

    rows: csr_array
    edges: tuple[Float[Array, " _"], ...]

    @property
    def starts(self) -> Int[Array, " k"]:
        """First bin of each column."""
        return np.cumsum([0, *(len(e) + 2 for e in self.edges)])[:-1]

    @classmethod
    def fill(cls, values: Float[Array, "N k"], edges: Sequence[Float[Array, " _"]]) -> "Histograms":
        """Histogram each column with its own edges.

        Args:
            values: of each shower; NaN where undefined.
            edges: increasing edges of each column, in its unit.
        """
        return cls.of_bins(
            np.stack([bin_numbers(column, e) for column, e in zip(values.T, edges, strict=True)], axis=1), edges
        )

    @classmethod
    def of_bins(cls, numbers: Int[Array, "N k"], edges: Sequence[Float[Array, " _"]]) -> "Histograms":
        """From the bin of each value.

        Args:
            numbers: as `caloforge.metrics.histogram.bin_numbers` counts them.
            edges: of each column.
        """
        sizes = [len(e) + 2 for e in edges]
        index = numbers + np.cumsum([0, *sizes])[:-1]
        ends = np.arange(len(numbers) + 1) * len(sizes)
        ones = np.ones(index.size, np.float32)
        return cls(csr_array((ones, index.reshape(-1), ends), shape=(len(numbers), sum(sizes))), tuple(edges))

    @classmethod
    def pool(cls, values: Float[Array, "N V"], edges: Float[Array, " e"]) -> "Histograms":
        """One histogram of all columns together; NaN cells are left out.

        Args:
            values: of each cell of each shower; NaN where undefined.
            edges: increasing edges.
        """
        size = len(edges) + 2
        index = bin_numbers(values.reshape(-1), edges) + size * np.repeat(np.arange(len(values)), values.shape[1])
        counts = np.bincount(index[~np.isnan(values.reshape(-1))], minlength=size * len(values))
        return cls(csr_array(counts.reshape(len(values), size).astype(np.float32)), (edges,))

    @classmethod
    def stack(cls, parts: Sequence["Histograms"]) -> "Histograms":
        """Join samples filled with the same edges.

        Args:
            parts: at least one.
        """
        return cls(csr_array(vstack([part.rows for part in parts])), parts[0].edges)

    def of_part(self, mask: Bool[Array, " N"]) -> "Histograms":
        """The showers of a part; the others fill nothing.

        Args:
            mask: which are of the part.
        """
        rows = csr_array(diags_array(mask.astype(np.float32)) @ self.rows)
        rows.eliminate_zeros()  # every product with weights would pass over them
        return Histograms(rows, self.edges)

    def per_shower(self) -> tuple[Float[Array, " B"], Float[Array, " B"]]:
        """Mean content of each bin for one shower, and its standard error."""
        n = self.rows.shape[0]
        mean, square = (
            np.asarray(m.sum(axis=0, dtype=np.float64)) / n for m in (self.rows, self.rows.multiply(self.rows))
        )
        return mean, np.sqrt(np.maximum(square - mean**2, 0) / n)

    def contents(self, weights: Float[Array, "R N"]) -> Float[Array, "R B"]:
        """Contents for each set of shower weights, every column normalised to one.

        A column with nothing in it counts as undefined.

        Args:
            weights: of each shower, in each of R sets.
        """
        sums = (self.rows.T @ weights.T).T
        total = np.add.reduceat(sums, self.starts, axis=1)
        sums[:, np.append(self.starts[1:], sums.shape[1]) - 1] += total == 0
        widths = [len(e) + 2 for e in self.edges]
        return sums / np.repeat(np.maximum(total, 1e-300) + (total == 0), widths, axis=1)


def fill_well(
    samples: Sequence[Float[Array, "_ k"]], edges: Sequence[Float[Array, " _"]], fewest: int, deciding: int = 1
) -> tuple[Histograms, ...]:
    """Each sample histogrammed between those edges that `well_filled` keeps.

    Every value is looked up once: bins between kept edges are unions of those between all edges.

    Args:
        samples: values of each shower, of one or several samples; NaN where undefined.
        edges: increasing edges of each column, in its unit.
        fewest: values that a bin must hold.
        deciding: how many of the samples, from the first on, decide together which edges are kept.
    """
    kept, bins = list[Array](), [np.empty(sample.shape, np.int64) for sample in samples]
    for column, of_column in enumerate(edges):
        fine = [bin_numbers(sample[:, column], of_column) for sample in samples]
        counts = np.bincount(np.concatenate(fine[:deciding]), minlength=len(of_column) + 2)
        some = _kept(counts[:-1], fewest)
        union = np.append(np.searchsorted(some, np.arange(len(of_column) + 1)), len(some) + 1)
        for into, numbers in zip(bins, fine, strict=True):
            into[:, column] = union[numbers]
        kept.append(of_column[some])
    return tuple(Histograms.of_bins(numbers, kept) for numbers in bins)


def well_filled(edges: Float[Array, " e"], truth: Float[Array, " n"], fewest: int = 10) -> Float[Array, " _"]:
    """The edges without those that leave fewer than ``fewest`` truth values between neighbours, or beyond the last.

    A bin that the truth's sample leaves empty by chance would raise the distance but not its floor.

    Args:
        edges: increasing edges, in the unit of the values.
        truth: values of the reference showers; NaN where undefined.
        fewest: values that a bin must hold.
    """
    return np.asarray(edges)[_kept(contents(truth, edges)[:-1], fewest)]


def _kept(counts: Shaped[Array, " b"], fewest: int) -> Int[Array, " _"]:
    """Numbers of the edges that stay, from the values below the first edge, between two and above the last."""
    chosen: list[int] = []
    content = 0
    for edge, count in enumerate(counts[:-1].tolist()):
        content += int(count)
        if content >= fewest or (not chosen and content == 0):
            chosen.append(edge)
            content = 0
    while chosen and counts[chosen[-1] + 1 :].sum() < fewest:
        chosen.pop()
    return np.array(chosen or [0])


def _distance(h: Float[Array, "R B"], g: Float[Array, "R B"], starts: Int[Array, " k"]) -> Float[Array, "R k"]:
    terms = np.divide((h - g) ** 2, h + g, out=np.zeros_like(h), where=h + g > 0)
    return 0.5 * np.add.reduceat(terms, starts, axis=1)


def separation_power(truth: Float[Array, " n"], generated: Float[Array, " m"], edges: Float[Array, " e"]) -> float:
    """Separation power of one observable, between 0 (same histogram) and 1 (no bin in common); see the module.

    Args:
        truth: values of the reference showers, in the unit of ``edges``; NaN where undefined.
        generated: values of the generated showers; the sizes may differ.
        edges: increasing edges; what lies outside counts in bins of its own.

    Raises:
        EmptySample: one of the samples has no shower.

    Example:
        >>> x = np.linspace(-2, 2, 100)
        >>> separation_power(x, x + 10, np.linspace(-3, 3, 20))
        1.0
    """
    need_showers(len(truth), len(generated))
    first, second = (Histograms.fill(x[:, None], [edges]) for x in (truth, generated))
    h, g = (s.contents(np.ones((1, x.size))) for s, x in ((first, truth), (second, generated)))
    return float(_distance(h, g, first.starts)[0, 0])


@dataclass(frozen=True, eq=False)
class Resamples:
    """Bootstrap weights, shared by all observables: how often each shower enters each of R resamples.

    Args:
        truth: n of the n truth showers, drawn with replacement.
        generated: m of the m generated showers.
        null: m of the **truth** showers: what a perfect generator would have delivered.
    """

    truth: Float[Array, "R n"]
    generated: Float[Array, "R m"]
    null: Float[Array, "R n"]

    @classmethod
    def draw(cls, n: int, m: int, rng: np.random.Generator, repeats: int = 50) -> "Resamples":
        """R resamples of each kind.

        Args:
            n: showers of the truth.
            m: generated showers.
            rng: of the draws.
            repeats: R.

        Raises:
            EmptySample: a sample is empty.
        """
        need_showers(n, m)
        sizes = ((n, n), (m, m), (n, m))
        drawn = (bootstrap_weights(a, repeats, rng, b).astype(np.float32) for a, b in sizes)
        return cls(*(np.asfortranarray(weights) for weights in drawn))  # as products with rows of showers read them

    @cached_property
    def steps(self) -> tuple[Float[Array, "N R"], Float[Array, "n R"]]:
        """Steps of F - G at each shower, truth first, of pairs of resamples; of the floor, at those of the truth."""
        n, m = self.truth.shape[1], self.generated.shape[1]  # float32: 1e-7 of an error is enough
        drawn = np.concatenate([self.truth.T / n, -self.generated.T / m])
        return drawn, np.ascontiguousarray(self.truth.T / n - self.null.T / m)


def measure_separation(
    truth: Histograms, generated: Histograms, resamples: Resamples, weights: Float[Array, " m"] | None = None
) -> tuple[Measured, tuple[Measured, ...]]:
    r"""Separation power with error and floor: the mean over the columns, and each column.

    The error is the standard deviation over bootstrap resamples of both samples, shower by shower, so that correlations
    between layers are kept. The floor has **the sizes of the comparison itself**: n and m showers are drawn
    independently from the truth's own showers, which for a histogram are two independent samples of one distribution.
    Generated showers may have ``weights``; those of the floor have none.

    Args:
        truth: histograms of the reference showers.
        generated: histograms of the generated showers, with the same edges.
        resamples: of both samples.
        weights: of the generated showers; all one unless given.

    Raises:
        EmptySample: one of the samples has no shower.
    """
    h = truth.contents(np.ones((1, truth.rows.shape[0])))
    g = generated.contents(np.ones((1, generated.rows.shape[0])) if weights is None else weights[None])
    counted = resamples.generated if weights is None else resamples.generated * weights
    drawn = truth.contents(resamples.truth)
    values = _distance(h, g, truth.starts)
    errors = _distance(drawn, generated.contents(counted), truth.starts)
    floors = _distance(drawn, truth.contents(resamples.null), truth.starts)
    return summarise(values[0], errors, floors)
