"""What stands on the radar: every overall metric of a comparison, separation powers as means over kindred observables."""

__all__ = ["spokes"]

from collections.abc import Mapping

import numpy as np

from caloforge.validation.compare import Comparison, Distance
from caloforge.validation.metrics import Measured
from caloforge.validation.radar import Spoke

_KINDRED = {
    "shower": "separation, whole shower",
    "layer": "separation, layers",
    "ring": "separation, rings",
    "cell": "separation, cells",
    "column": "separation, columns",
}
_SEEN = {"high": "AUC, observables", "low": "AUC, cells", "low_normed": "AUC, cells of layers", "resnet": "AUC, ResNet"}


def spokes(comparison: Comparison) -> tuple[Spoke, ...]:
    """The spokes in the order of drawing, about a dozen."""
    r = comparison.response
    found = [Spoke("response bias, largest", r.bias_max), Spoke("resolution ratio, furthest", r.ratio_distance)]
    for per, name in _KINDRED.items():
        members = {n: d for n, d in comparison.separation.items() if d.per == per}
        found += [Spoke(name, _mean_in_floors(members))] if members else []
    found += [Spoke(_SEEN.get(name, f"AUC, {name}"), area.measured, 0.5) for name, area in comparison.classifiers.items()]
    return tuple(found)


def _mean_in_floors(members: Mapping[str, Distance]) -> Measured:
    """Mean over observables, each in its own floors; errors are added as if fully correlated, which is an upper bound."""
    ms = [d.mean for d in members.values()]
    floors = np.array([max(m.floor, 1e-12) for m in ms])
    value, error, spread = (
        float(np.mean(np.array([getattr(m, what) for m in ms]) / floors)) for what in ("value", "error", "floor_spread")
    )
    return Measured(value, error, 1.0, spread)
