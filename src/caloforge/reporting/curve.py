"""A histogram or a profile of one sample, ready to be drawn."""

__all__ = ["Curve"]

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.metrics.histogram import contents
from caloforge.metrics.separation import Histograms


@dataclass(frozen=True, eq=False)
class Curve:
    """A histogram or a profile, with what lies outside its edges, or nowhere.

    Args:
        edges: of the bins.
        content: of each bin.
        error: its standard error.
        below: content below the first edge.
        above: content above the last edge.
        undefined: content without a value.
    """

    edges: Float[Array, " e"]
    content: Float[Array, " b"]
    error: Float[Array, " b"]
    below: float = 0.0
    above: float = 0.0
    undefined: float = 0.0

    @classmethod
    def of_values(cls, values: Float[Array, " n"], edges: Float[Array, " e"]) -> "Curve":
        """Share of the values in each bin, with its binomial error; NaN is undefined.

        Args:
            values: in the unit of ``edges``; NaN where undefined.
            edges: of the bins.
        """
        share = contents(values, edges) / max(len(values), 1)
        error = np.sqrt(share * (1 - share) / max(len(values), 1))
        return cls.of_contents(share, error, edges)

    @classmethod
    def of_contents(
        cls, content: Float[Array, " all"], error: Float[Array, " all"], edges: Float[Array, " e"]
    ) -> "Curve":
        """From what `caloforge.metrics.histogram.contents` counts.

        Args:
            content: below the edges, in each bin, above the edges, undefined.
            error: of the same.
            edges: of the bins.
        """
        inside = slice(1, len(edges))
        return cls(edges, content[inside], error[inside], *(float(c) for c in (content[0], content[-2], content[-1])))

    @classmethod
    def of_histogram(cls, histograms: Histograms) -> "Curve":
        """Content per shower of a sample's first (or only) column.

        Args:
            histograms: of one sample.
        """
        edges = histograms.edges[0]
        mean, error = histograms.per_shower()
        inside = slice(1, len(edges))
        return cls(edges, mean[inside], error[inside], float(mean[0]), float(mean[len(edges)]))

    @classmethod
    def of_means(cls, edges: Float[Array, " e"], values: Float[Array, "N b"]) -> "Curve":
        """Mean over the showers in each bin; undefined values are left out, bins without any are NaN.

        Args:
            edges: of the bins.
            values: of each shower in each bin; NaN where undefined.
        """
        defined = ~np.isnan(values)
        n = defined.sum(axis=0)
        mean = np.where(defined, values, 0).sum(axis=0, dtype=np.float64) / np.maximum(n, 1)
        variance = (np.where(defined, values - mean, 0) ** 2).sum(axis=0, dtype=np.float64) / np.maximum(n, 1)
        return cls(edges, np.where(n, mean, np.nan), np.where(n, np.sqrt(variance / np.maximum(n, 1)), np.nan))

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not np.any(np.isfinite(self.content) & (self.content != 0))
