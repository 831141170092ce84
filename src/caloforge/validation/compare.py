"""The comparison itself: all metrics of a generated sample against truth, with errors and floors, as one object."""

__all__ = ["Auc", "Distance", "InBin", "Comparison", "Tables", "Progress", "compare"]

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from numpy import ndarray as Array
from scipy.sparse import csr_array

from caloforge.physics.observables import OBSERVABLES, Observable
from caloforge.rng import stream
from caloforge.validation.classifier import FAST, ClassifierSettings, high_features, low_features, measure_auc
from caloforge.validation.conditional import Cut, cuts, whole
from caloforge.validation.evidence import WHERE, Evidence, Where
from caloforge.validation.metrics import Histograms, Measured, Resamples, measure_separation, well_filled
from caloforge.validation.response import ResponseSummary, compare_response
from caloforge.validation.sample import Sample

Progress = Callable[[float, str], None]
Tables = tuple[Mapping[str, Float[Array, "n _"]], Mapping[str, Float[Array, "m _"]]]


@dataclass(frozen=True)
class Distance:
    """A distance between the distributions of one observable: the mean over its columns (layers, rings), and each."""

    mean: Measured
    columns: tuple[Measured, ...]
    per: str
    labels: tuple[str, ...] = ("",)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON; ``per_layer`` or ``per_ring`` where there is more than one column."""
        if len(self.columns) == 1:
            return self.mean.to_dict()
        return {**self.mean.to_dict(), f"per_{self.per}": [column.to_dict() for column in self.columns]}


@dataclass(frozen=True)
class InBin:
    """What a part of the samples gives, an energy bin say: name of the metric -> number."""

    kind: Where
    label: str
    low: float
    high: float
    n_truth: int
    n_generated: int
    metrics: Mapping[str, Measured]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = {name: getattr(self, name) for name in ("kind", "label", "low", "high", "n_truth", "n_generated")}
        return {**plain, "metrics": {name: m.to_dict() for name, m in self.metrics.items()}}


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
    """Every metric of one generated sample.

    Args:
        sizes: showers of truth and of the generator.
        response: bias and resolution in energy bins.
        separation: of each judged observable.
        classifiers: by the name of what they see, ``high`` or ``low``.
        conditional: the same in each energy bin, angle bin, and for each particle.
    """

    sizes: tuple[int, int]
    response: ResponseSummary
    separation: Mapping[str, Distance]
    classifiers: Mapping[str, Auc]
    conditional: tuple[InBin, ...]
    judged: tuple[str, ...]

    def evidence(self) -> tuple[Evidence, ...]:
        """Every number that a requirement can be held against; what rests on observables not judged is left out."""
        n = min(self.sizes)
        found = list(_response_evidence(self.response)) if "response" in self.judged else []
        for name, distance in self.separation.items():
            found += _distance_evidence(f"separation/{name}", distance, n)
        for name, area in self.classifiers.items():
            found.append(Evidence(f"auc/{name}", "overall", "all showers", area.measured, n=area.size, origin=0.5))
        for part in self.conditional:
            size = min(part.n_truth, part.n_generated)
            found += [Evidence(m, part.kind, part.label, x, n=size, power=1.0) for m, x in part.metrics.items()]
        return tuple(found)

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
            **{f"auc_{name}": area.to_dict() for name, area in self.classifiers.items()},
            "conditional": [part.to_dict() for part in self.conditional],
        }


def _response_evidence(response: ResponseSummary) -> Iterator[Evidence]:
    """Bias and distance of the ratio of resolutions from one, in each energy bin, with the floor of that bin."""
    for b in response.bins:
        n = min(b.n_truth, b.n_generated)
        bias = Measured(abs(b.bias), b.bias_error, *_half_normal(b.bias_error))
        ratio = Measured(abs(b.ratio - 1), b.ratio_error, *_half_normal(b.ratio_error))
        yield Evidence("response_bias", "energy bin", b.label, bias, n=n, percent=True, detail=f"{100 * b.bias:+.2f} %")
        yield Evidence("resolution_ratio", "energy bin", b.label, ratio, n=n, percent=True, detail=f"{b.ratio:.3f}")


def _half_normal(sigma: float) -> tuple[float, float]:
    """Mean and standard deviation of the size of a normal number around zero."""
    return sigma * math.sqrt(2 / math.pi), sigma * math.sqrt(1 - 2 / math.pi)


def _distance_evidence(metric: str, distance: Distance, n: int) -> Iterator[Evidence]:
    yield Evidence(metric, "overall", "all showers", distance.mean, n=n, power=1.0)
    place = distance.per if distance.per in WHERE else "column"
    if len(distance.columns) > 1:
        for label, column in zip(distance.labels, distance.columns, strict=True):
            yield Evidence(metric, place, label, column, n=n, power=1.0)


def _detail(measured: Measured, low: float, high: float) -> dict[str, Any]:
    return {**measured.to_dict(), "energy_low": low, "energy_high": high}


def _pick(row: Mapping[str, Any], what: str) -> dict[str, Any]:
    keys = {"energy_low": "low", "energy_high": "high", "n_truth": "n_truth", "n_generated": "n_generated"}
    return {k: row[v] for k, v in keys.items()} | {"value": row[what], "error": row[f"{what}_error"]}


def compare(
    truth: Sample,
    generated: Sample,
    seed: int,
    settings: ClassifierSettings = FAST,
    observables: Mapping[str, Observable] = OBSERVABLES,
    progress: Progress = lambda done, text: None,
) -> Comparison:
    """Measure everything.

    Args:
        truth: reference showers.
        generated: showers to judge, on the same mesh and at the same conditions.
        seed: of the resamples and the classifiers.
        settings: of the classifiers.
        observables: the T(h) to judge; the classifier on observables sees only these, and the classifier on cells runs
            only where all are judged.
        progress: called with the share of the work done and what comes next.

    Raises:
        EmptySample: too few showers.
    """
    progress(0.0, "distances")
    resamples = Resamples.draw(len(truth), len(generated), stream(seed, "resamples"))
    everything = whole(truth, generated)
    separation = {n: _separation(o, truth, generated, everything, resamples) for n, o in observables.items()}
    progress(0.1, "response and resolution")
    pairs = [(s.incident_energy, s.table["response"][:, 0]) for s in (truth, generated)]
    response = compare_response(pairs[0], pairs[1], stream(seed, "response"))
    progress(0.15, "energy bins")
    conditional = tuple(_in_bin(cut, truth, generated, observables, seed) for cut in cuts(truth, generated))
    progress(0.3, "classifier on observables")
    classifiers = {"high": _classify([_high(s, observables) for s in (truth, generated)], seed, settings)}
    if set(observables) >= set(OBSERVABLES):
        progress(0.6, "classifier on cells")
        classifiers["low"] = _classify([low_features(s.cells) for s in (truth, generated)], seed, settings)
    progress(1.0, "done")
    sizes = (len(truth), len(generated))
    return Comparison(sizes, response, separation, classifiers, conditional, tuple(observables))


def _classify(features: Sequence[Float[Array, "_ f"]], seed: int, settings: ClassifierSettings) -> Auc:
    return Auc(*measure_auc(features[0], features[1], seed, settings))


def _high(sample: Sample, observables: Mapping[str, Observable]) -> Float[Array, "N f"]:
    return high_features({n: v for n, v in sample.table.items() if n in observables}, sample.incident_energy)


def _in_bin(cut: Cut, truth: Sample, generated: Sample, observables: Mapping[str, Observable], seed: int) -> InBin:
    """Every distance within one part of the samples."""
    resamples = Resamples.draw(*cut.sizes, stream(seed, f"resamples {cut.kind} {cut.label}"))
    metrics = {
        f"separation/{name}": _separation(o, truth, generated, cut, resamples).mean for name, o in observables.items()
    }
    return InBin(cut.kind, cut.label, cut.low, cut.high, *cut.sizes, metrics)


def _separation(observable: Observable, truth: Sample, generated: Sample, cut: Cut, resamples: Resamples) -> Distance:
    filled = fill(observable, truth, generated, cut)
    mean, columns = measure_separation(filled[0], filled[1], resamples)
    return Distance(mean, columns, observable.per, observable.column_names(truth.binning))


def fill(observable: Observable, truth: Sample, generated: Sample, cut: Cut) -> tuple[Histograms, Histograms]:
    """Histograms of one observable in a part of both samples, with edges from that part of the truth."""
    name = observable.name
    parts = ((truth, cut.truth), (generated, cut.generated))
    if observable.per == "cell":
        pooled = [Histograms(csr_array(s.pooled[name].rows[mask]), s.pooled[name].edges) for s, mask in parts]
        return pooled[0], pooled[1]
    values = [s.table[name][mask] for s, mask in parts]
    edges = [well_filled(observable.edges(column), column) for column in values[0].T]
    return Histograms.fill(values[0], edges), Histograms.fill(values[1], edges)
