r"""Classifier test: how well a network tells generated showers from truth: the area under its ROC curve (AUC), the
Jensen-Shannon divergence, and the score of every shower.

The AUC is the chance that a generated shower scores higher than a true one (Mann-Whitney),

.. math:: \text{AUC} = \frac{1}{nm}\sum_{t,g}\big([s_g > s_t] + \tfrac12 [s_g = s_t]\big),

0.5 when the classifier sees no difference and 1 when it always tells. Every shower is scored by a network that was not
trained on it (k-fold cross-validation). Unlike the separation powers it sees correlations between all its inputs. Idea
and inputs: Krause and Shih, arXiv:2106.05285; CaloChallenge, arXiv:2410.21611 (whose larger network gives other
numbers: `caloforge.classifiers.protocol`).
"""

__all__ = [
    "Classified",
    "ClassifierSettings",
    "FAST",
    "Fold",
    "Procedure",
    "Progress",
    "Run",
    "auc",
    "auc_error",
    "classify",
    "cross_validate",
    "weighted_auc",
]

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy.stats import rankdata
from torch import nn

from caloforge.classifiers.calibration import Calibration, information
from caloforge.classifiers.cross_fit import cross_fit
from caloforge.classifiers.data import ClassifierData, draw, halves
from caloforge.classifiers.features import Features
from caloforge.classifiers.network import Build, ClassifierSettings, ClassifierTraining, perceptron, threads
from caloforge.errors import EmptySample
from caloforge.metrics.measured import Measured, standard_error

Progress = Callable[[float, str], None]

FAST = ClassifierSettings()


@dataclass(frozen=True, eq=False)
class Fold:
    """A network, and the showers that it never saw.

    Args:
        network: in evaluation mode.
        truth: rows of the truth.
        generated: rows of the generated showers.
    """

    network: nn.Module
    truth: Int[Array, " n"]
    generated: Int[Array, " m"]

    @classmethod
    def of(cls, network: nn.Module, classes: ClassifierData, held_out: Int[Array, " h"]) -> "Fold":
        """From the showers' numbers within the sample.

        Args:
            network: trained on other showers.
            classes: truth and generated showers.
            held_out: numbers of its showers within ``classes``.
        """
        rows, labels = np.concatenate(classes.rows)[held_out], classes.labels[held_out]
        return cls(network, rows[labels == 0], rows[labels == 1])


@dataclass(frozen=True, eq=False)
class Run:
    """One training procedure on two classes.

    Args:
        auc: area under the ROC curve and its standard error.
        jsd: Jensen-Shannon divergence and its standard error.
        scores: logit of each shower; NaN where it was not scored.
        folds: the networks.
    """

    auc: tuple[float, float]
    jsd: tuple[float, float]
    scores: Float[Array, " N"]
    folds: tuple[Fold, ...]


Procedure = Callable[[ClassifierTraining], Run]


@dataclass(frozen=True, eq=False)
class Classified:
    """What a classifier says about generated showers.

    Args:
        auc: area under the ROC curve, its standard error, and the same of truth against truth.
        jsd: Jensen-Shannon divergence of calibrated scores, 0 to 1; a little negative where nothing is learned.
        scores_truth: logit :math:`\\ln p(\\text{generated})/p(\\text{truth})` of each true shower by a network that did
            not see it; NaN where a shower was left out.
        scores_generated: the same of each generated shower.
        size: showers of each class that took part.
        floor_size: showers of each class in truth against truth.
        folds: the networks, for the importance of their inputs.
    """

    auc: Measured
    jsd: Measured
    scores_truth: Float[Array, " n"]
    scores_generated: Float[Array, " m"]
    size: int
    floor_size: int
    folds: tuple[Fold, ...]

    @property
    def ranking(self) -> Int[Array, " _"]:
        """Rows of the generated showers that have a score, from the one most like the truth to the most obvious one."""
        order = np.argsort(self.scores_generated, kind="stable")
        return order[: np.count_nonzero(~np.isnan(self.scores_generated))]


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


def cross_validate(training: ClassifierTraining) -> Run:
    """Each fold scored by a network trained on the others, of which 15 % decide when to stop.

    The AUC is the mean over folds, its error the larger of Hanley and McNeil's and the spread of the folds.

    Args:
        training: two classes, folds and settings.
    """
    classes, folds, n = training.classes, training.folds, training.settings.folds
    labels = classes.labels
    networks, scores = cross_fit(training, "classifier-stop")
    held_out = [Fold.of(network, classes, np.flatnonzero(folds == k)) for k, network in enumerate(networks)]
    areas = np.array(
        [auc(scores[(folds == k) & (labels == 0)], scores[(folds == k) & (labels == 1)]) for k in range(n)]
    )
    area = float(areas.mean())
    error = max(auc_error(area, *np.bincount(labels).tolist()), standard_error(areas))
    return Run((area, error), _divergence(scores, labels, folds), scores, tuple(held_out))


def _divergence(scores: Float[Array, " N"], labels: Int[Array, " N"], folds: Int[Array, " N"]) -> tuple[float, float]:
    """Divergence with the scores of each fold calibrated on those of all others, and its standard error."""
    bits = np.empty(len(scores))
    for k in np.unique(folds):
        here = folds == k
        calibration = Calibration.fit(scores[~here], labels[~here], smooth=True)
        bits[here] = information(calibration(scores[here]), labels[here])
    per_fold = np.array([bits[folds == k].mean() for k in np.unique(folds)])
    return float(bits.mean()), max(standard_error(bits), standard_error(per_fold))


def classify(
    truth: Features,
    generated: Features,
    seed: int,
    settings: ClassifierSettings = FAST,
    progress: Progress = lambda done, text: None,
    procedure: Procedure = cross_validate,
    build: Build = perceptron,
) -> Classified:
    """AUC, divergence and scores, with the floor that one half of the truth against the other gives.

    The floor takes as many showers as the comparison where the truth has twice that number, else half of the truth.

    Args:
        truth: features of the truth; their first column is log10 of the incident energy.
        generated: the same features of generated showers.
        seed: of choice, folds and networks.
        settings: of the networks.
        progress: called after each epoch with the share of the work done.
        procedure: how networks are trained and judged.
        build: makes a network from the numbers of its inputs and outputs.

    Raises:
        EmptySample: fewer than 20 showers a fold and class.
    """
    size = min(len(truth), len(generated), settings.max_showers)
    first, second = halves(len(truth), seed)
    floor_size = min(len(first), len(second), size)
    everything = (np.arange(len(truth)), np.arange(len(generated)))
    sample = draw((truth.values, generated.values), everything, size, settings.folds, seed)
    same = draw((truth.values, truth.values), (first, second), floor_size, settings.folds, seed)
    with threads(settings.threads):
        run = procedure(
            ClassifierTraining(*sample, seed, settings, build, lambda done: progress(done / 2, "against truth"))
        )
        floor = procedure(
            ClassifierTraining(*same, seed, settings, build, lambda done: progress((1 + done) / 2, "floor"))
        )
    scores = np.full(len(truth), np.nan), np.full(len(generated), np.nan)
    for label in (0, 1):
        scores[label][sample[0].rows[label]] = run.scores[sample[0].labels == label]
    return Classified(
        Measured(*run.auc, *floor.auc), Measured(*run.jsd, *floor.jsd), *scores, size, floor_size, run.folds
    )


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
