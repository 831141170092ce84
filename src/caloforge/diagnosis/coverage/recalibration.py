r"""Recalibration: one factor on the model error of each group of observables, from showers that nobody trained on.

Members of an ensemble share what their family cannot do (a bias), which their spread does not hold. The factor
:math:`\lambda` of a group is the one for which 68.3 % of its pairs (energy bins and columns) are covered:

.. math:: |\delta| \le t \sqrt{\lambda^2 \sigma_\text{model}^2 (1 + 1/K) + \sigma_\text{stat}^2},

zero where the statistical error alone covers more. It says how large the error is, not of which sign. Idea: Kuleshov et
al., arXiv:1807.00263.
"""

__all__ = ["GROUPS", "ONE_SIGMA", "TWO_SIGMA", "Recalibration", "fit_recalibration", "load_recalibration"]

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from caloforge.diagnosis.coverage.deviations import Deviations
from caloforge.errors import BadFile, BadValue

ONE_SIGMA, TWO_SIGMA = 0.6827, 0.95
GROUPS: Mapping[str, tuple[str, ...]] = {
    "energy": ("response", "layer_energy"),
    "depth": ("centre_z", "width_z", "skewness_z", "start", "depth_50", "depth_90", "last_layers_share"),
    "width": ("mean_r", "spread_r", "skewness_r", "radius_50", "radius_90", "outer_ring_share", "radial_profile"),
    "cells": ("hits", "layer_hits", "energy_above", "hottest_share", "hottest_five_share", "second_to_hottest"),
}
_LARGEST = 1e3


@dataclass(frozen=True)
class Recalibration:
    """Factors of the groups and where they were measured.

    Args:
        factors: of each group in `GROUPS`, or of an observable of one's own.
        source: file of the showers they were measured with.
    """

    factors: Mapping[str, float]
    source: str

    def factor(self, observable: str) -> float:
        """Of the group that an observable belongs to.

        Args:
            observable: its name.

        Raises:
            BadValue: it was not measured.
        """
        factors = self.by_observable()
        if observable in factors:
            return factors[observable]
        measured = ", ".join(factors)
        raise BadValue(
            "observable to recalibrate", observable, f"this observable has no factor; those that have: {measured}"
        )

    def by_observable(self) -> dict[str, float]:
        """The factor of every observable that was measured."""
        return {name: factor for group, factor in self.factors.items() for name in GROUPS.get(group, (group,))}


def fit_recalibration(pairs: Deviations, source: str) -> Recalibration:
    """Factors from deviations within the trained range, measured with showers that are used for nothing else.

    An observable of one's own is a group by itself.

    Args:
        pairs: model less truth in each bin.
        source: file of the showers, for the record.

    Source: idea of Kuleshov et al., arXiv:1807.00263; see the module.
    """
    grouped = {name for names in GROUPS.values() for name in names}
    groups = {**GROUPS, **{name: (name,) for name in pairs.names if name not in grouped}}
    return Recalibration({group: _factor(pairs, names) for group, names in groups.items()}, source)


def _factor(pairs: Deviations, names: tuple[str, ...]) -> float:
    """The smallest factor that covers one sigma's share, by bisection in its logarithm."""
    group = pairs.defined & np.isin(pairs.names, names)

    def covered(factor: float) -> bool:
        inside = pairs.holds(ONE_SIGMA, dict.fromkeys(names, factor))
        return bool(inside[group].mean() >= ONE_SIGMA)

    if covered(0.0):
        return 0.0
    low, high = 1e-3, _LARGEST
    for _ in range(40):
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if covered(middle) else (middle, high)
    return high


def load_recalibration(path: Path, folder: Path) -> Recalibration:
    """Factors of the models in ``folder`` from the ``coverage.json`` that `caloforge coverage` wrote.

    Args:
        path: of ``coverage.json``.
        folder: of the models.

    Raises:
        BadFile: not such a file, or without factors of these models.
    """
    try:
        runs = json.loads(path.read_text())["runs"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadFile(
            path, f"not a measured coverage ({error})", "give the coverage.json of caloforge coverage"
        ) from error
    for run in runs:
        if run["folder"] == str(folder.resolve()) and run["factors"]:
            return Recalibration(run["factors"], str(path))
    raise BadFile(path, f"no factors for {folder}", f"make them with caloforge coverage {folder} --fit")
