r"""Gradient-boosted trees as classifier: strong where showers are few and what tells is a sum over cells.

Trees of a few leaves are added one by one, each fitted to the gradient of the cross-entropy at the logit that those
before it give (Friedman, Annals of Statistics 29 (2001) 1189), on binned features; undefined values are a bin of their
own. Given all observables, those of local structure among them, a thousand showers of each class show what a network
on the cells needs a hundred thousand for. `boosted_trees` is a procedure of `caloforge.classifiers.auc.classify`:
cross-validation, floor, scores and importance are those of every classifier.

Use::

    classified = classify(observed(truth), observed(generated), seed=1, procedure=boosted_trees)
    permutation_importance(classified, observed(truth), observed(generated), seed=1, groups=families(...))
"""

__all__ = ["TreeSettings", "Trees", "boosted_trees", "boosted", "families", "observed"]

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from caloforge.classifiers.auc import Procedure, Run, cross_validate
from caloforge.classifiers.features import Features, Table, high
from caloforge.classifiers.network import ClassifierTraining
from caloforge.classifiers.tree_values import TreeValues
from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.physics.observables import OBSERVABLES, tabulate
from caloforge.rng import stream

_FEW = 128  # showers


@dataclass(frozen=True)
class TreeSettings:
    """Size and learning of the trees.

    Args:
        trees: how many.
        leaves: at most, of each tree.
        learning_rate: share of each tree that is added.
        penalty: on the square of the leaves' values (L2).
        features: share of the features that a split may choose from.
        bins: at most, of the values of each feature.
    """

    trees: int = 100
    leaves: int = 10
    learning_rate: float = 0.12
    penalty: float = 1.0
    features: float = 0.2
    bins: int = 63


class Trees(nn.Module):
    """Trained trees in the form of a network: features to logits, without gradients.

    Args:
        model: of scikit-learn, trained on the columns that ``defined`` chooses.
        defined: the features that had any value in training.
    """

    def __init__(self, model: HistGradientBoostingClassifier, defined: Bool[Array, " f"]) -> None:
        super().__init__()
        self.model, self.defined = model, defined
        self.place = nn.Parameter(torch.zeros(0), requires_grad=False)  # a network is asked where it lives

    def forward(self, x: Float[Tensor, "N f"]) -> Float[Tensor, "N 1"]:
        """Logits of N showers, on the device of their features.

        Args:
            x: features; NaN where undefined.
        """
        values = x.cpu().numpy()[:, self.defined]
        few = [
            values[start : start + _FEW] for start in range(0, len(values), _FEW)
        ]  # which the processor's cache holds
        logits = np.concatenate([self.model.decision_function(part) for part in few], dtype=np.float32)
        return torch.from_numpy(logits)[:, None].to(x.device)

    def values(self, x: Float[Array, "N f"]) -> TreeValues:
        """What each tree says of some showers.

        Args:
            x: features; NaN where undefined.
        """
        nodes = [predictor.nodes for (predictor,) in self.model._predictors]
        renumbered = [tree.copy() for tree in nodes]
        for tree in renumbered:
            tree["feature_idx"] = np.flatnonzero(self.defined)[tree["feature_idx"]]
        return TreeValues(renumbered, float(self.model._baseline_prediction.item()), x)


@dataclass(frozen=True, eq=False)
class _TreeTraining(ClassifierTraining):
    """As `ClassifierTraining`, with trees for networks."""

    trees: TreeSettings = TreeSettings()

    def train(self, train: Bool[Array, " N"], stop: Bool[Array, " N"], number: int = 0, of: int = 1) -> nn.Module:
        """Trees on the showers of ``train`` and ``stop``: their number is set beforehand, nothing has to judge it."""
        rows = np.flatnonzero(train | stop)
        x, rule = self.classes.gather(rows), self.trees
        defined = np.isfinite(x).any(axis=0)
        model = HistGradientBoostingClassifier(
            learning_rate=rule.learning_rate,
            max_iter=rule.trees,
            max_leaf_nodes=rule.leaves,
            l2_regularization=rule.penalty,
            max_features=rule.features,
            max_bins=rule.bins,
            early_stopping=False,
            random_state=int(stream(self.seed, "trees", number).integers(2**31)),
        )
        weights = None if self.classes.weights is None else self.classes.weights[rows]
        with threadpool_limits(self.settings.threads, "openmp"):
            model.fit(x[:, defined], self.classes.labels[rows], sample_weight=weights)
        self.progress((number + 1) / of)
        return Trees(model, defined).eval()


def boosted(settings: TreeSettings) -> Procedure:
    """Cross-validation of trees: a procedure for `caloforge.classifiers.auc.classify`.

    Of the settings of the networks only the number of threads counts. The procedure raises `BadValue` when it is given
    more than two classes.

    Args:
        settings: of the trees.
    """

    def procedure(training: ClassifierTraining) -> Run:
        if training.outputs != 1:
            raise BadValue("number of outputs", training.outputs, "boosted trees tell two classes apart, by one logit")
        return cross_validate(_TreeTraining(**vars(training), trees=settings))

    return procedure


boosted_trees = boosted(TreeSettings())


def observed(showers: Showers, table: Table | None = None) -> Features:
    """All observables as features.

    Args:
        showers: any number, on any mesh.
        table: of `caloforge.physics.observables.tabulate` where it exists; what it lacks is computed.
    """
    given = table or {}
    missing = {name: o for name, o in OBSERVABLES.items() if name not in given}
    return high({**given, **tabulate(showers, missing)}, showers.incident_energy)


def families(features: Features) -> dict[str, Int[Array, " _"]]:
    """Columns of each family of observables, named by the module that defines them: ``lateral``, ``neighbours``, ...

    Args:
        features: as `observed` gives them. Columns that are no observable are left out.
    """
    groups: dict[str, list[Array]] = {}
    for name, columns in features.by_observable().items():
        if name in OBSERVABLES:
            groups.setdefault(OBSERVABLES[name].home.rpartition(".")[2], []).append(columns)
    return {family: np.concatenate(columns) for family, columns in groups.items()}
