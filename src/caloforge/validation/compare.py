"""The comparison itself: all metrics of a generated sample against truth, with errors and floors, as one object."""

__all__ = ["Auc", "Separation", "Comparison", "Tables", "Progress", "compare", "cell_edges", "pooled"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.showers import Showers
from caloforge.physics.observables import OBSERVABLES, Observable
from caloforge.rng import stream
from caloforge.validation.classifier import FAST, ClassifierSettings, classify
from caloforge.validation.features import Features, high, low
from caloforge.validation.metrics import Histograms, Measured, Resamples, measure_separation, well_filled
from caloforge.validation.response import ResponseSummary, compare_response

Progress = Callable[[float, str], None]
Tables = tuple[Mapping[str, Float[Array, "n _"]], Mapping[str, Float[Array, "m _"]]]


@dataclass(frozen=True)
class Separation:
    """Separation power of one observable: the mean over its columns (layers, rings), and each column."""

    mean: Measured
    columns: tuple[Measured, ...]
    per: str

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON; ``per_layer`` or ``per_ring`` where there is more than one column."""
        if len(self.columns) == 1:
            return self.mean.to_dict()
        return {**self.mean.to_dict(), f"per_{self.per}": [column.to_dict() for column in self.columns]}


@dataclass(frozen=True)
class Auc:
    """AUC of a classifier with its floor, and the showers of each class that went into either."""

    measured: Measured
    size: int
    floor_size: int

    @property
    def tells_apart(self) -> bool:
        """Whether it stands three standard errors above one half, where no difference puts it, and above its floor."""
        m = self.measured
        return m.value - 0.5 > 3 * m.error and m.value > m.floor

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        return {**self.measured.to_dict(), "size": self.size, "floor_size": self.floor_size}


@dataclass(frozen=True)
class Comparison:
    """Every metric of one generated sample."""

    response: ResponseSummary
    separation: Mapping[str, Separation]
    auc_low: Auc
    auc_high: Auc

    def to_dict(self) -> dict[str, Any]:
        """The entry ``metrics`` of ``report.json``."""
        r = self.response
        return {
            "response_bias_max": r.bias_max.value,
            "response_bias_max_detail": _detail(r.bias_max, r.bias_bin.low, r.bias_bin.high),
            "response_bias": [_pick(b.to_dict(), "bias") for b in r.bins],
            "resolution_ratio_max": r.ratio_max,
            "resolution_ratio_distance": _detail(r.ratio_distance, r.ratio_bin.low, r.ratio_bin.high),
            "resolution_ratio": [_pick(b.to_dict(), "ratio") for b in r.bins],
            "response_bins": [b.to_dict() for b in r.bins],
            "separation": {name: s.to_dict() for name, s in self.separation.items()},
            "auc_low": self.auc_low.to_dict(),
            "auc_high": self.auc_high.to_dict(),
        }


def _detail(measured: Measured, low: float, high: float) -> dict[str, Any]:
    return {**measured.to_dict(), "energy_low": low, "energy_high": high}


def _pick(row: Mapping[str, Any], what: str) -> dict[str, Any]:
    keys = {"energy_low": "low", "energy_high": "high", "n_truth": "n_truth", "n_generated": "n_generated"}
    return {k: row[v] for k, v in keys.items()} | {"value": row[what], "error": row[f"{what}_error"]}


def compare(
    truth: Showers,
    generated: Showers,
    tables: Tables,
    seed: int,
    settings: ClassifierSettings = FAST,
    observables: Mapping[str, Observable] = OBSERVABLES,
    progress: Progress = lambda done, text: None,
) -> Comparison:
    """Measure everything.

    Args:
        truth: reference showers.
        generated: showers to judge, on the same mesh and at the same conditions.
        tables: observables of both, from `caloforge.physics.observables.tabulate`; they hold ``response``.
        seed: of the resamples and the classifiers.
        settings: of the classifiers.
        observables: which separation powers to take.
        progress: called with the share of the work done and what comes next.

    Raises:
        EmptySample: too few showers.
    """
    progress(0.0, "separation powers")
    resamples = Resamples.draw(len(truth), len(generated), stream(seed, "resamples"))
    separation = {n: _separation(o, truth, generated, tables, resamples) for n, o in observables.items()}
    progress(0.2, "response and resolution")
    energies = (truth.incident_energy, generated.incident_energy)
    responses = [table["response"][:, 0] for table in tables]
    response = compare_response((energies[0], responses[0]), (energies[1], responses[1]), stream(seed, "response"))
    progress(0.3, "classifier on observables")
    features = [high(table, e) for table, e in zip(tables, energies, strict=True)]
    auc_high = _auc(features[0], features[1], seed, settings)
    progress(0.6, "classifier on cells")
    most = max(settings.max_showers, 1)
    auc_low = _auc(_cells(truth, 2 * most, seed), _cells(generated, most, seed), seed, settings)
    progress(1.0, "done")
    return Comparison(response, separation, auc_low, auc_high)


def _auc(truth: Features, generated: Features, seed: int, settings: ClassifierSettings) -> Auc:
    found = classify(truth, generated, seed, settings)
    return Auc(found.auc, found.size, found.floor_size)


def _cells(showers: Showers, most: int, seed: int) -> Features:
    """Features of at most so many showers, drawn at random: what the classifier would not use is not made."""
    if len(showers) <= most:
        return low(showers)
    return low(showers[np.sort(stream(seed, "classifier-cells").permutation(len(showers))[:most])])


def _separation(
    observable: Observable, truth: Showers, generated: Showers, tables: Tables, resamples: Resamples
) -> Separation:
    if observable.per == "cell":
        edges = cell_edges(observable, truth)
        filled = [pooled(observable, showers, edges) for showers in (truth, generated)]
    else:
        columns = tables[0][observable.name].T
        all_edges = [well_filled(observable.edges(column), column) for column in columns]
        filled = [Histograms.fill(table[observable.name], all_edges) for table in tables]
    return Separation(*measure_separation(filled[0], filled[1], resamples), observable.per)


def cell_edges(observable: Observable, truth: Showers, most: int = 5000) -> Float[Array, " e"]:
    """Edges of a cell observable from the first showers of the truth."""
    values = observable(truth[:most])
    values = values[~np.isnan(values)]
    return well_filled(observable.edges(values), values)


def pooled(observable: Observable, showers: Showers, edges: Float[Array, " e"], batch: int = 1000) -> Histograms:
    """Histogram of a cell observable, ``batch`` showers at a time."""
    starts = range(0, len(showers), batch)
    return Histograms.stack([Histograms.pool(observable(showers[i : i + batch]), edges) for i in starts])
