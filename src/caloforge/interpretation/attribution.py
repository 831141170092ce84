r"""What a classifier sees, mapped back on the calorimeter: integrated gradients of its score, with error and floor.

The network scores a shower x with the logit s(x) that it is generated. Along the straight way from a baseline
:math:`\bar x`, the mean of Geant4's showers of nearly the same energy, each input gets

.. math:: a_j(x) = (x_j - \bar x_j) \int_0^1 \frac{\partial s}{\partial x_j}\big(\bar x + t(x - \bar x)\big)\,dt, \qquad
          \sum_j a_j(x) = s(x) - s(\bar x) \quad\text{(completeness)} .

The map is :math:`\langle a_j\rangle_\text{gen} - \langle a_j\rangle_\text{truth}` over showers that the network was not
trained on. It adds up to the difference of the mean scores: a place with a positive value speaks for "generated" in
generated showers. The same for a network that tells one half of Geant4 from the other is the floor. Beside it stands
the loss of AUC when whole layers, rings or kinds of features are exchanged between showers
(`caloforge.validation.importance`). Source: Sundararajan, Taly and Yan, arXiv:1703.01365.
"""

__all__ = ["Attribution", "attribute", "integrated_gradients"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array
from scipy.stats import norm
from torch import nn

from caloforge.data.showers import Showers
from caloforge.geometry.binning import Binning
from caloforge.interpretation.cylinder import KINDS, Ring, on_plane, ring_features, rings_of
from caloforge.validation.classes import draw, halves
from caloforge.validation.classifier import FAST, Classified, ClassifierSettings, Run, cross_validate
from caloforge.validation.features import Features
from caloforge.validation.importance import Importance, permutation_importance
from caloforge.validation.metrics import Measured
from caloforge.validation.network import Trial, perceptron, threads

_POINTS = 32  # of the integral, by the midpoint rule
_BASELINE = 50  # showers of nearly the same energy
_FALSE_ALARM = 0.01  # that any place of a map is called significant by chance
Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Attribution:
    """Where generated showers give themselves away.

    Args:
        auc: of the classifier, with its floor.
        rings: the places.
        value: share of each kind of feature at each place in the difference of mean scores, in units of the logit.
        error: its standard error.
        floor: standard deviation over all places of a kind, Geant4 against Geant4.
        separation: the difference of mean scores: generated from Geant4, and one half of Geant4 from the other.
        importances: loss of AUC when a layer, a ring or a kind of feature is exchanged.
        floor_importances: the same of Geant4 against Geant4.
        size: showers of each class; of each half of Geant4.
        binning: the mesh.
    """

    auc: Measured
    rings: tuple[Ring, ...]
    value: Float[Array, "4 R"]
    error: Float[Array, "4 R"]
    floor: Float[Array, " 4"]
    separation: tuple[float, float]
    importances: Mapping[str, Importance]
    floor_importances: Mapping[str, Importance]
    size: tuple[int, int]
    binning: Binning

    @property
    def significance(self) -> Float[Array, "4 R"]:
        """Values in units of their error and the floor, added in quadrature."""
        return self.value / np.maximum(np.hypot(self.error, self.floor[:, None]), 1e-12)

    @property
    def significant(self) -> Bool[Array, "4 R"]:
        """Places that stand out: by chance one of them all does in 1 % of maps."""
        return np.abs(self.significance) > norm.isf(_FALSE_ALARM / 2 / self.value.size)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "method": f"integrated gradients (arXiv:1703.01365), {_POINTS} points",
            "auc": self.auc.to_dict(),
            "showers_of_each_class": self.size[0],
            "showers_of_each_class_floor": self.size[1],
            "mean_score_difference": dict(zip(("value", "floor"), self.separation, strict=True)),
            "rings": [list(ring) for ring in self.rings],
            "kinds": {
                kind: {"value": v.tolist(), "error": e.tolist(), "floor_std": float(f)}
                for kind, v, e, f in zip(KINDS, self.value, self.error, self.floor, strict=True)
            },
            "loss_of_auc": {
                name: {"value": i.loss_of_auc, "error": i.error, "floor": self.floor_importances[name].loss_of_auc}
                for name, i in self.importances.items()
            },
        }


def attribute(
    truth: Showers,
    generated: Showers,
    seed: int,
    settings: ClassifierSettings = FAST,
    progress: Progress = lambda done: None,
) -> Attribution:
    """Train a classifier on the rings of both samples, another on two halves of the truth, and map what they see.

    Args:
        truth: showers of Geant4.
        generated: showers of the model, at the same conditions.
        seed: of halves, folds and networks.
        settings: of the networks.
        progress: called with the share of the work done.

    Raises:
        EmptySample: fewer than 20 showers a fold, in each half of the truth.
    """
    seen, made = ring_features(truth), ring_features(generated)
    first, second = (Features(seen.values[rows], seen.names) for rows in halves(len(seen), seed))
    found = _Judged.train(seen, made, seed, settings, lambda done: progress(0.45 * done))
    floor = _Judged.train(first, second, seed, settings, lambda done: progress(0.45 + 0.3 * done))
    value, error = found.attributions()
    nothing, _ = floor.attributions()
    progress(0.85)
    groups = _groups(truth.binning)
    return Attribution(
        Measured(*found.run.auc, *floor.run.auc),
        rings_of(truth.binning),
        on_plane(value, truth.binning),
        on_plane(error, truth.binning),
        on_plane(nothing, truth.binning).std(axis=1),
        (float(value.sum()), float(nothing.sum())),
        found.importances(groups, seed),
        floor.importances(groups, seed),
        (found.size, floor.size),
        truth.binning,
    )


@dataclass(frozen=True, eq=False)
class _Judged:
    """Features of two classes, and networks that tell them apart."""

    truth: Features
    generated: Features
    run: Run
    size: int

    @classmethod
    def train(
        cls, truth: Features, generated: Features, seed: int, settings: ClassifierSettings, progress: Progress
    ) -> "_Judged":
        size = min(len(truth), len(generated), settings.max_showers)
        rows = (np.arange(len(truth)), np.arange(len(generated)))
        classes, folds = draw((truth.values, generated.values), rows, size, settings.folds, seed)
        with threads(settings.threads):
            run = cross_validate(Trial(classes, folds, seed, settings, perceptron, progress))
        return cls(truth, generated, run, size)

    def attributions(self) -> tuple[Float[Array, " f"], Float[Array, " f"]]:
        """Mean over generated minus mean over true showers, all of them held out, and its standard error.

        The error is the larger of that of the means and that which the scatter of the networks gives.
        """
        baselines = _Baselines(self.truth)
        maps, variances = [], []
        for fold in self.run.folds:
            means, variance = [], np.zeros(self.truth.values.shape[1])
            for table, rows in ((self.truth, fold.truth), (self.generated, fold.generated)):
                x = table.values[rows]
                parts = integrated_gradients(fold.network, x, baselines.of(x))
                means.append(parts.mean(axis=0))
                variance += parts.var(axis=0, ddof=1) / len(parts)
            maps.append(means[1] - means[0])
            variances.append(variance)
        n = len(maps)
        scatter = np.std(maps, axis=0, ddof=1) / np.sqrt(n)
        return np.mean(maps, axis=0), np.maximum(np.sqrt(np.sum(variances, axis=0)) / n, scatter)

    def importances(self, groups: Mapping[str, Int[Array, " _"]], seed: int) -> dict[str, Importance]:
        """Loss of AUC of each group."""
        auc, jsd = Measured(*self.run.auc, 0.5, 0.0), Measured(*self.run.jsd, 0.0, 0.0)
        judged = Classified(auc, jsd, np.empty(0), np.empty(0), self.size, self.size, self.run.folds)
        return {i.name: i for i in permutation_importance(judged, self.truth, self.generated, seed, groups)}


class _Baselines:
    """Mean features of the 50 true showers nearest in energy."""

    def __init__(self, truth: Features) -> None:
        order = np.argsort(truth.values[:, 0], kind="stable")
        self.energy, self.width = truth.values[order, 0], min(_BASELINE, len(order))
        sums = np.cumsum(truth.values[order], axis=0, dtype=np.float64)
        before = np.concatenate([np.zeros((1, sums.shape[1])), sums])
        self.means = (before[self.width :] - before[: -self.width]) / self.width

    def of(self, x: Float[Array, "n f"]) -> Float[Array, "n f"]:
        """One row for each shower; the energy itself stays the shower's own."""
        start = np.searchsorted(self.energy, x[:, 0]) - self.width // 2
        baseline = self.means[np.clip(start, 0, len(self.means) - 1)].astype(np.float32)
        baseline[:, 0] = x[:, 0]
        return baseline


def integrated_gradients(
    network: nn.Module, x: Float[Array, "n f"], baseline: Float[Array, "n f"]
) -> Float[Array, "n f"]:
    """Part of each input in s(x) - s(baseline), for a network with one output."""
    start, way = torch.from_numpy(baseline), torch.from_numpy(x - baseline)
    total = torch.zeros_like(way, dtype=torch.float64)
    for k in range(_POINTS):
        at = (start + (k + 0.5) / _POINTS * way).requires_grad_()
        total += torch.autograd.grad(network(at).sum(), at)[0]
    return (total * way / _POINTS).numpy()


def _groups(binning: Binning) -> dict[str, Int[Array, " _"]]:
    """Columns of each layer, of each ring and of each kind of feature."""
    rings = rings_of(binning)
    layer, ring = (np.tile([r[i] for r in rings], len(KINDS)) for i in (0, 1))
    kind = np.repeat(np.arange(len(KINDS)), len(rings))
    columns = {f"layer {k}": layer == k for k in range(binning.n_layers)}
    columns |= {f"ring {k}": ring == k for k in range(max(ring) + 1)}
    columns |= {name: kind == k for k, name in enumerate(KINDS)}
    return {name: 1 + np.flatnonzero(chosen) for name, chosen in columns.items()}
