"""Random relabellings of two samples of showers, free or within pairs, and what histograms sum to under each."""

__all__ = ["Relabelling"]

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from scipy.sparse import csr_array, vstack

_ROWS = 1000  # of labels that are drawn at a time


@dataclass(frozen=True, eq=False)
class Relabelling:
    r"""What is drawn at random: rows of histogram contents and their weights, whose sums differ from their mean.

    Unpaired, a row is a pooled shower and its weight is 1 in the truth, else 0; paired, a row is half the difference of
    a pair and its weight 1 or -1. The first column of weights is the labels found.

    Args:
        weights: of each row, for each relabelling.
        paired: whether labels are swapped within pairs.
        n: showers of the truth, or pairs.
    """

    weights: Float[Array, "R P"]
    paired: bool
    n: int

    @classmethod
    def draw(cls, n: int, m: int, permutations: int, paired: bool, rng: np.random.Generator) -> "Relabelling":
        """At random, behind the labels found.

        Args:
            n: showers of the truth.
            m: generated ones.
            permutations: how many.
            paired: swap labels within pairs only.
            rng: of the labels.
        """
        if paired:
            weights = np.ones((n, 1 + permutations), np.float32)
            for start in range(0, n, _ROWS):
                part = weights[start : start + _ROWS, 1:]
                part[:] = 2 * rng.integers(0, 2, part.shape) - 1
            return cls(weights, True, n)
        labels_found = np.repeat(np.array([1, 0], np.float32), [n, m])
        weights = np.empty((n + m, 1 + permutations), np.float32)
        weights[:, 0] = labels_found
        for i in range(1, 1 + permutations):
            weights[:, i] = rng.permutation(labels_found)
        return cls(weights, False, n)

    @property
    def one_shower(self) -> float:
        """Largest square of what one row changes."""
        share = self.n / len(self.weights)
        return 0.25 if self.paired else max(share, 1 - share) ** 2

    def rows(self, truth: csr_array, generated: csr_array) -> csr_array:
        """The rows that the weights belong to.

        Args:
            truth: contents of the bins of each shower of the truth.
            generated: likewise of the generated showers.
        """
        return csr_array((truth - generated) * np.float32(0.5) if self.paired else vstack([truth, generated]))

    def deviations(self, rows: csr_array) -> Float[Array, "B P"]:
        """Contents less their mean over all relabellings, for each column of weights.

        Args:
            rows: of contents.
        """
        sums = (rows.T @ self.weights).astype(np.float64)
        if not self.paired:
            sums -= np.asarray(rows.sum(axis=0, dtype=np.float64))[:, None] * (self.n / len(self.weights))
        return sums

    def covariance(self, products: Float[Array, "b b"], sums: Float[Array, " b"]) -> Float[Array, "b b"]:
        """Covariance of the contents over all relabellings.

        Args:
            products: sums over the rows of products of contents.
            sums: of contents.
        """
        if self.paired:
            return products
        size = len(self.weights)
        return (products - np.outer(sums, sums) / size) * (self.n * (size - self.n) / (size * (size - 1)))
