r"""What a classifier sees, mapped back on the calorimeter: integrated gradients of its score, with error and floor.

Integrated gradients (`caloforge.interpretation.gradients`) share the score of a shower out among its features,
:math:`a_j`. The map is :math:`\langle a_j\rangle_\text{gen} - \langle a_j\rangle_\text{truth}` over showers that the
network was not trained on. It adds up to the difference of the mean scores: a positive value speaks for "generated" in
generated showers. The same for a network that tells one half of Geant4 from the other is the floor. Beside it stands
the loss of AUC when whole layers, rings or kinds of features are exchanged between showers
(`caloforge.classifiers.importance`).
"""

__all__ = ["Attribution", "attribute"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array
from scipy.stats import norm

from caloforge.classifiers.auc import FAST, Classified, ClassifierSettings, Run, cross_validate
from caloforge.classifiers.data import draw, halves
from caloforge.classifiers.features import Features
from caloforge.classifiers.importance import Importance, permutation_importance
from caloforge.classifiers.network import ClassifierTraining, perceptron, threads
from caloforge.data.showers import Showers
from caloforge.geometry.binning import Binning
from caloforge.interpretation.cylinder import KINDS, Ring, on_plane, ring_features, rings_of
from caloforge.interpretation.gradients import POINTS, Baselines, integrated_gradients
from caloforge.metrics.measured import Measured
from caloforge.physics.moments import ratio

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
        shift: mean of each feature in generated showers less that in Geant4's of the same energy, over its standard
            deviation there; NaN where it never varies.
        widening: standard deviation in generated showers over that in Geant4's, at fixed energy.
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
    shift: Float[Array, "4 R"]
    widening: Float[Array, "4 R"]
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
            "method": f"integrated gradients (arXiv:1703.01365), {POINTS} points",
            "auc": self.auc.to_dict(),
            "showers_of_each_class": self.size[0],
            "showers_of_each_class_floor": self.size[1],
            "mean_score_difference": dict(zip(("value", "floor"), self.separation, strict=True)),
            "rings": [list(ring) for ring in self.rings],
            "kinds": {
                kind: {
                    "value": self.value[k].tolist(),
                    "error": self.error[k].tolist(),
                    "floor_std": float(self.floor[k]),
                    "shift_of_mean": self.shift[k].tolist(),
                    "ratio_of_std": self.widening[k].tolist(),
                }
                for k, kind in enumerate(KINDS)
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
    truth_rings, generated_rings = ring_features(truth), ring_features(generated)
    first, second = (Features(truth_rings.values[rows], truth_rings.names) for rows in halves(len(truth_rings), seed))
    judged = _Judged.train(truth_rings, generated_rings, seed, settings, lambda done: progress(0.45 * done))
    floor = _Judged.train(first, second, seed, settings, lambda done: progress(0.45 + 0.3 * done))
    value, error = judged.attributions()
    nothing, _ = floor.attributions()
    progress(0.85)
    groups, plane = _groups(truth.binning), partial(on_plane, binning=truth.binning)
    shift, widening = (plane(v) for v in judged.differences())
    return Attribution(
        Measured(*judged.run.auc, *floor.run.auc),
        rings_of(truth.binning),
        plane(value),
        plane(error),
        plane(nothing).std(axis=1),
        shift,
        widening,
        (float(value.sum()), float(nothing.sum())),
        judged.importances(groups, seed),
        floor.importances(groups, seed),
        (judged.size, floor.size),
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
            run = cross_validate(ClassifierTraining(classes, folds, seed, settings, perceptron, progress))
        return cls(truth, generated, run, size)

    def attributions(self) -> tuple[Float[Array, " f"], Float[Array, " f"]]:
        """Mean over generated minus mean over true showers, all of them held out, and its standard error.

        The error is the larger of that of the means and that which the scatter of the networks gives.
        """
        baselines = Baselines(self.truth)
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

    def differences(self) -> tuple[Float[Array, " f"], Float[Array, " f"]]:
        """Shift of the mean of each feature in standard deviations, and ratio of these, the baseline taken off."""
        baselines = Baselines(self.truth)
        t, g = (table.values - baselines.of(table.values) for table in (self.truth, self.generated))
        spread = t.std(axis=0, dtype=np.float64)
        shift = g.mean(axis=0, dtype=np.float64) - t.mean(axis=0, dtype=np.float64)
        return ratio(shift, spread), ratio(g.std(axis=0, dtype=np.float64), spread)

    def importances(self, groups: Mapping[str, Int[Array, " _"]], seed: int) -> dict[str, Importance]:
        """Loss of AUC of each group."""
        auc, jsd = Measured(*self.run.auc, 0.5, 0.0), Measured(*self.run.jsd, 0.0, 0.0)
        judged = Classified(auc, jsd, np.empty(0), np.empty(0), self.size, self.size, self.run.folds)
        return {i.name: i for i in permutation_importance(judged, self.truth, self.generated, seed, groups)}


def _groups(binning: Binning) -> dict[str, Int[Array, " _"]]:
    """Columns of each layer, of each ring and of each kind of feature."""
    rings = rings_of(binning)
    layer, ring = (np.tile([r[i] for r in rings], len(KINDS)) for i in (0, 1))
    kind = np.repeat(np.arange(len(KINDS)), len(rings))
    columns = {f"layer {k}": layer == k for k in range(binning.n_layers)}
    columns |= {f"ring {k}": ring == k for k in range(max(ring) + 1)}
    columns |= {name: kind == k for k, name in enumerate(KINDS)}
    return {name: 1 + np.flatnonzero(chosen) for name, chosen in columns.items()}
