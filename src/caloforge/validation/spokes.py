"""What stands on the radar: every overall metric of a comparison; of separation powers means over kindred ones."""

__all__ = ["spokes", "Spoke"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from caloforge.metrics.measured import Measured
from caloforge.physics.observables import OBSERVABLES
from caloforge.validation.evidence import Evidence, numbers_of
from caloforge.validation.key import Key

_ENERGY = {"response_bias": "response bias, largest", "resolution_ratio": "resolution ratio, furthest"}
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
    """One metric of one sample.

    Args:
        name: as the radar shows it.
        measured: the number with its floor.
        ideal: where a number without any difference would tend to.
    """

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


def spokes(evidence: Mapping[Key, Evidence]) -> tuple[Spoke, ...]:
    """The spokes in the order of drawing, about a dozen and a half.

    Args:
        evidence: of one sample, by key.
    """
    drawn = [Spoke(name, evidence[Key(metric)].measured) for metric, name in _ENERGY.items() if Key(metric) in evidence]
    separation, wasserstein = numbers_of(evidence, "separation"), numbers_of(evidence, "wasserstein")
    for per, name in _KINDRED.items():
        members = [item for o, item in separation.items() if OBSERVABLES[o].per == per]
        drawn += [Spoke(name, _mean_in_floors(members))] if members else []
    if wasserstein:
        drawn.append(Spoke("Wasserstein distances", _mean_in_floors(list(wasserstein.values()))))
    for metric, (name, ideal) in _TOGETHER.items():
        if Key(metric) in evidence:
            drawn.append(Spoke(name, evidence[Key(metric)].measured, ideal))
    for name, item in numbers_of(evidence, "auc").items():
        drawn.append(Spoke(f"AUC, {_SEEN.get(name, name)}", item.measured, 0.5))
    return tuple(drawn)


def _mean_in_floors(members: Sequence[Evidence]) -> Measured:
    """Mean over observables, each in its own floors; errors add as if fully correlated, which is an upper bound."""
    ms = [item.measured for item in members]
    floors = np.array([max(m.floor, 1e-12) for m in ms])
    value, error, spread = (
        float(np.mean(np.array([getattr(m, what) for m in ms]) / floors)) for what in ("value", "error", "floor_spread")
    )
    return Measured(value, error, 1.0, spread)
