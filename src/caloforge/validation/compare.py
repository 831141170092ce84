"""The comparison itself: all metrics of a generated sample against truth, with errors and floors, as one object."""

__all__ = ["InBin", "Comparison", "Progress", "compare", "part_of"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from caloforge.classifiers.auc import Classified, auc, auc_error
from caloforge.classifiers.importance import Importance, permutation_importance
from caloforge.classifiers.protocol import FAST_PROTOCOL, Protocol, measure
from caloforge.metrics.measured import Measured
from caloforge.metrics.permutation import PermutationTest
from caloforge.metrics.physics_summary import PhysicsSummary, summarise_physics
from caloforge.metrics.response import ResponseSummary, compare_response
from caloforge.physics.observables import OBSERVABLES, Observable
from caloforge.rng import stream
from caloforge.validation.multivariate import multivariate, permuted
from caloforge.validation.parts import Subsample, Where, subsamples, whole
from caloforge.validation.sample import Sample
from caloforge.validation.univariate import Distance, distances

Progress = Callable[[float, str], None]


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


@dataclass(frozen=True, eq=False)
class Comparison:
    """Every metric of one generated sample.

    Args:
        sizes: showers of truth and of the generator.
        judged: names of the observables that were to be judged.
        response: bias and resolution in energy bins.
        distances: of each judged observable: ``separation/response``, ``wasserstein/response``, ``ks/response``, ...
        multivariate: of all judged observables together: ``correlation``, ``fpd``, ``kpd``, ``precision``, ...
        permutation: two-sample test of everything at once.
        classifiers: by the name of what they see, ``high`` or ``low``; their scores belong to `Sample.cells`.
        importance: which observable gives the generated showers away to the classifier on observables.
        physics: linearity, resolution, leakage, profiles.
        conditional: distances and AUC in each energy bin, angle bin, and for each particle.
    """

    sizes: tuple[int, int]
    judged: tuple[str, ...]
    response: ResponseSummary
    distances: Mapping[str, Distance]
    multivariate: Mapping[str, Measured]
    permutation: PermutationTest
    classifiers: Mapping[str, Classified]
    importance: tuple[Importance, ...]
    physics: PhysicsSummary
    conditional: tuple[InBin, ...]

    def family(self, name: str) -> dict[str, Distance]:
        """One distance of every observable: ``separation``, ``wasserstein`` or ``ks``."""
        return {key.partition("/")[2]: d for key, d in self.distances.items() if key.startswith(f"{name}/")}

    @property
    def separation(self) -> dict[str, Distance]:
        """Separation power of every observable."""
        return self.family("separation")

    def to_dict(self) -> dict[str, Any]:
        """The entry ``metrics`` of ``report.json``."""
        r = self.response
        families = {name: self.family(name) for name in ("separation", "wasserstein", "ks")}
        return {
            "response_bias_max": r.bias_max.value,
            "response_bias_max_detail": _detail(r.bias_max, r.bias_bin.low, r.bias_bin.high),
            "response_bias": [_pick(b.to_dict(), "bias") for b in r.bins],
            "resolution_ratio_max": r.ratio_max,
            "resolution_ratio_distance": _detail(r.ratio_distance, r.ratio_bin.low, r.ratio_bin.high),
            "resolution_ratio": [_pick(b.to_dict(), "ratio") for b in r.bins],
            "response_bins": [b.to_dict() for b in r.bins],
            **{name: {o: d.to_dict() for o, d in family.items()} for name, family in families.items()},
            **{name: m.to_dict() for name, m in self.multivariate.items()},
            "permutation_test": self.permutation.to_dict(),
            **{f"auc_{name}": _sized(c.auc, c) for name, c in self.classifiers.items()},
            **{f"jsd_{name}": _sized(c.jsd, c) for name, c in self.classifiers.items()},
            "importance": [i.to_dict() for i in self.importance],
            "physics": self.physics.to_dict(),
            "conditional": [part.to_dict() for part in self.conditional],
        }


def _sized(measured: Measured, classified: Classified) -> dict[str, Any]:
    return {**measured.to_dict(), "size": classified.size, "floor_size": classified.floor_size}


def _detail(measured: Measured, low: float, high: float) -> dict[str, Any]:
    return {**measured.to_dict(), "energy_low": low, "energy_high": high}


def _pick(row: Mapping[str, Any], what: str) -> dict[str, Any]:
    keys = {"energy_low": "low", "energy_high": "high", "n_truth": "n_truth", "n_generated": "n_generated"}
    return {k: row[v] for k, v in keys.items()} | {"value": row[what], "error": row[f"{what}_error"]}


def compare(
    truth: Sample,
    generated: Sample,
    seed: int,
    protocol: Protocol = FAST_PROTOCOL,
    observables: Mapping[str, Observable] = OBSERVABLES,
    quick: bool = False,
    progress: Progress = lambda done, text: None,
) -> Comparison:
    """Measure everything.

    Args:
        truth: reference showers.
        generated: showers to judge, on the same mesh and at the same conditions.
        seed: of the resamples and the classifiers.
        protocol: of the classifiers.
        observables: the T(h) to judge; metrics of all observables together see only these, and classifiers on cells run
            only where all are judged.
        quick: leave out the classifiers, which take most of the time.
        progress: called with the share of the work done and what comes next.

    Raises:
        EmptySample: too few showers.
    """
    progress(0.0, "distances")
    pieces = subsamples(truth, generated)
    overall = distances(observables, truth, generated, whole(truth, generated), seed)
    progress(0.1, "response and physics")
    energies = [s.incident_energy for s in (truth, generated)]
    responses = [s.table["response"][:, 0].astype(np.float64) for s in (truth, generated)]
    response = compare_response((energies[0], responses[0]), (energies[1], responses[1]), stream(seed, "response"))
    physics = summarise_physics(truth, generated, (truth.table, generated.table), stream(seed, "physics"))
    progress(0.15, "all observables together")
    together = multivariate(observables, truth, generated, protocol, seed)
    progress(0.2, "permutation test")
    permutation = permuted(observables, truth, generated, seed)
    progress(0.3, "classifiers")
    part = part_of(progress, 0.3, 0.6)
    scored, importance = ({}, ()) if quick else _classify(observables, truth, generated, seed, protocol, part)
    progress(0.9, "energy bins")
    return Comparison(
        sizes=(len(truth), len(generated)),
        judged=tuple(observables),
        response=response,
        distances=overall,
        multivariate=together,
        permutation=permutation,
        classifiers=scored,
        importance=importance,
        physics=physics,
        conditional=tuple(_in_bin(subsample, truth, generated, observables, scored, seed) for subsample in pieces),
    )


def part_of(progress: Progress, start: float, share: float) -> Progress:
    """Progress of one part of the work as progress of the whole."""
    return lambda done, text: progress(start + share * done, text)


def _under(title: str, progress: Progress) -> Progress:
    """Progress under one title."""
    return lambda done, _: progress(done, title)


def _classify(
    observables: Mapping[str, Observable],
    truth: Sample,
    generated: Sample,
    seed: int,
    protocol: Protocol,
    progress: Progress,
) -> tuple[dict[str, Classified], tuple[Importance, ...]]:
    """Every classifier of the protocol that the mesh allows; on chosen observables only the one that sees those.

    What a classifier saw is given up before the next one starts: the features of cells are the largest of all tables.
    """
    names = list(protocol.inputs_for(truth.binning)) if set(observables) >= set(OBSERVABLES) else ["high"]
    pairs = [
        (s.cells, {name: table for name, table in s.table_of_cells.items() if name in observables})
        for s in (truth, generated)
    ]
    if not pairs[0][1]:  # cells were to be judged, and nothing else
        return {}, ()
    found: dict[str, Classified] = {}
    importance: tuple[Importance, ...] = ()
    for i, name in enumerate(names):
        share = part_of(progress, i / len(names), 1 / len(names))
        found[name], *seen = measure(protocol, name, pairs[0], pairs[1], seed, _under(f"classifier {name}", share))
        if name == "high":
            importance = permutation_importance(found[name], seen[0], seen[1], seed)
        del seen
    return found, importance


def _in_bin(
    subsample: Subsample,
    truth: Sample,
    generated: Sample,
    observables: Mapping[str, Observable],
    classifiers: Mapping[str, Classified],
    seed: int,
) -> InBin:
    """Every distance within one part of the samples, and the AUC of its showers."""
    metrics = {name: d.mean for name, d in distances(observables, truth, generated, subsample, seed).items()}
    for name, classified in classifiers.items():
        t = classified.scores_truth[subsample.truth[truth.cell_rows]]
        g = classified.scores_generated[subsample.generated[generated.cell_rows]]
        t, g = t[~np.isnan(t)], g[~np.isnan(g)]
        if min(len(t), len(g)) > 1:
            area = auc(t, g)
            metrics[f"auc/{name}"] = Measured(
                area, auc_error(area, len(t), len(g)), 0.5, auc_error(0.5, len(t), len(g))
            )
    return InBin(subsample.kind, subsample.label, subsample.low, subsample.high, *subsample.sizes, metrics)
