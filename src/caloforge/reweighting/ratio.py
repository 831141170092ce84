r"""Ratio of two densities from classifiers, calibrated on showers that they did not see.

A network trained by cross-entropy on truth against generated showers, each class with the same total weight, estimates
the logit :math:`s(x) = \ln p_\text{gen}(x) / p_\text{truth}(x)`. The weight that turns generated showers into true
ones is then

.. math:: w(x) = \frac{p_\text{truth}(x)}{p_\text{gen}(x)} = \frac{f}{1 - f} = e^{-(a\, \bar s(x) + b)},
          \qquad \frac1C \le w \le C ,

with :math:`f` the probability of truth. The incident energy is among the inputs, so the ratio is one at given energy.
Networks are trained by cross-validation; :math:`\bar s` is their mean, and a and b come from a logistic regression of
the classes on the scores of showers that a network did not see (Platt): networks that only learned noise get a = 0, and
all weights are one. Source: Andreassen and Nachman (DCTR), arXiv:1907.08209.
"""

__all__ = ["DensityRatio", "balanced", "blank_network", "calibrate", "fit_ratio", "trial_of"]

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from sklearn.linear_model import LogisticRegression
from torch import nn

from caloforge.classifiers.auc import FAST
from caloforge.classifiers.cross_fit import cross_fit
from caloforge.classifiers.data import ClassifierData, fold_numbers
from caloforge.classifiers.features import Features
from caloforge.classifiers.network import (
    ClassifierSettings,
    ClassifierTraining,
    perceptron,
    predict,
    threads,
)
from caloforge.classifiers.standardise import Standardise
from caloforge.errors import BadValue
from caloforge.rng import stream


@dataclass(frozen=True, eq=False)
class DensityRatio:
    """A fitted ratio truth / generated.

    Args:
        networks: their mean output is the score.
        slope: a, not negative; 0 where the networks learned nothing that holds on other showers.
        offset: b.
        names: of the features it looks at.
    """

    networks: tuple[nn.Module, ...]
    slope: float
    offset: float
    names: tuple[str, ...]

    def log_ratio(self, features: Features) -> Float[Array, " N"]:
        r""":math:`\ln w` before it is clipped.

        Args:
            features: of N showers, those of the fit.

        Raises:
            BadValue: other features than those of the fit.
        """
        if features.names != self.names:
            raise BadValue("features", len(features.names), f"the weights were fitted on {len(self.names)} others")
        rows = np.arange(len(features))
        classes = ClassifierData((features.values,), (rows,))
        scores = np.stack([predict(network, classes, rows)[:, 0] for network in self.networks])
        return -(self.slope * scores.mean(axis=0, dtype=np.float64) + self.offset)


def balanced(n: int, m: int, weights: Float[Array, " m"] | None = None) -> Float[Array, " N"]:
    """Weights of n true and m generated showers in the loss: mean one, each class half of the total.

    Args:
        n: true showers.
        m: generated showers.
        weights: of the generated showers; all one unless given.
    """
    w = np.ones(m) if weights is None else weights
    total = n + m
    return np.concatenate([np.full(n, total / (2 * n)), w * total / (2 * w.sum())])


def trial_of(
    truth: Features,
    generated: Features,
    weights: Float[Array, " m"] | None,
    rng: np.random.Generator,
    settings: ClassifierSettings,
    seed: int,
    progress: Callable[[float], None],
) -> ClassifierTraining:
    """True against (weighted) generated showers in folds; showers of one incident energy share a fold.

    Args:
        truth: features of the true showers; their first column is log10 of the incident energy.
        generated: the same features of the generated showers.
        weights: of the generated showers; None: all one.
        rng: of the folds.
        settings: of the networks.
        seed: of the networks.
        progress: called with the share of the work done.
    """
    n, m = len(truth), len(generated)
    tables, rows = (truth.values, generated.values), (np.arange(n), np.arange(m))
    folds = fold_numbers(np.concatenate([table[:, 0] for table in tables]), settings.folds, rng)
    return ClassifierTraining(
        ClassifierData(tables, rows, weights=balanced(n, m, weights)), folds, seed, settings, perceptron, progress
    )


def blank_network(inputs: int, settings: ClassifierSettings) -> nn.Module:
    """A network as `fit_ratio` trains it, before its weights are read from a file.

    Args:
        inputs: number of features.
        settings: those of the fit.
    """
    network = perceptron(inputs, 1, settings)
    return nn.Sequential(Standardise(np.zeros(inputs), np.ones(inputs)), network) if settings.standardise else network


def fit_ratio(
    truth: Features,
    generated: Features,
    seed: int,
    settings: ClassifierSettings = FAST,
    progress: Callable[[float], None] = lambda done: None,
) -> DensityRatio:
    """Train a network for each fold, and calibrate their mean.

    Args:
        truth: features of true showers; the first column is log10 of the incident energy.
        generated: the same of generated showers; they may be more.
        seed: of folds and networks.
        settings: of the networks.
        progress: called after each epoch with the share of the work done.
    """
    training = trial_of(truth, generated, None, stream(seed, "ratio"), settings, seed, progress)
    with threads(settings.threads):
        networks, scores = cross_fit(training)
    slope, offset = calibrate(scores, training.classes.labels, balanced(len(truth), len(generated)))
    return DensityRatio(networks, slope, offset, truth.names)


def calibrate(scores: Float[Array, " N"], labels: Int[Array, " N"], weights: Float[Array, " N"]) -> tuple[float, float]:
    """Slope and offset of the logistic regression of labels on scores; (0, 0) where the slope would be negative.

    Args:
        scores: of showers that the network did not see.
        labels: 1 for generated, 0 for truth.
        weights: in the loss.

    Source: Platt, Advances in Large Margin Classifiers (1999) 61.
    """

    model = LogisticRegression(C=np.inf, tol=1e-8).fit(scores[:, None], labels, weights)
    slope, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
    return (slope, offset) if slope > 0 else (0.0, 0.0)
