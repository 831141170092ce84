r"""A classifier that judges weighted showers, and the area under its weighted ROC curve.

With weights :math:`u_t` of true and :math:`w_g` of generated showers,

.. math:: \text{AUC} = \frac{\sum_{t,g} u_t w_g \big([s_g > s_t] + \tfrac12 [s_g = s_t]\big)}{\sum_t u_t \sum_g w_g} .

The networks are trained with the weights in their loss, each class with the same total, and score only showers that
they did not see. The error is that of a bootstrap over showers, in which how often a shower is drawn multiplies its
weight, or the spread of the folds where that is larger.
"""

__all__ = ["Judged", "judge", "mean_area", "mean_gain"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.classifiers.auc import FAST
from caloforge.classifiers.cross_fit import cross_fit
from caloforge.classifiers.features import Features
from caloforge.classifiers.network import ClassifierSettings, threads
from caloforge.classifiers.roc import weighted_auc
from caloforge.metrics.measured import bootstrap_weights
from caloforge.reweighting.ratio import trial_of
from caloforge.rng import stream

_DRAWS = 200


@dataclass(frozen=True, eq=False)
class Judged:
    """Scores of true and of weighted generated showers by networks that did not see them.

    Args:
        scores: of true and of generated showers.
        folds: of the same.
        weights: of the generated showers.
        seed: of the bootstrap; two with one seed and the same showers are drawn alike.
    """

    scores: tuple[Float[Array, " n"], Float[Array, " m"]]
    folds: tuple[Int[Array, " n"], Int[Array, " m"]]
    weights: Float[Array, " m"]
    seed: int

    @cached_property
    def fold_areas(self) -> Float[Array, " k"]:
        """AUC of each fold."""
        ones = [np.ones((1, len(scores))) for scores in self.scores]
        return self._areas(ones[0], ones[1])[0]

    @cached_property
    def bootstrap(self) -> Float[Array, " R"]:
        """Mean AUC of the folds, for showers drawn with replacement."""
        rng = stream(self.seed, "auc bootstrap")
        t, g = (bootstrap_weights(len(s), _DRAWS, rng).astype(np.float64) for s in self.scores)
        return self._areas(t, g).mean(axis=1)

    def _areas(self, truth: Float[Array, "R n"], generated: Float[Array, "R m"]) -> Float[Array, "R k"]:
        """Where showers count so often."""
        parts = []
        for k in np.unique(self.folds[0]):
            t, g = (folds == k for folds in self.folds)
            counted = generated[:, g] * self.weights[g]
            parts.append(weighted_auc(self.scores[0][t], self.scores[1][g], truth[:, t], counted))
        return np.stack(parts, axis=1)


def mean_area(judged: Sequence[Judged]) -> tuple[float, float]:
    """Mean AUC over disjoint sets of showers, and its standard error.

    Args:
        judged: of disjoint sets of showers.
    """
    return _mean([j.fold_areas for j in judged], [j.bootstrap for j in judged])


def mean_gain(before: Sequence[Judged], after: Sequence[Judged]) -> tuple[float, float]:
    """Mean AUC that the weights take away, and its standard error; before and after on the same showers.

    Args:
        before: without weights.
        after: the same sets of showers with weights.
    """
    pairs = list(zip(before, after, strict=True))
    return _mean([b.fold_areas - a.fold_areas for b, a in pairs], [b.bootstrap - a.bootstrap for b, a in pairs])


def _mean(folds: Sequence[Float[Array, " k"]], draws: Sequence[Float[Array, " R"]]) -> tuple[float, float]:
    spread = np.sqrt(sum(f.var(ddof=1) / len(f) for f in folds)) / len(folds)
    error = np.mean(draws, axis=0).std(ddof=1)
    return float(np.mean(folds)), float(max(spread, error))


def judge(
    truth: Features,
    generated: Features,
    weights: Float[Array, " m"],
    seed: int,
    settings: ClassifierSettings = FAST,
    progress: Callable[[float], None] = lambda done: None,
) -> Judged:
    """Cross-validated networks on true against weighted generated showers.

    Args:
        truth: features of true showers.
        generated: features of generated showers.
        weights: of the generated showers, from other showers than these.
        seed: of folds, networks and bootstrap.
        settings: of the networks.
        progress: called with the share of the work done.
    """
    training = trial_of(truth, generated, weights, stream(seed, "judge"), settings, seed, progress)
    with threads(settings.threads):
        scores = cross_fit(training)[1]
    n = len(truth)
    return Judged((scores[:n], scores[n:]), (training.folds[:n], training.folds[n:]), weights, seed)
