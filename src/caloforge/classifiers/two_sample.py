r"""The two-sample test of a classifier: the chance that it tells two samples of the truth apart as well.

The AUC of a cross-validation has no simple error: every shower trains the judges of the others, so the folds rise and
fall together (their ranks are correlated by about :math:`1/(K-1)`, which doubles the variance of a mean over any number
of them). Within one fold it has: its showers are scored by a classifier that never saw them, and if truth and generated
showers come from one distribution, their labels in the fold can be exchanged, whatever was learned elsewhere. So each
fold has a valid p-value, of Mann and Whitney's rank sum or, where shower i of both samples was asked for alike, of
Wilcoxon's signed ranks of the pairs (one-sided: generated showers score higher). The p-values :math:`p_k` of K folds,
dependent as they are, become one by Cauchy's combination

.. math:: T = \frac1K\sum_k \tan\big((\tfrac12 - p_k)\pi\big), \qquad p = \tfrac12 - \frac{\arctan T}{\pi} ,

whose tail hardly feels how they depend on each other, and which costs less than their mean: one fold that sees the
difference is enough. Sources: Lopez-Paz and Oquab, arXiv:1610.06545 (classifiers as tests); Liu and Xie,
arXiv:1808.09011 (the combination); Vovk and Wang, arXiv:1212.4966 (means of p-values).
"""

__all__ = ["cauchy_combination", "classifier_p_value", "fold_p_values", "smallest_of"]

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Int
from numpy import ndarray as Array
from scipy.stats import mannwhitneyu, wilcoxon

from caloforge.classifiers.auc import Classified

Pairs = tuple[Int[Array, " n"], Int[Array, " m"]]
_FEWEST_PAIRS = 10
_SMALLEST = 1e-300


def fold_p_values(classified: Classified, conditions: Pairs | None = None) -> Iterator[float]:
    """The chance of scores that differ as much between two samples of the truth, for each fold.

    Args:
        classified: scores of truth and generated showers, and the folds that they were held out in.
        conditions: number of the condition that each true and each generated shower was made at, where showers of one
            number are pairs.
    """
    for fold in classified.folds:
        truth, generated = classified.scores_truth[fold.truth], classified.scores_generated[fold.generated]
        if conditions is not None:
            numbers = conditions[0][fold.truth], conditions[1][fold.generated]
            _, first, second = np.intersect1d(*numbers, assume_unique=True, return_indices=True)
            if len(first) >= _FEWEST_PAIRS:
                higher = generated[second] - truth[first]
                yield float(wilcoxon(higher, alternative="greater").pvalue) if higher.any() else 1.0
                continue
        yield float(mannwhitneyu(generated, truth, alternative="greater").pvalue)


def classifier_p_value(classifiers: Iterable[Classified], conditions: Pairs | None = None) -> float:
    """One p-value of all folds of all classifiers, see the module.

    Args:
        classifiers: at least one.
        conditions: as for `fold_p_values`.
    """
    return cauchy_combination([p for c in classifiers for p in fold_p_values(c, conditions)])


def cauchy_combination(p_values: Sequence[float]) -> float:
    """One p-value of several that depend on each other.

    Args:
        p_values: at least one, 0 to 1.

    Example:
        >>> round(cauchy_combination([0.02, 0.02]), 6), round(cauchy_combination([0.002, 0.5]), 6)
        (0.02, 0.004)
    """
    p = np.clip(np.asarray(p_values, float), _SMALLEST, 1 - 1e-16)
    cotangents = 1 / np.tan(np.pi * p)  # tan((1/2 - p) pi), exact where p is small
    total = float(cotangents.mean())
    return float(np.arctan2(1.0, total) / np.pi)


def smallest_of(p_values: Sequence[float]) -> float:
    """The p-value of the best of several tests, which may depend on each other as they like (Bonferroni).

    Args:
        p_values: at least one, 0 to 1.
    """
    return min(1.0, len(p_values) * min(p_values))
