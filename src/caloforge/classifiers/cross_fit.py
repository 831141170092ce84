r"""Cross-validation: a network for each fold, trained on the others, and its scores of the fold that it never saw.

A mean over folds is less sure than a mean over so many showers: each shower is judged in one fold and judges in all
others. Take a linear classifier, with :math:`d_k` the difference of the classes' means in fold k: it scores fold k
along :math:`\sum_{j \ne k} d_j`, and so the mean over folds is

.. math:: \sum_k d_k \cdot \sum_{j \ne k} d_j = 2 \sum_{k < j} d_k \cdot d_j .

Each pair of folds enters twice with the same value. Where nothing differs (:math:`\langle d_k \rangle = 0`) the pairs
are uncorrelated, and the variance is **twice** that of as many showers judged by a classifier from elsewhere, however
many folds there are. Where the classes are far apart it is once that. Of a part of the showers, a share f of them all,
the variance is 1 + f times: judges from outside the part come from elsewhere.
"""

__all__ = ["cross_fit", "error_of_mean", "shared_error"]

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from torch import nn

from caloforge.classifiers.network import ClassifierTraining, predict
from caloforge.rng import stream

_STOP = 0.15  # of the showers of the other folds decide when to stop


def cross_fit(training: ClassifierTraining, stop: str = "stop") -> tuple[tuple[nn.Module, ...], Float[Array, " N"]]:
    """A network for each fold, trained on the others (15 % of them decide when to stop), and its scores of the fold.

    Args:
        training: classes, folds and settings.
        stop: name of the stream of random numbers that chooses the showers that decide.

    Returns:
        The networks in the order of the folds, and the logit of every shower by the network that did not see it.
    """
    folds, count = training.folds, training.settings.folds
    scores, networks = np.empty(len(folds)), []
    for k in range(count):
        inner = stream(training.seed, stop, k).random(len(folds)) < _STOP
        networks.append(training.train((folds != k) & ~inner, (folds != k) & inner, k, count))
        index = np.flatnonzero(folds == k)
        scores[index] = predict(networks[-1], training.classes, index)[:, 0]
    return tuple(networks), scores


def shared_error(of_showers: float, share: float = 1.0) -> float:
    r"""Standard error of a mean over folds whose classifiers share showers, :math:`\sqrt{1 + f}` times the one given.

    Exact for a linear classifier where nothing differs, too large where the classes are far apart; see the module.

    Args:
        of_showers: standard error if the classifier came from elsewhere.
        share: f, of all showers that took part.
    """
    return float(np.sqrt(1 + share) * of_showers)


def error_of_mean(of_showers: float, values: Float[Array, " K"]) -> float:
    r"""Standard error of a mean over the folds of all showers.

    The larger of `shared_error` and, for what training adds, :math:`\sqrt{1/K + 1/(K - 1)}` times the spread of the
    folds: a fold is 1/(K - 1) of the showers that train its classifier.

    Args:
        of_showers: standard error if the classifier came from elsewhere.
        values: of each fold.

    Source: Nadeau and Bengio, Machine Learning 52 (2003) 239, for the spread.
    """
    k = len(values)
    return float(max(shared_error(of_showers), np.sqrt(1 / k + 1 / (k - 1)) * values.std(ddof=1)))
