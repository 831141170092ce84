"""Evidence: every number that a comparison found, in one flat list that requirements can be held against."""

__all__ = ["Evidence", "Sense", "gather"]

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from caloforge.metrics.measured import Measured
from caloforge.metrics.physics_summary import Compared, PhysicsSummary
from caloforge.metrics.response import ResponseSummary
from caloforge.physics.observables import OBSERVABLES
from caloforge.units import GeV
from caloforge.validation.compare import Comparison
from caloforge.validation.parts import WHERE, Where
from caloforge.validation.univariate import MOST_SORTED, Distance

Sense = Literal["distance", "agreement", "p-value"]


_POWERS = {
    "separation": 1.0,
    "fpd": 1.0,
    "kpd": 1.0,
}  # how floors fall with the number of showers; others with its root
_AGREEMENTS = ("precision", "recall", "density", "coverage")
_LISTED = 3


@dataclass(frozen=True)
class Evidence:
    """One number.

    Args:
        metric: ``response_bias``, ``separation/layer_energy``, ``auc/high``, ...
        where: which part of the samples, or of the shower.
        label: that part in words.
        measured: the number with its error, and what truth against truth gives.
        sense: a distance is best small; an agreement is best at its floor (the recall of truth against truth); a
            p-value is the chance that two samples of the truth differ as much.
        n: showers of the smaller sample.
        origin: what a distance between equal distributions tends to for many showers (0.5 for an AUC); the smallest
            value that a p-value can have.
        power: its floor falls towards the origin as :math:`n^{-\\text{power}}`.
        percent: quoted in percent.
        detail: what stands out, in words.
    """

    metric: str
    where: Where
    label: str
    measured: Measured
    sense: Sense = "distance"
    n: int = 0
    origin: float = 0.0
    power: float = 0.5
    percent: bool = False
    detail: str = ""

    @property
    def found(self) -> str:
        """Value and error as text."""
        if self.sense == "p-value":
            return f"p = {self.measured.value:.2g}"
        truth = f" (truth {self.number(self.measured.floor)})" if self.sense == "agreement" else ""
        unit = " %" if self.percent else ""
        return f"{self.number(self.measured.value)} ± {self.number(self.measured.error)}{unit}{truth}"

    @property
    def floor(self) -> str:
        """What truth against truth gives, as text."""
        if self.sense == "p-value":
            return "uniform"
        return f"{self.number(self.measured.floor)} ± {self.number(self.measured.floor_spread)}" + (
            " %" if self.percent else ""
        )

    def number(self, value: float) -> str:
        """A value as text, without its unit."""
        return f"{100 * value:.2f}" if self.percent else f"{value:.3g}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = {"metric": self.metric, "where": self.where, "label": self.label, "n": self.n, "sense": self.sense}
        return {**plain, **self.measured.to_dict(), **({"detail": self.detail} if self.detail else {})}


def gather(comparison: Comparison) -> tuple[Evidence, ...]:
    """Every number that a requirement can be held against; what rests on observables not judged is left out."""
    n, all_judged = min(comparison.sizes), set(comparison.judged) >= set(OBSERVABLES)
    found = list(_response(comparison.response)) if "response" in comparison.judged else []
    for metric, distance in comparison.distances.items():
        found += _distance(metric, distance, n)
    found += [_evidence(metric, "overall", "all showers", m, n) for metric, m in comparison.multivariate.items()]
    found.append(_permutation(comparison, n))
    for name, classified in comparison.classifiers.items():
        found.append(_evidence(f"auc/{name}", "overall", "all showers", classified.auc, classified.size))
        found.append(_evidence(f"jsd/{name}", "overall", "all showers", classified.jsd, classified.size))
    for part in comparison.conditional:
        size = min(part.n_truth, part.n_generated)
        found += [_evidence(metric, part.kind, part.label, m, size) for metric, m in part.metrics.items()]
    return (*found, *(_physics(comparison.physics, n) if all_judged else ()))


def _evidence(metric: str, where: str, label: str, measured: Measured, n: int) -> Evidence:
    family = metric.partition("/")[0]
    n = min(n, MOST_SORTED[where == "overall"]) if family == "wasserstein" else n
    return Evidence(
        metric,
        where if where in WHERE else "column",
        label,
        measured,
        "agreement" if family in _AGREEMENTS else "distance",
        n,
        origin=0.5 if family == "auc" else 0.0,
        power=_POWERS.get(family, 0.5),
    )


def _distance(metric: str, distance: Distance, n: int) -> Iterator[Evidence]:
    yield _evidence(metric, "overall", "all showers", distance.mean, n)
    if len(distance.columns) > 1:
        for label, column in zip(distance.labels, distance.columns, strict=True):
            yield _evidence(metric, distance.per, label, column, n)


def _response(response: ResponseSummary) -> Iterator[Evidence]:
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


def _permutation(comparison: Comparison, n: int) -> Evidence:
    test = comparison.permutation
    p = test.p_value
    error = math.sqrt(p * (1 - p) / test.permutations)
    smallest = 1 / (test.permutations + 1)
    measured = Measured(p, error, 0.5, math.sqrt(1 / 12))
    detail = _culprits(comparison)
    return Evidence("permutation", "overall", "all showers", measured, "p-value", n, smallest, detail=detail)


def _culprits(comparison: Comparison) -> str:
    """The observables that differ, each with the place where it differs most."""
    first: dict[str, str] = {}
    for culprit in comparison.permutation.culprits:
        name, _, place = culprit.name.partition(" in ")
        labels = comparison.distances[f"separation/{name}"].labels
        column = f" of {labels[culprit.column]}" if len(labels) > 1 else ""
        first.setdefault(name, f"{name}{column}{f' in {place}' if place else ''} ({culprit.statistic})")
    more = f" and {len(first) - _LISTED} more observables" if len(first) > _LISTED else ""
    return ", ".join(list(first.values())[:_LISTED]) + more


def _physics(summary: PhysicsSummary, n: int) -> Iterator[Evidence]:
    """Quantities of the physics summary: the generated value, with truth's in the place of the floor."""
    for law, fit in summary.laws.items():
        for parameter, compared in fit.parameters.items():
            yield _compared(f"physics/{law}.{parameter}", "overall", "all showers", compared, n)
    for b in summary.bins:
        label = f"{b.low / GeV:.3g}–{b.high / GeV:.3g} GeV"
        for name, compared in b.quantities.items():
            yield _compared(f"physics/{name}", "energy bin", label, compared, min(b.n_truth, b.n_generated))


def _compared(metric: str, where: str, label: str, compared: Compared, n: int) -> Evidence:
    error = math.hypot(compared.truth_error, compared.generated_error)
    spread = compared.floor * math.sqrt(math.pi / 2)
    measured = Measured(compared.generated, error, compared.truth, spread)
    return Evidence(metric, "overall" if where == "overall" else "energy bin", label, measured, "agreement", n)
