"""Sensitivity to the incident energy: what the model does beside what Geant4 expects, quantity by quantity."""

__all__ = ["Quantity", "Sensitivity", "measure_sensitivity"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.interpretation.laws import Expected, expected_slopes
from caloforge.interpretation.sensitivity import RESOLUTION, VISIBLE, Slope, common_numbers, pathwise
from caloforge.physics.definition import Observable
from caloforge.physics.observables import tabulate
from caloforge.training.run import Run

_INSIDE, _BEYOND = 6, 2  # energies
_FACTOR = 3.0  # how far the last of them lies above the training range
Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Quantity:
    """Slopes d E[T]/d ln E of one quantity at the K energies of a `Sensitivity`.

    Args:
        label: what it is, with its unit.
        model: by common random numbers, and ``model_error`` the standard error.
        path: by automatic differentiation, NaN where it does not apply, and ``path_error``.
        expected: what Geant4 says.
    """

    label: str
    model: Float[Array, " K"]
    model_error: Float[Array, " K"]
    path: Float[Array, " K"]
    path_error: Float[Array, " K"]
    expected: Expected

    @property
    def pull(self) -> Float[Array, " K"]:
        """Model minus law over their errors."""
        return (self.model - self.expected.law) / np.hypot(self.model_error, self.expected.law_error)

    @property
    def pull_of_difference(self) -> Float[Array, " K"]:
        """Model minus finite difference of Geant4 over their errors; NaN where there are few showers."""
        return (self.model - self.expected.difference) / np.hypot(self.model_error, self.expected.difference_error)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        e = self.expected
        return {
            "label": self.label,
            "model": self.model.tolist(),
            "model_error": self.model_error.tolist(),
            "pathwise": self.path.tolist(),
            "pathwise_error": self.path_error.tolist(),
            "law": {"formula": e.formula, "slope": e.law.tolist(), "error": e.law_error.tolist()},
            "geant4_difference": {"slope": e.difference.tolist(), "error": e.difference_error.tolist()},
            "pull_of_law": self.pull.tolist(),
        }


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Slopes of all quantities.

    Args:
        energy: MeV; the last ones lie above the training range.
        trained: the training range, MeV.
        quantities: by name.
        n: pairs of showers at each energy, and showers of Geant4.
    """

    energy: Float[Array, " K"]
    trained: tuple[float, float]
    quantities: Mapping[str, Quantity]
    n: tuple[int, int]

    @property
    def within(self) -> Bool[Array, " K"]:
        """Which energies are in the training range."""
        return self.energy <= self.trained[1]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "energy_MeV": self.energy.tolist(),
            "trained_MeV": list(self.trained),
            "n": {"generated_pairs": self.n[0], "geant4": self.n[1]},
            "quantities": {name: q.to_dict() for name, q in self.quantities.items()},
        }


def measure_sensitivity(
    run: Run,
    held_out: Showers,
    observables: Mapping[str, Observable],
    n: int,
    seed: int,
    progress: Progress = lambda done: None,
) -> Sensitivity:
    """Slopes of the model and of Geant4 for observables of one number a shower, ``response`` among them.

    Args:
        run: the model.
        held_out: showers of Geant4.
        observables: T by name.
        n: pairs of generated showers at each energy.
        seed: of the noise and of the resamples.
        progress: called with the share of the work done.

    Raises:
        EmptySample: too few showers of Geant4.
    """
    low, high = run.pipeline.condition.energy_range.tolist()
    margin = (high / low) ** (0.5 / _INSIDE)  # the laws are worst known at the ends
    inside = np.geomspace(low * margin, high / margin, _INSIDE)
    energy = np.concatenate([inside, np.geomspace(high, _FACTOR * high, _BEYOND + 1)[1:]])
    table = {name: values[:, 0] for name, values in tabulate(held_out, observables).items()}
    expected = expected_slopes(table, held_out.incident_energy, energy, seed)
    particles = Incident.of(held_out)
    common, paths = [], []
    for i, e in enumerate(energy):
        progress(i / len(energy))
        common.append(common_numbers(run, particles, float(e), observables, n, seed))
        paths.append(pathwise(run, particles, float(e), n, seed))
    binning = held_out.binning
    labels = {name: o.axis_label(binning) for name, o in observables.items()}
    labels = {
        VISIBLE: r"$dE_\mathrm{tot}/dE_\mathrm{inc}$",
        RESOLUTION: r"Resolution $\sigma/\langle R\rangle$",
        **labels,
    }
    quantities = {
        name: Quantity(label, *_columns(common, name), *_columns(paths, name), expected[name])
        for name, label in labels.items()
    }
    return Sensitivity(energy, (low, high), quantities, (n, len(held_out)))


def _columns(rows: list[dict[str, Slope]], name: str) -> tuple[Float[Array, " K"], Float[Array, " K"]]:
    nothing = Slope(float("nan"), float("nan"))
    values = np.array([slopes.get(name, nothing) for slopes in rows])
    return values[:, 0], values[:, 1]
