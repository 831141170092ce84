"""The comparison itself: every number of a generated sample against truth, with errors and floors."""

__all__ = ["Details", "Progress", "compare", "part_of"]

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from caloforge.classifiers.auc import Classified
from caloforge.classifiers.importance import Importance, permutation_importance
from caloforge.classifiers.protocol import CALOCHALLENGE, STANDARD, Protocol, measure
from caloforge.classifiers.trees import families
from caloforge.errors import EmptySample
from caloforge.metrics.compared import PhysicsSummary
from caloforge.metrics.freaks import Freaks
from caloforge.metrics.particles import by_particle
from caloforge.metrics.permutation import PermutationTest
from caloforge.metrics.physics_summary import summarise_physics
from caloforge.metrics.response import ResponseSummary, compare_response
from caloforge.physics.observables import OBSERVABLES, Observable
from caloforge.rng import stream
from caloforge.validation.challenge import ChallengeNumber, challenge_numbers
from caloforge.validation.evidence import Evidence, collect
from caloforge.validation.gather import of_freaks, of_permutation, of_physics, of_response, of_two_samples, told_by
from caloforge.validation.key import Key
from caloforge.validation.multivariate import MOMENTS, freaks, in_part, multivariate, permuted, same_conditions, without
from caloforge.validation.parts import Subsample, subsamples, whole
from caloforge.validation.sample import Sample
from caloforge.validation.trust import Trusted, trust_in
from caloforge.validation.univariate import distances

Progress = Callable[[float, str], None]

_MIXED = 200  # showers of each class and fold whose observables are exchanged


@dataclass(frozen=True, eq=False)
class Details:
    """What figures and tables show beside the numbers.

    Args:
        response: bias and resolution of each particle in energy bins.
        physics: linearity, resolution, leakage, profiles of each particle; its name is empty where there is one.
        permutation: two-sample test of everything at once.
        classifiers: by the name of what they see, ``high`` or ``low``; their scores belong to `Sample.cells`.
        importance: which observable gives the generated showers away to the classifier on observables.
        families: the same of families of observables, named by the module that defines them.
        freaks: generated showers outside the truth; None where there were too few showers to tell.
        trust: how far each observable is off, the furthest first.
        challenge: the numbers of the CaloChallenge's tables; empty under another protocol.
    """

    response: ResponseSummary
    physics: Mapping[str, PhysicsSummary]
    permutation: PermutationTest
    classifiers: Mapping[str, Classified] = field(default_factory=dict)
    importance: tuple[Importance, ...] = ()
    families: tuple[Importance, ...] = ()
    freaks: Freaks | None = None
    trust: tuple[Trusted, ...] = ()
    challenge: tuple[ChallengeNumber, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Its entries of ``report.json``."""
        sizes = {
            name: {"words": c.words, "size": c.size, "floor_size": c.floor_size} for name, c in self.classifiers.items()
        }
        return {
            "response": [b.to_dict() for b in self.response.bins],
            **({"response_theta": [b.to_dict() for b in self.response.angles]} if self.response.angles else {}),
            "physics": {name or "all": summary.to_dict() for name, summary in self.physics.items()},
            "permutation_test": self.permutation.to_dict(),
            "classifiers": sizes,
            "importance": [i.to_dict() for i in self.importance],
            "importance_of_families": [i.to_dict() for i in self.families],
            "trust": [row.to_dict() for row in self.trust],
            **({"freaks": self.freaks.to_dict()} if self.freaks is not None else {}),
            **({"calochallenge": {n.name: n.to_dict() for n in self.challenge}} if self.challenge else {}),
        }


def compare(
    truth: Sample,
    generated: Sample,
    seed: int,
    protocol: Protocol = STANDARD,
    observables: Mapping[str, Observable] = OBSERVABLES,
    quick: bool = False,
    progress: Progress = lambda done, text: None,
) -> tuple[dict[Key, Evidence], Details]:
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

    Returns:
        Every number that a requirement can be held against, without what rests on observables not judged; and what
        figures show beside them.

    Raises:
        EmptySample: too few showers.
    """
    progress(0.0, "distances")
    pieces = subsamples(truth, generated)
    overall = list(distances(observables, truth, generated, whole(truth, generated), seed))
    progress(0.1, "response and physics")
    energies = [s.incident_energy for s in (truth, generated)]
    responses = [s.table["response"][:, 0].astype(np.float64) for s in (truth, generated)]
    response = compare_response(
        (energies[0], responses[0]),
        (energies[1], responses[1]),
        stream(seed, "response"),
        pdg=(truth.pdg, generated.pdg),
        theta=(truth.theta, generated.theta),
    )
    physics = dict(_physics(truth, generated, seed))
    progress(0.15, "all observables together")
    outside = freaks(observables, truth, generated, seed)
    odd = np.zeros(0, np.int64) if outside is None else outside.rows
    together = multivariate(observables, truth, generated, protocol, odd, seed)
    trust = trust_in(observables, truth, generated, pieces, odd)
    progress(0.2, "permutation test")
    permutation = permuted(observables, truth, generated, seed)
    progress(0.3, "classifiers")
    part = part_of(progress, 0.3, 0.6)
    scored, importance, of_families = (
        ({}, (), ()) if quick else _classify(observables, truth, generated, seed, protocol, part)
    )
    progress(0.9, "energy bins")
    n = min(len(truth), len(generated))
    evidence = [*of_response(response, n)] if "response" in observables else []
    evidence += overall
    left_out = without(0 if protocol.name == CALOCHALLENGE.name else len(odd))
    for metric, measured in together.items():
        evidence.append(Evidence(Key(metric), measured, n, left_out if metric in MOMENTS else ""))
    histograms = of_permutation(permutation, n, [item.key for item in overall])
    pairs = (truth.cell_rows, generated.cell_rows) if same_conditions(truth, generated) else None
    tests = list(of_two_samples(histograms, scored, pairs))
    evidence += [histograms, *tests]
    evidence += [] if outside is None else [of_freaks(outside)]
    for name, classified in scored.items():
        told = told_by(importance, tests) if name == "high" else ""
        evidence.append(Evidence(Key("auc", name), classified.auc, classified.size, told, by=classified.words))
        evidence.append(Evidence(Key("jsd", name), classified.jsd, classified.size, by=classified.words))
    for piece in pieces:
        evidence += distances(observables, truth, generated, piece, seed)
        evidence += in_part(observables, truth, generated, piece, odd, seed)
        evidence += _areas(piece, truth, generated, scored)
    if set(observables) >= set(OBSERVABLES):
        evidence += of_physics(physics, n)
    challenge: tuple[ChallengeNumber, ...] = ()
    if protocol.name == CALOCHALLENGE.name and set(observables) >= set(OBSERVABLES):
        challenge = challenge_numbers(truth, generated, seed, scored)
    details = Details(response, physics, permutation, scored, importance, of_families, outside, trust, challenge)
    return collect(evidence), details


def part_of(progress: Progress, start: float, share: float) -> Progress:
    """Progress of one part of the work as progress of the whole.

    Args:
        progress: of the whole work.
        start: share of the whole that is done before.
        share: of the whole that this part is.
    """
    return lambda done, text: progress(start + share * done, text)


def _under(title: str, progress: Progress) -> Progress:
    """Progress under one title."""
    return lambda done, _: progress(done, title)


def _physics(truth: Sample, generated: Sample, seed: int) -> Iterator[tuple[str, PhysicsSummary]]:
    """Of each particle by itself."""
    for particle, *masks in by_particle(truth.pdg, generated.pdg):
        samples = [truth, generated]
        if particle:
            samples = [s.thinned(np.flatnonzero(mask)) for s, mask in zip(samples, masks, strict=True)]
        rng = stream(seed, f"physics {particle}".strip())
        yield particle, summarise_physics(samples[0], samples[1], (samples[0].table, samples[1].table), rng)


def _classify(
    observables: Mapping[str, Observable],
    truth: Sample,
    generated: Sample,
    seed: int,
    protocol: Protocol,
    progress: Progress,
) -> tuple[dict[str, Classified], tuple[Importance, ...], tuple[Importance, ...]]:
    """Every classifier of the protocol that the mesh allows; on chosen observables only the one that sees those.

    With them the importance of each observable and of each family to the classifier on observables. One that needs more
    showers than there are is left out.

    What a classifier saw is given up before the next one starts: the features of cells are the largest of all tables.
    """
    names = list(protocol.inputs_for(truth.binning)) if set(observables) >= set(OBSERVABLES) else ["high"]
    pairs = [
        (s.cells, {name: table for name, table in s.table_of_cells.items() if name in observables})
        for s in (truth, generated)
    ]
    if not pairs[0][1]:  # cells were to be judged, and nothing else
        return {}, (), ()
    classified: dict[str, Classified] = {}
    importance: tuple[Importance, ...] = ()
    of_families: tuple[Importance, ...] = ()
    for i, name in enumerate(names):
        share = part_of(progress, i / len(names), 1 / len(names))
        try:
            classified[name], *features = measure(
                protocol, name, pairs[0], pairs[1], seed, _under(f"classifier {name}", share)
            )
        except EmptySample:  # a checklist that asks for it cannot tell
            continue
        if name == "high":
            importance, of_families = (
                permutation_importance(classified[name], features[0], features[1], seed, groups, repeats=1, most=_MIXED)
                for groups in (None, families(features[0]))
            )
        del features
    return classified, importance, of_families


def _areas(
    subsample: Subsample, truth: Sample, generated: Sample, classifiers: Mapping[str, Classified]
) -> Iterator[Evidence]:
    """The AUC of each classifier from the showers of one part of the samples."""
    for name, classified in classifiers.items():
        masks = subsample.truth[truth.cell_rows], subsample.generated[generated.cell_rows]
        if measured := classified.area(*masks):
            yield Evidence(Key("auc", name, subsample.place), measured, min(subsample.sizes), by=classified.words)
