r"""For which mode a classifier takes the showers of each mode: counts of held-out truth and of generated showers.

The classifier is a quadratic discriminant (logistic regression on :math:`1, t, t^2`), trained in five folds of the
truth, so that it judges no shower that it learned from. Only showers in the core of a mode count for it: within the
distance to the mode's nearest true shower that a given part of its own showers keep. The others are one more class,
neither: bad showers do not count as a mode because they resemble the other one even less.
"""

__all__ = ["FOLDS", "confusion_of"]

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from sklearn.linear_model import LogisticRegression

from caloforge.metrics.neighbours import nearest

FOLDS = 5
_CLIP = 5.0
_RIDGE = 1e-2
_CERTAIN = 1e6


def confusion_of(
    truth: Float[Array, "N f"],
    index: Int[Array, " N"],
    generated: Float[Array, "M f"],
    rng: np.random.Generator,
    core: float,
) -> tuple[Float[Array, "c c"], Float[Array, " c"]]:
    """Counts (true mode, taken for) of held-out truth, and of generated showers; the last class is neither.

    Args:
        truth: standardised features of N showers.
        index: mode of each of them, from 0.
        generated: features of M generated showers.
        rng: of the folds.
        core: part of a mode's own showers that are near enough to count.
    """
    n_modes = int(index.max()) + 1
    terms, fold = _terms(truth), _stratified_folds(index, rng)
    taken, probability = np.empty(len(truth), np.int64), np.zeros((len(generated), n_modes))
    for k in range(FOLDS):
        held_out = fold == k
        classifier = _logistic_regression(terms[~held_out], index[~held_out], n_modes)
        taken[held_out] = classifier.predict(terms[held_out])
        probability += classifier.predict_proba(_terms(generated))
    generated_taken = np.argmax(probability, axis=1)
    for mode in range(n_modes):
        _set_apart(mode, (truth, index, taken), (generated, generated_taken), n_modes, core)
    confusion = np.zeros((n_modes + 1, n_modes + 1))
    np.add.at(confusion, (index, taken), 1)
    confusion[-1, -1] = _CERTAIN
    return confusion, np.bincount(generated_taken, minlength=n_modes + 1).astype(np.float64)


def _set_apart(
    mode: int,
    labelled: tuple[Float[Array, "N f"], Int[Array, " N"], Int[Array, " N"]],
    judged: tuple[Float[Array, "M f"], Int[Array, " M"]],
    neither: int,
    core: float,
) -> None:
    """Give the class ``neither`` to what was taken for the mode and is too far from it; changes the classes."""
    truth, index, taken = labelled
    own = truth[index == mode]
    distance = np.zeros(len(truth))
    distance[index == mode] = nearest(own, own, same=True)
    reach = np.quantile(distance[index == mode], core)
    strangers = (taken == mode) & (index != mode)
    distance[strangers] = nearest(truth[strangers], own)
    taken[(taken == mode) & (distance > reach)] = neither
    generated, generated_taken = judged
    rows = np.flatnonzero(generated_taken == mode)
    generated_taken[rows[nearest(generated[rows], own) > reach]] = neither


def _terms(features: Float[Array, "N f"]) -> Float[Array, "N p"]:
    """1, t, t^2: what a quadratic discriminant sees."""
    t = np.clip(np.nan_to_num(features), -_CLIP, _CLIP)
    return np.concatenate([np.ones((len(t), 1)), t, t**2], axis=1)


def _stratified_folds(index: Int[Array, " N"], rng: np.random.Generator) -> Int[Array, " N"]:
    """Every mode has its share in every fold, however rare."""
    fold = np.empty(len(index), np.int64)
    for mode in range(int(index.max()) + 1):
        rows = rng.permutation(np.flatnonzero(index == mode))
        fold[rows] = np.arange(len(rows)) % FOLDS
    return fold


def _logistic_regression(x: Float[Array, "N p"], index: Int[Array, " N"], n_modes: int) -> LogisticRegression:
    """Multinomial, every mode with the same total weight, a ridge on all terms."""
    weight = (1 / np.bincount(index, minlength=n_modes))[index] / n_modes
    strength = (2 if n_modes == 2 else 1) / _RIDGE  # of two modes only the difference of their coefficients is fitted
    return LogisticRegression(C=strength, fit_intercept=False, max_iter=500).fit(x, index, weight)
