r"""Classifier test: how well a network tells generated showers from truth: the area under its ROC curve (AUC), the
Jensen-Shannon divergence, and the score of every shower.

Every shower is scored by a network that was not trained on it (k-fold cross-validation). Unlike the separation powers
it sees correlations between all its inputs. Idea and inputs: Krause and Shih, arXiv:2106.05285; CaloChallenge,
arXiv:2410.21611 (whose larger network gives other numbers: `caloforge.classifiers.protocol`).
"""

__all__ = [
    "Classified",
    "ClassifierSettings",
    "FAST",
    "Fold",
    "Procedure",
    "Progress",
    "Run",
    "classify",
    "cross_validate",
]

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array
from torch import nn

from caloforge.classifiers.calibration import Calibration, information
from caloforge.classifiers.cross_fit import cross_fit, error_of_mean, shared_error
from caloforge.classifiers.data import ClassifierData, draw, halves
from caloforge.classifiers.features import Features
from caloforge.classifiers.network import Build, ClassifierSettings, ClassifierTraining, perceptron, threads
from caloforge.classifiers.roc import auc, auc_error
from caloforge.metrics.measured import Measured, standard_error

Progress = Callable[[float, str], None]

FAST = ClassifierSettings()
_FEWEST = 10  # showers of a class that have an AUC with an error


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
        words: what the classifier is and sees.
        floor_scores: of the showers of the truth where one half is told from the other; NaN where one was left out.
        floor_folds: the networks of truth against truth; the second half is in the place of generated showers.
    """

    auc: Measured
    jsd: Measured
    scores_truth: Float[Array, " n"]
    scores_generated: Float[Array, " m"]
    size: int
    floor_size: int
    folds: tuple[Fold, ...]
    words: str = ""
    floor_scores: Float[Array, " n"] = field(default_factory=lambda: np.zeros(0))
    floor_folds: tuple[Fold, ...] = ()

    def area(self, truth: Bool[Array, " n"], generated: Bool[Array, " m"]) -> Measured | None:
        """AUC of some showers, from the scores that they have, and of the same true showers in truth against truth.

        The mean over folds, each with the weight of its pairs of showers: scores of different networks do not compare.
        None where either has fewer than ten showers of a class.

        Args:
            truth: which true showers.
            generated: which generated ones.
        """
        found = _area(self.folds, (self.scores_truth, self.scores_generated), (truth, generated), self.size)
        floor = _area(self.floor_folds, (self.floor_scores, self.floor_scores), (truth, truth), self.floor_size)
        return None if found is None or floor is None else Measured(*found, *floor)

    @property
    def ranking(self) -> Int[Array, " _"]:
        """Rows of the generated showers that have a score, from the one most like the truth to the most obvious one."""
        order = np.argsort(self.scores_generated, kind="stable")
        return order[: np.count_nonzero(~np.isnan(self.scores_generated))]


def cross_validate(training: ClassifierTraining) -> Run:
    """Each fold scored by a network trained on the others, of which 15 % decide when to stop.

    The AUC is the mean over folds. Its error and that of the divergence know that the folds share showers:
    `caloforge.classifiers.cross_fit.error_of_mean` of Hanley and McNeil's, and of that of a mean.

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
    error = error_of_mean(auc_error(area, *np.bincount(labels).tolist()), areas)
    return Run((area, error), _divergence(scores, labels, folds), scores, tuple(held_out))


def _divergence(scores: Float[Array, " N"], labels: Int[Array, " N"], folds: Int[Array, " N"]) -> tuple[float, float]:
    """Divergence with the scores of each fold calibrated on those of all others, and its standard error."""
    bits = np.empty(len(scores))
    for k in np.unique(folds):
        here = folds == k
        calibration = Calibration.fit(scores[~here], labels[~here], smooth=True)
        bits[here] = information(calibration(scores[here]), labels[here])
    per_fold = np.array([bits[folds == k].mean() for k in np.unique(folds)])
    return float(bits.mean()), error_of_mean(standard_error(bits), per_fold)


def classify(
    truth: Features,
    generated: Features,
    seed: int,
    settings: ClassifierSettings = FAST,
    progress: Progress = lambda done, text: None,
    procedure: Procedure = cross_validate,
    build: Build = perceptron,
    floor: bool = True,
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
        floor: train truth against truth, too; its numbers are NaN where not, in half of the time.

    Raises:
        EmptySample: fewer than 20 showers a fold and class.
    """
    size = min(len(truth), len(generated), settings.max_showers)
    first, second = halves(len(truth), seed)
    floor_size = min(len(first), len(second), size) if floor else 0
    everything, parts = (np.arange(len(truth)), np.arange(len(generated))), 1 + floor
    sample = draw((truth.values, generated.values), everything, size, settings.folds, seed)
    same = draw((truth.values, truth.values), (first, second), floor_size, settings.folds, seed) if floor else None

    def run_on(data: tuple[ClassifierData, Array], number: int, text: str) -> Run:
        def report(done: float) -> None:
            progress((number + done) / parts, text)

        with threads(settings.threads):
            return procedure(ClassifierTraining(*data, seed, settings, build, report))

    run = run_on(sample, 0, "against truth")
    scores = np.full(len(truth), np.nan), np.full(len(generated), np.nan)
    _spread(run, sample[0], scores)
    undefined = (math.nan, math.nan)
    classified = Classified(
        Measured(*run.auc, *undefined), Measured(*run.jsd, *undefined), *scores, size, floor_size, run.folds
    )
    if same is None:
        return classified
    null, of_floor = run_on(same, 1, "floor"), np.full(len(truth), np.nan)
    _spread(null, same[0], (of_floor, of_floor))
    measured = Measured(*run.auc, *null.auc), Measured(*run.jsd, *null.jsd)
    return replace(classified, auc=measured[0], jsd=measured[1], floor_scores=of_floor, floor_folds=null.folds)


def _spread(run: Run, classes: ClassifierData, scores: tuple[Array, Array]) -> None:
    """Scores of the showers that took part to their rows in both samples."""
    for label in (0, 1):
        scores[label][classes.rows[label]] = run.scores[classes.labels == label]


def _area(
    folds: Sequence[Fold], scores: tuple[Array, Array], chosen: tuple[Array, Array], size: int
) -> tuple[float, float] | None:
    """AUC of the chosen showers and its error; ``size`` showers of each class took part in all."""
    parts = [
        [s[rows[of[rows]]] for s, rows, of in zip(scores, (fold.truth, fold.generated), chosen, strict=True)]
        for fold in folds
    ]
    n, m = (sum(len(part[i]) for part in parts) for i in (0, 1))
    if min(n, m) < _FEWEST:
        return None
    pairs = np.array([len(t) * len(g) for t, g in parts])
    if not pairs.any():
        return None
    areas = [auc(*part) for part, count in zip(parts, pairs, strict=True) if count]
    area, judges = float(np.average(areas, weights=pairs[pairs > 0])), len(folds) > 1
    return area, shared_error(auc_error(area, n, m), (n + m) / (2 * size) if judges else 0.0)
