"""Cross-validation: a network for each fold, trained on the others, and its scores of the fold that it never saw."""

__all__ = ["cross_fit"]

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
