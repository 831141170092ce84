"""Coverage of the intervals of one posterior: in range, raw and recalibrated, and outside."""

__all__ = ["GROWTH", "LEVELS", "CoverageStudy", "Growth", "measure_coverage"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.diagnosis.coverage.deviations import Deviations, deviations, energy_bins
from caloforge.diagnosis.coverage.intervals import Coverage, coverage
from caloforge.diagnosis.coverage.recalibration import (
    GROUPS,
    ONE_SIGMA,
    TWO_SIGMA,
    Recalibration,
    fit_recalibration,
)
from caloforge.errors import EmptySample
from caloforge.generation.uncertainty import Expectation, ensemble_expectation
from caloforge.physics.observables import select
from caloforge.training.ensemble import Ensemble

LEVELS = (0.2, 0.4, ONE_SIGMA, 0.8, 0.9, TWO_SIGMA, 0.99)
GROWTH = ("response", "centre_z", "mean_r", "hits")
_OBSERVABLES = tuple(name for names in GROUPS.values() for name in names)
_GRID, _BEYOND = 13, 3.0


@dataclass(frozen=True, eq=False)
class Growth:
    """The model error along the incident energy, from a third of the lowest to three times the highest trained on.

    Args:
        energy: MeV.
        expectations: of the observables of `GROWTH` at each energy.
    """

    energy: Float[Array, " G"]
    expectations: tuple[Expectation, ...]

    def relative(self, column: int) -> Float[Array, " G"]:
        """Model error over value; NaN where the spread is not above its Monte-Carlo part.

        Args:
            column: position in `GROWTH`.
        """
        relative = np.array([float(e.model_error[column] / abs(e.value[column])) for e in self.expectations])
        return np.where(relative > 0, relative, np.nan)


@dataclass(frozen=True, eq=False)
class CoverageStudy:
    """What was measured of one posterior.

    Args:
        name: of the run.
        models: what it is, in words.
        method: ensemble, SWAG or single.
        deviations: of held-out showers, in range and outside.
        recalibration: factors, if showers to fit them were given and the models have a spread.
        growth: of the model error with the distance from the trained range.
        trained: lowest and highest energy trained on, MeV.
        seed: of all draws.
    """

    name: str
    models: str
    method: str
    deviations: Deviations
    recalibration: Recalibration | None
    growth: Growth
    trained: tuple[float, float]
    seed: int

    def _factors(self, recalibrated: bool) -> dict[str, float]:
        return self.recalibration.by_observable() if recalibrated and self.recalibration else {}

    def coverage(self, recalibrated: bool = False) -> list[Coverage]:
        """In range, at each of `LEVELS`.

        Args:
            recalibrated: with the factors of the recalibration.
        """
        return coverage(self.deviations.where(True), LEVELS, self._factors(recalibrated))

    def holds(self, level: float, recalibrated: bool = False) -> Bool[Array, "B P"]:
        """Whether the interval of each pair, in range and outside, holds the truth.

        Args:
            level: nominal coverage, between 0 and 1.
            recalibrated: with the factors of the recalibration.
        """
        return self.deviations.holds(level, self._factors(recalibrated))

    def growth_of(self, place: int) -> float:
        """Median over the columns of the relative model error in one bin over its mean in range.

        Args:
            place: position of the bin.
        """
        inside = self.deviations.where(True)
        with np.errstate(invalid="ignore", divide="ignore"):
            relative = self.deviations.model[place] / np.abs(self.deviations.value[place])
            ratio = relative / (inside.model / np.abs(inside.value)).mean(axis=0)
        return float(np.nanmedian(np.where(np.isinf(ratio), np.nan, ratio)))

    @property
    def share(self) -> float:
        """Median of the model error over the statistical error in range: much below one, the coverage says little."""
        part = self.deviations.where(True)
        return float(np.median((part.model / part.statistical)[part.defined]))

    def to_dict(self) -> dict[str, Any]:
        """What ``coverage.json`` holds."""
        pairs = self.deviations
        return {
            "models": self.models,
            "method": self.method,
            "factors": dict(self.recalibration.factors) if self.recalibration else None,
            "model_over_statistical_error": self.share,
            "coverage": {
                "raw": [vars(c) for c in self.coverage()],
                "recalibrated": [vars(c) for c in self.coverage(True)] if self.recalibration else None,
            },
            "pairs": [
                {
                    "bin": b.text,
                    "inside": b.inside,
                    "column": column,
                    **{k: float(getattr(pairs, k)[i, j]) for k in ("truth", "value", "statistical", "mc", "model")},
                }
                for i, b in enumerate(pairs.bins)
                for j, column in enumerate(pairs.columns)
                if pairs.defined[i, j]
            ],
            "growth": [
                {
                    "energy_MeV": float(e),
                    "observable": name,
                    "value": _number(x.value[k]),
                    "model": _number(x.model_error[k]),
                }
                for e, x in zip(self.growth.energy, self.growth.expectations, strict=True)
                for k, name in enumerate(GROWTH)
            ],
        }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def measure_coverage(
    name: str,
    models: Ensemble,
    truth: Showers,
    fit: tuple[Showers, str] | None,
    bins: int = 4,
    repeats: int = 4,
    seed: int = 1,
    growth: int = 10_000,
    observables: Sequence[str] = (),
) -> CoverageStudy:
    """Measure the coverage of the intervals of one posterior.

    Args:
        name: to call it by.
        models: its members.
        truth: held-out showers, in range and outside.
        fit: other held-out showers to fit the recalibration to, and what they are called; none: no recalibration.
        bins: of energy, in range.
        repeats: showers of each member at the conditions of each true shower, two at least.
        seed: of all draws.
        growth: showers of all members together at each energy of `Growth`.
        observables: beside those of `GROUPS`.

    Raises:
        EmptySample: no shower in range, or fewer than 50 in a bin.
        BinningMismatch: truth of another mesh.
    """
    low, high = models.pipeline.condition.energy_range.tolist()
    cut = energy_bins(truth.incident_energy, (low, high), bins)
    if not any(b.inside for b in cut):
        raise EmptySample("coverage needs true showers within the trained range of energies", 0)
    names = (*_OBSERVABLES, *observables)
    measured = deviations(models, truth, cut, names, repeats, seed)
    recalibration = None
    if fit is not None and len(models.members) > 1:
        fitted = tuple(b for b in energy_bins(fit[0].incident_energy, (low, high), bins) if b.inside)
        recalibration = fit_recalibration(deviations(models, fit[0], fitted, names, repeats, seed), fit[1])
    grown = _growth(models, truth, (low, high), seed, growth)
    return CoverageStudy(name, models.text, models.method, measured, recalibration, grown, (low, high), seed)


def _growth(models: Ensemble, truth: Showers, trained: tuple[float, float], seed: int, showers: int) -> Growth:
    """At the particle and direction of the first true shower."""
    n = max(2, showers // len(models.members))
    energies = np.geomspace(trained[0] / _BEYOND, trained[1] * _BEYOND, _GRID)
    chosen = select(GROWTH)

    def table(showers: Showers) -> Float[Array, "n k"]:
        return np.concatenate([o(showers) for o in chosen.values()], axis=1)

    first = truth[:1]
    alike = (int(first.pdg[0]), float(first.theta[0]), float(first.phi[0]))
    points = [Incident.alike(np.array([e], np.float32), *alike) for e in energies]
    return Growth(energies, tuple(ensemble_expectation(models.members, table, at, n, seed) for at in points))
