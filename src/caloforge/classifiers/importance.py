r"""Permutation importance: which input of a classifier gives the generated showers away.

A trained network scores held-out showers twice: as they are, and with the columns of one observable exchanged between
showers, truth and generated alike, so that this observable no longer says which class a shower is of. What the AUC
loses is the importance. Values are exchanged only between showers of nearly the same incident energy; else a shower
with the layer energies of another energy would mean nothing to the network. What two inputs both tell, neither alone
loses: importances do not add up, and correlated inputs share theirs.

The error is that of the difference of two AUCs of the same showers: with the placements :math:`V_g = \hat F_t(s_g)` and
:math:`V_t = 1 - \hat F_g(s_t)` before and after, averaged over the exchanges,

.. math:: \sigma^2 = \frac{\operatorname{var}(\Delta V_g)}{m} + \frac{\operatorname{var}(\Delta V_t)}{n} .

Sources: Breiman, Machine Learning 45 (2001) 5; DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837.
"""

__all__ = ["Importance", "permutation_importance"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy.stats import rankdata
from torch import nn

from caloforge.classifiers.auc import Classified, Fold
from caloforge.classifiers.data import ClassifierData
from caloforge.classifiers.features import Features
from caloforge.classifiers.network import predict, threads
from caloforge.classifiers.trees import Trees
from caloforge.rng import stream

_NEIGHBOURS = 50  # showers of nearly the same incident energy
Groups = Mapping[str, Int[Array, " _"]]


@dataclass(frozen=True)
class Importance:
    """What the AUC loses without an input.

    Args:
        name: of the input.
        loss_of_auc: AUC with the input less AUC without.
        error: its standard error.
    """

    name: str
    loss_of_auc: float
    error: float

    @property
    def significance(self) -> float:
        """Loss over its error; 0 where the network ignores the input."""
        return self.loss_of_auc / self.error if self.error > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"name": self.name, "loss_of_auc": self.loss_of_auc, "error": self.error}


def permutation_importance(
    classified: Classified,
    truth: Features,
    generated: Features,
    seed: int,
    groups: Groups | None = None,
    repeats: int = 5,
    most: int = 1000,
    n_threads: int | None = 1,
) -> tuple[Importance, ...]:
    """Importance of each group of inputs, the largest loss first; the mean over the networks.

    Args:
        classified: from `caloforge.classifiers.auc.classify` on these very features.
        truth: features of the truth.
        generated: features of the generated showers.
        seed: of the exchanges.
        groups: columns of each group; by default those of each observable (`Features.by_observable`).
            `Features.by_name` asks layer by layer.
        repeats: exchanges to average over.
        most: showers of each class in each fold that are exchanged, at random.
        n_threads: of PyTorch; None: as it is set.
    """
    columns = groups or truth.by_observable()
    tables = (truth.values, generated.values)
    folds = [_some(fold, most, stream(seed, "importance of", k)) for k, fold in enumerate(classified.folds)]
    with threads(n_threads):
        parts = [_one_fold(fold, tables, columns, repeats, seed, k) for k, fold in enumerate(folds)]
    losses, variances = (np.array([[p[name][i] for name in columns] for p in parts]) for i in (0, 1))
    errors = np.sqrt(variances.sum(axis=0)) / len(parts)
    importances = [
        Importance(name, float(loss), float(error))
        for name, loss, error in zip(columns, losses.mean(axis=0), errors, strict=True)
    ]
    return tuple(sorted(importances, key=lambda importance: -importance.loss_of_auc))


def _some(fold: Fold, most: int, rng: np.random.Generator) -> Fold:
    """At most so many showers of each class of a fold."""
    truth, generated = (np.sort(rng.permutation(rows)[:most]) for rows in (fold.truth, fold.generated))
    return Fold(fold.network, truth, generated)


def _one_fold(
    fold: Fold, tables: tuple[Array, Array], columns: Groups, repeats: int, seed: int, k: int
) -> dict[str, tuple[float, float]]:
    """Loss of each group on the showers of one fold, and its variance."""
    held_out = ClassifierData(tables, (fold.truth, fold.generated))
    x, n = held_out.gather(np.arange(len(held_out))), len(fold.truth)
    scores = _scorer(fold.network, x)
    before = _placements(scores(x, np.arange(x.shape[1])), n)
    exchanges = [_exchange(x[:, 0], stream(seed, "importance", k, i)) for i in range(repeats)]
    result = {}
    for name, group in columns.items():
        difference = np.zeros(len(x))
        for order in exchanges:
            mixed = x.copy()
            mixed[:, group] = x[np.ix_(order, group)]
            difference += (before - _placements(scores(mixed, group), n)) / repeats
        variance = difference[:n].var(ddof=1) / n + difference[n:].var(ddof=1) / (len(x) - n)
        result[name] = (float(difference[n:].mean()), float(variance))
    return result


def _scorer(network: nn.Module, x: Float[Array, "N f"]) -> Callable[[Array, Array], Float[Array, " N"]]:
    """Scores of showers that differ from ``x`` in some columns; trees that do not look at them are not asked again."""
    if isinstance(network, Trees):
        return network.values(x).exchanged

    def scores(mixed: Float[Array, "N f"], columns: Int[Array, " c"]) -> Float[Array, " N"]:
        return predict(network, ClassifierData((mixed,), (np.arange(len(mixed)),)), np.arange(len(mixed)))[:, 0]

    return scores


def _placements(scores: Float[Array, " N"], n: int) -> Float[Array, " N"]:
    """For each of the first n scores the share of the others above it, for each of the others the share below it."""
    ranks = rankdata(scores)
    below = np.concatenate([ranks[:n] - rankdata(scores[:n]), ranks[n:] - rankdata(scores[n:])])
    m = len(scores) - n
    return np.concatenate([1 - below[:n] / m, below[n:] / n])


def _exchange(energy: Float[Array, " N"], rng: np.random.Generator) -> Int[Array, " N"]:
    """A permutation of the showers within groups of neighbours in incident energy."""
    tie_break = rng.permutation(len(energy))
    by_energy = np.lexsort((tie_break, energy))
    order = np.empty(len(energy), int)
    for group in np.array_split(by_energy, max(1, len(energy) // _NEIGHBOURS)):
        order[group] = rng.permutation(group)
    return order
