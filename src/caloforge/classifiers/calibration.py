r"""Scores to probabilities by isotonic regression, and the Jensen-Shannon divergence that they bound.

Isotonic regression finds the rising function of the score that is closest to the labels in least squares (pool
adjacent violators). With calibrated probabilities :math:`q(x)` of the class generated, as many showers of one class
as of the other, and labels :math:`y`,

.. math:: \text{JSD} = 1 - \frac{\text{BCE}}{\ln 2}, \qquad
          \text{BCE} = -\big\langle y \ln q + (1 - y) \ln(1 - q) \big\rangle ,

in units where 0 means equal and 1 disjoint distributions. On showers that neither network nor calibration saw, its mean
is at most the true divergence, since no q has a smaller cross-entropy than the true posterior: equal distributions give
a small negative number. Source: CaloChallenge, arXiv:2410.21611; Krause and Shih, arXiv:2106.05285.
"""

__all__ = ["Calibration", "information"]

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy.optimize import isotonic_regression


@dataclass(frozen=True, eq=False)
class Calibration:
    """A rising function of the score, linear between its knots and constant outside.

    Args:
        scores: the knots, rising.
        probabilities: of the class generated at the knots, rising.
    """

    scores: Float[Array, " k"]
    probabilities: Float[Array, " k"]

    @classmethod
    def fit(cls, scores: Float[Array, " n"], labels: Int[Array, " n"], smooth: bool = False) -> "Calibration":
        """Isotonic regression of the labels (1: generated) on the scores.

        Args:
            scores: of showers that the network was not trained on.
            labels: 0 or 1.
            smooth: put one more shower of the other class at either end (Laplace's rule), so that no probability is
                exactly 0 or 1; they are pooled with what lies next to them.
        """
        if smooth:
            margin = 1e-6 * (1 + np.abs(scores).max())
            scores = np.concatenate([[scores.min() - margin], scores, [scores.max() + margin]])
            labels = np.concatenate([[1], labels, [0]])
        knots, place, count = np.unique(scores, return_inverse=True, return_counts=True)
        means = np.bincount(place, labels.astype(np.float64)) / count
        return cls(knots, isotonic_regression(means, weights=count.astype(np.float64)).x)

    def __call__(self, scores: Float[Array, " n"], smallest: float = 0.0) -> Float[Array, " n"]:
        """Probability of generated, between ``smallest`` and 1 - ``smallest``.

        Args:
            scores: logits of showers.
            smallest: probability.
        """
        return np.clip(np.interp(scores, self.scores, self.probabilities), smallest, 1 - smallest)


def information(probabilities: Float[Array, " n"], labels: Int[Array, " n"]) -> Float[Array, " n"]:
    r"""Each shower's part :math:`1 + \log_2 q(y)` of the Jensen-Shannon divergence (bits), whose mean estimates it.

    Args:
        probabilities: calibrated, of the class generated.
        labels: 1 for generated, 0 for truth.
    """
    return 1 + np.log2(np.where(labels == 1, probabilities, 1 - probabilities))
