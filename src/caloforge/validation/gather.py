"""All numbers of a comparison as evidence, in one list."""

__all__ = ["gather", "require_known"]

import math
from collections.abc import Iterator
from fnmatch import fnmatchcase

from caloforge.classifiers.protocol import PROTOCOLS
from caloforge.errors import UnknownName
from caloforge.metrics.compared import Compared, PhysicsSummary
from caloforge.metrics.response import ResponseSummary
from caloforge.metrics.separation import Measured
from caloforge.physics.observables import OBSERVABLES
from caloforge.units import GeV
from caloforge.validation.checklist import Checklist
from caloforge.validation.compare import Comparison
from caloforge.validation.evidence import WHERE, Evidence
from caloforge.validation.multivariate import MULTIVARIATE
from caloforge.validation.univariate import MOST_SORTED, UNIVARIATE, Distance

_POWERS = {
    "separation": 1.0,
    "fpd": 1.0,
    "kpd": 1.0,
}  # how floors fall with the number of showers; others with its root
_AGREEMENTS = ("precision", "recall", "density", "coverage")
_LISTED = 3


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


def require_known(checklist: Checklist) -> None:
    """Refuse a checklist that asks for a metric that nothing measures, before the work rather than after it.

    Raises:
        UnknownName: no metric has this name, or matches this pattern.
    """
    seen = {name for protocol in PROTOCOLS.values() for name in protocol.inputs}
    families = {f"{family}/{name}" for family in UNIVARIATE for name in OBSERVABLES}
    classifiers = {f"{what}/{name}" for what in ("auc", "jsd") for name in seen}
    known = {"response_bias", "resolution_ratio", "permutation", *MULTIVARIATE, *families, *classifiers}
    for requirement in checklist.requirements:
        pattern = requirement.metric
        if not pattern.startswith("physics/") and not any(fnmatchcase(name, pattern) for name in known):
            short = {name.partition("/")[0] + ("/..." if "/" in name else "") for name in known} | {"physics/..."}
            raise UnknownName(f"metric in checklist {checklist.name}:", pattern, short)
