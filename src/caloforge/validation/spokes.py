"""What stands on the radar: every overall metric of a comparison; of separation powers means over kindred ones."""

__all__ = ["spokes", "Spoke"]

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from caloforge.metrics.measured import Measured
from caloforge.validation.compare import Comparison
from caloforge.validation.univariate import Distance

_KINDRED = {
    "shower": "separation, whole shower",
    "layer": "separation, layers",
    "ring": "separation, rings",
    "cell": "separation, cells",
    "column": "separation, other columns",
}
_SEEN = {"high": "observables", "low": "cells", "low_normed": "cells of layers", "resnet": "ResNet"}
_TOGETHER = {
    "correlation": ("correlations", 0.0),
    "fpd": ("FPD", 0.0),
    "kpd": ("KPD", 0.0),
    "precision": ("precision", 1.0),
    "recall": ("recall", 1.0),
    "density": ("density", 1.0),
    "coverage": ("coverage", 1.0),
}


@dataclass(frozen=True)
class Spoke:
    """One metric of one sample: its name, the number, and where a number without any difference would tend to."""

    name: str
    measured: Measured
    ideal: float = 0.0

    @property
    def unit(self) -> float:
        """One floor, in the metric's own unit."""
        return max(abs(self.measured.floor - self.ideal), self.measured.floor_spread, 1e-12)

    @property
    def value(self) -> float:
        """In floors."""
        return max(abs(self.measured.value - self.ideal), self.measured.floor_spread) / self.unit

    @property
    def error(self) -> float:
        """In floors."""
        return self.measured.error / self.unit

    @property
    def floor_spread(self) -> float:
        """In floors."""
        return self.measured.floor_spread / self.unit


def spokes(comparison: Comparison) -> tuple[Spoke, ...]:
    """The spokes in the order of drawing, about a dozen and a half."""
    r = comparison.response
    found = [Spoke("response bias, largest", r.bias_max), Spoke("resolution ratio, furthest", r.ratio_distance)]
    for per, name in _KINDRED.items():
        members = {n: d for n, d in comparison.separation.items() if d.per == per}
        found += [Spoke(name, _mean_in_floors(members))] if members else []
    if wasserstein := comparison.family("wasserstein"):
        found.append(Spoke("Wasserstein distances", _mean_in_floors(wasserstein)))
    for metric, measured in comparison.multivariate.items():
        name, ideal = _TOGETHER[metric]
        found.append(Spoke(name, measured, ideal))
    for name, classified in comparison.classifiers.items():
        found.append(Spoke(f"AUC, {_SEEN.get(name, name)}", classified.auc, 0.5))
    return tuple(found)


def _mean_in_floors(members: Mapping[str, Distance]) -> Measured:
    """Mean over observables, each in its own floors; errors add as if fully correlated, which is an upper bound."""
    ms = [d.mean for d in members.values()]
    floors = np.array([max(m.floor, 1e-12) for m in ms])
    value, error, spread = (
        float(np.mean(np.array([getattr(m, what) for m in ms]) / floors)) for what in ("value", "error", "floor_spread")
    )
    return Measured(value, error, 1.0, spread)
