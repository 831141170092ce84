r"""The area under the ROC curve (AUC) of scores: the chance that a generated shower scores higher than a true one,

.. math:: \text{AUC} = \frac{1}{nm}\sum_{t,g}\big([s_g > s_t] + \tfrac12 [s_g = s_t]\big) ,

0.5 where the scores see no difference and 1 where they always tell. Source: Mann and Whitney, Ann. Math. Statist. 18
(1947) 50.
"""

__all__ = ["auc", "auc_error", "weighted_auc"]

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from scipy.stats import rankdata

from caloforge.errors import EmptySample


def auc(truth: Float[Array, " n"], generated: Float[Array, " m"]) -> float:
    """Area under the ROC curve from the scores of both classes; ties count half.

    Args:
        truth: scores of true showers.
        generated: scores of generated showers.

    Raises:
        EmptySample: a class has no score.
    """
    n, m = len(truth), len(generated)
    if min(n, m) == 0:
        raise EmptySample("an AUC needs scores of both classes", n, m)
    ranks = rankdata(np.concatenate([truth, generated]))
    return float((ranks[n:].sum() - m * (m + 1) / 2) / (n * m))


def auc_error(area: float, n: int, m: int) -> float:
    r"""Standard error of an AUC of n against m scores.

    .. math:: \sigma^2 = \frac{A(1-A) + (m-1)(Q_1 - A^2) + (n-1)(Q_2 - A^2)}{nm}, \quad
              Q_1 = \frac{A}{2-A},\ Q_2 = \frac{2A^2}{1+A}

    Args:
        area: the AUC.
        n: scores of one class.
        m: scores of the other.

    Source: Hanley and McNeil, Radiology 143 (1982) 29.
    """
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (area * (1 - area) + (m - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)) / (n * m)
    return float(np.sqrt(max(variance, 0.0)))


def weighted_auc(
    truth: Float[Array, " n"],
    generated: Float[Array, " m"],
    truth_weights: Float[Array, "R n"],
    generated_weights: Float[Array, "R m"],
) -> Float[Array, " R"]:
    """The AUC for each of R sets of weights of both classes.

    Args:
        truth: scores of true showers.
        generated: scores of generated showers.
        truth_weights: of each true shower in each set.
        generated_weights: of each generated shower.

    Raises:
        EmptySample: a class has no score.
    """
    n, m = len(truth), len(generated)
    if min(n, m) == 0:
        raise EmptySample("an AUC needs scores of both classes", n, m)
    scores = np.concatenate([truth, generated])
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    u = np.concatenate([truth_weights, np.zeros_like(generated_weights)], axis=1, dtype=np.float64)
    w = np.concatenate([np.zeros_like(truth_weights), generated_weights], axis=1, dtype=np.float64)
    u, w = (np.add.reduceat(x[:, order], starts, axis=1) for x in (u, w))
    below = np.cumsum(u, axis=1) - u / 2
    return (below * w).sum(axis=1) / (u.sum(axis=1) * w.sum(axis=1))
