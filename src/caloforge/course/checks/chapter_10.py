"""Chapter 10: the Kolmogorov-Smirnov distance, the AUC with ties, p/q from a classifier, and what each AUC sees."""

__all__ = ["check"]

from typing import Any

import numpy as np

from caloforge.course.answers import array_from, entries_of, function_of, number_of
from caloforge.errors import NotYet

_REAL, _FAKE = np.array([1.0, 2.0, 2.0, 3.0, 5.0]), np.array([0.0, 1.0, 2.0, 4.0])


def check(answer: Any) -> str:
    """Mark the exercise of chapter 10.

    Args:
        answer: the functions ``ks``, ``auc`` and ``weight``, and the numbers ``by_energies`` and ``by_neighbours``.

    Raises:
        NotYet: what is wrong.
    """
    entries = entries_of(answer, ("ks", "auc", "weight", "by_energies", "by_neighbours"))
    ks = function_of(entries["ks"], "ks")
    first, second = (
        np.array([0.0, 1.0, 2.0, 3.0, 9.0]),
        np.array([2.5, 4.0, 5.0]),
    )
    for pair in ((first, second), (second, first)):
        gap = number_of(ks(*pair), "the KS distance")
        if np.isclose(gap, -0.6) or gap < 0:
            raise NotYet("ks: it is the size of the gap, whichever of the two is higher.")
        if gap > 1:
            raise NotYet("ks: divide the counts by the number of showers; a gap is never larger than 1.")
        if not np.isclose(gap, 0.6):
            raise NotYet(f"ks: between (0, 1, 2, 3, 9) and (2.5, 4, 5) the largest gap is 0.6, not {gap:.3f}.")
    ordered = (_REAL[:, None] > _FAKE).mean()
    exact = ordered + 0.5 * (_REAL[:, None] == _FAKE).mean()
    area = number_of(function_of(entries["auc"], "auc")(_REAL, _FAKE), "the AUC")
    if np.isclose(area, 1 - exact):
        raise NotYet("auc: count the pairs in which the real shower has the higher score; yours are the others.")
    if np.isclose(area, ordered) or np.isclose(area, 2 * exact - ordered):
        raise NotYet("auc: equal scores count one half.")
    if area > 1:
        raise NotYet("auc: divide by the number of pairs, n times m.")
    if not np.isclose(area, exact):
        raise NotYet(f"auc: for (1, 2, 2, 3, 5) against (0, 1, 2, 4) it is {exact:.3f}; yours is {area:.3f}.")
    probability = np.array([0.2, 0.5, 0.8])
    weight = array_from(function_of(entries["weight"], "weight")(probability), (3,), "the weights of 3 showers")
    if np.allclose(weight, (1 - probability) / probability):
        raise NotYet("weight: upside down; a shower that looks real has to get the larger weight.")
    if np.allclose(weight, np.log(probability / (1 - probability))):
        raise NotYet("weight: this is the logarithm of the weight.")
    if not np.allclose(weight, probability / (1 - probability)):
        raise NotYet(f"weight: at D = 0.8 four times as many real showers as generated ones: 4, not {weight[2]:.3g}.")
    return _seen(entries["by_energies"], entries["by_neighbours"])


def _seen(energies: Any, neighbours: Any) -> str:
    by_energies, by_neighbours = number_of(energies, "by_energies"), number_of(neighbours, "by_neighbours")
    for name, area in (("by_energies", by_energies), ("by_neighbours", by_neighbours)):
        if not 0 <= area <= 1:
            raise NotYet(f"{name}: an AUC lies between 0 and 1; yours is {area:.3g}.")
    if abs(by_energies - 0.5) > 0.08:
        raise NotYet("by_energies: the turn has changed no layer energy, so the AUC has to be near one half.")
    if by_neighbours < 0.46:
        raise NotYet("by_neighbours: below one half; give auc the scores of the real showers first.")
    if by_neighbours < 0.54:
        raise NotYet("by_neighbours: neighbouring layers were turned apart, which neighbours() shows; look again.")
    return f"The same showers: AUC {by_energies:.2f} with the layer energies, {by_neighbours:.2f} with the right idea."
