"""What every overall metric of the validation says of two samples, as one number each, without floors.

Distances of single observables enter as the largest excess over its floor, in standard deviations of the floor, over
all observables and their columns: observables have different floors. All others enter as they stand in a report.
"""

__all__ = ["CLASSIFIERS", "DEFAULT", "METRICS", "score"]

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.classifiers.auc import classify
from caloforge.classifiers.protocol import PROTOCOLS
from caloforge.classifiers.two_sample import classifier_p_value
from caloforge.errors import EmptySample
from caloforge.metrics.correlation import measure_correlation_distance
from caloforge.metrics.frechet import measure_fpd
from caloforge.metrics.kernel import measure_kpd
from caloforge.metrics.manifold import measure_manifold
from caloforge.metrics.measured import Measured
from caloforge.metrics.response import compare_response
from caloforge.physics.observables import OBSERVABLES
from caloforge.rng import stream
from caloforge.validation.multivariate import freaks, permuted, seen_together
from caloforge.validation.parts import whole
from caloforge.validation.sample import Sample
from caloforge.validation.univariate import UNIVARIATE, distances

CLASSIFIERS = MappingProxyType(
    {  # metric: protocol and what it sees
        "auc/high": ("standard", "high"),
        "auc/low": ("standard", "low"),
        "perceptron/high": ("perceptron", "high"),
        "perceptron/low": ("perceptron", "low"),
    }
)
_FEW = 2  # resamples where only the value is wanted, not its floor
_PERMUTATIONS = 99

Scores = dict[str, float]
Measure = Callable[[Sample, Sample, int], Scores]


def _distances(truth: Sample, judged: Sample, seed: int) -> Scores:
    largest = dict.fromkeys(UNIVARIATE, -np.inf)
    for item in distances(OBSERVABLES, truth, judged, whole(truth, judged), seed):
        largest[item.key.metric] = max(largest[item.key.metric], item.measured.significance)
    return {metric: float(value) for metric, value in largest.items()}


def _response(truth: Sample, judged: Sample, seed: int) -> Scores:
    pairs = [(s.incident_energy, s.table["response"][:, 0].astype(np.float64)) for s in (truth, judged)]
    pdg = (truth.pdg, judged.pdg)
    summary = compare_response(pairs[0], pairs[1], stream(seed, "response"), repeats=_FEW, pdg=pdg)
    return {"response_bias": summary.bias_max.value, "resolution_ratio": summary.ratio_distance.value}


def _features(sample: Sample) -> Float[Array, "n f"]:
    return seen_together(OBSERVABLES, sample).values


def _together(name: str, measure: Callable[..., Measured]) -> Measure:
    return lambda truth, judged, seed: {
        name: measure(_features(truth), _features(judged), stream(seed, name), repeats=_FEW).value
    }


def _manifold(truth: Sample, judged: Sample, seed: int) -> Scores:
    measured = measure_manifold(_features(truth), _features(judged), stream(seed, "manifold"), repeats=_FEW)
    return {name: m.value for name, m in measured.items()}


def _permutation(truth: Sample, judged: Sample, seed: int) -> Scores:
    return {"permutation": permuted(OBSERVABLES, truth, judged, seed, _PERMUTATIONS).p_value}


def _freaks(truth: Sample, judged: Sample, seed: int) -> Scores:
    outside = freaks(OBSERVABLES, truth, judged, seed)
    return {} if outside is None else {"freaks": outside.measured.value}


def _area(metric: str) -> Measure:
    """Area under the ROC curve and p-value, without the second training that the floor takes."""
    name, seen = CLASSIFIERS[metric]

    def measure(truth: Sample, judged: Sample, seed: int) -> Scores:
        given, size = PROTOCOLS[name].inputs[seen], min(len(truth), len(judged))
        t, g = (given.features(s.cells, s.table_of_cells) for s in (truth, judged))
        classified = classify(
            t,
            g,
            seed,
            replace(given.settings, max_showers=size),
            procedure=given.procedure,
            build=given.network(truth.binning),
            floor=False,
        )
        return {metric: classified.auc.value, "classifier_test": classifier_p_value([classified])}

    return measure


_MEASURES: tuple[tuple[tuple[str, ...], Measure], ...] = (
    (("response_bias", "resolution_ratio"), _response),
    (UNIVARIATE, _distances),
    (("correlation",), _together("correlation", measure_correlation_distance)),
    (("fpd",), _together("fpd", measure_fpd)),
    (("kpd",), _together("kpd", measure_kpd)),
    (("precision", "recall", "density", "coverage"), _manifold),
    (("freaks",), _freaks),
    (("permutation",), _permutation),
    (("auc/high", "classifier_test"), _area("auc/high")),
    *(((metric,), _area(metric)) for metric in CLASSIFIERS if metric != "auc/high"),
)
METRICS = tuple(name for names, _ in _MEASURES for name in names)
DEFAULT = tuple(name for name in METRICS if name not in CLASSIFIERS or name == "auc/high")


def score(
    truth: Sample,
    judged: Sample,
    metrics: Collection[str],
    seed: int,
) -> Scores:
    """The chosen metrics of two samples, without those that so few showers cannot tell.

    Args:
        truth: reference showers, all with their cells.
        judged: as many showers to hold against them.
        metrics: of `METRICS`.
        seed: of resamples, permutations and classifiers.
    """
    chosen = [measure for names, measure in _MEASURES if set(names) & set(metrics)]
    scores: Scores = {}
    for measure in chosen:
        with suppress(EmptySample):  # this metric needs a larger size
            scores |= measure(truth, judged, seed)
    return {name: value for name, value in scores.items() if name in metrics}
