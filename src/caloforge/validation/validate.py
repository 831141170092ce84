"""Validation from beginning to end: truth and generated showers in, a report out."""

__all__ = ["validate"]

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from caloforge import __version__
from caloforge.classifiers.features import Features, high
from caloforge.classifiers.posterior import log_posterior
from caloforge.classifiers.protocol import CALOCHALLENGE, STANDARD, Protocol
from caloforge.data.origins import HasOrigin
from caloforge.data.showers import Showers
from caloforge.data.source import Source
from caloforge.errors import BadValue
from caloforge.geometry.binning import require_one_mesh
from caloforge.geometry.detector import radiation_length_of
from caloforge.metrics.bins import energy_edges
from caloforge.metrics.particles import particle_name
from caloforge.physics.observables import OBSERVABLES, Observable, select
from caloforge.units import format_energy
from caloforge.validation.checklist import Checklist, load_checklist
from caloforge.validation.compare import Progress, compare, part_of
from caloforge.validation.conditions import PERPENDICULAR, copies, origin_cautions, repeated, require_comparable
from caloforge.validation.figures.lineup import Lineup
from caloforge.validation.figures.sections import draw
from caloforge.validation.judgement import judge, require_known
from caloforge.validation.report import Report
from caloforge.validation.sample import Sample, read_rows, read_sample

_CELLS = 33_000_000  # cells of one sample that the fast classifiers look at
_FEWEST_KEPT = 500
_MOST_FREAKS = 500  # left out of mean images, with all their cells in memory


def validate(
    truth: Source,
    generated: Source | Mapping[str, Source],
    seed: int = 1,
    provenance: Mapping[str, Any] | None = None,
    allow_different_conditions: bool = False,
    protocol: Protocol = STANDARD,
    checklist: Checklist | str = "analysis",
    sufficient: Sequence[str] = (),
    quick: bool = False,
    progress: Progress = lambda done, text: None,
    threshold: float = 0.0,
) -> Report:
    """Compare generated showers with truth that the generator never saw.

    Args:
        truth: held-out showers of full simulation: a `ShowerFile`, or `Showers`; read in batches.
        generated: showers at the same distribution of conditions, on the same mesh; the numbers may differ. Several
            samples by name give one report that compares them.
        seed: of bootstrap and classifiers; same seed, same report.
        provenance: where the samples come from, to be shown in the report.
        allow_different_conditions: go on, with a caution in the verdict, where conditions differ.
        protocol: of the classifiers.
        quick: leave out the classifiers, which take most of the time.
        checklist: requirements to hold against what was found, or the name of a shipped list.
        sufficient: names of the observables that matter, T(h); only these are judged. All of them when empty.
        progress: called with the share of the work done and what comes next.
        threshold: MeV; cells below count as empty in all samples, before anything is measured.

    Raises:
        BadValue: a threshold that leaves nothing of the truth.
        EmptySample: too few showers in a sample.
        BinningMismatch: the meshes differ.
        ConditionsDiffer: particles, energies or angles differ, and that was not allowed.
        UnknownName: no such checklist, metric in it, or observable.
    """
    asked = load_checklist(checklist) if isinstance(checklist, str) else checklist
    require_known(asked)
    judged = select(sufficient) if sufficient else dict(OBSERVABLES)
    sources = generated if isinstance(generated, Mapping) else {"generated": generated}
    mesh = truth.binning
    for source in sources.values():
        require_one_mesh(truth.binning, source.binning)
        mesh = mesh.with_depths_of(source.binning)
    share = 1 / (1 + len(sources))
    progress(0.0, "reading the truth")
    keep = _kept_cells(protocol, truth.binning.n_voxels)
    reference = read_sample(truth, keep=2 * keep, seed=seed, mesh=mesh, threshold=threshold)
    if threshold and not reference.mean_cells.any():
        raise BadValue("threshold", format_energy(threshold), "it leaves no cell of the truth; give a lower one")
    edges = {name: histograms.edges[0] for name, histograms in reference.pooled.items()}
    models: list[Report] = []
    samples: dict[str, Sample] = {}
    features: dict[str, Features] = {}
    freaks: dict[str, Showers] = {}
    for i, (name, source) in enumerate(sources.items()):
        start = share * (i + 1)
        progress(start, f"reading {name}")
        sample = read_sample(source, pooled_edges=edges, keep=keep, seed=seed, mesh=mesh, threshold=threshold)
        cautions = (*_cut(threshold), *_cautions(reference, sample, allow_different_conditions))
        oblique = bool(max(reference.theta.max(), sample.theta.max()) > PERPENDICULAR)
        origins = origin_cautions(truth, source, oblique, allow_different_conditions)
        part = part_of(progress, start, 0.8 * share)
        evidence, details = compare(reference, sample, seed, protocol, judged, quick, part)
        findings = judge(asked, evidence.values(), (len(reference), len(sample)), len(judged) < len(OBSERVABLES))
        models.append(Report(name, asked, evidence, findings, details, cautions=(*cautions, *origins)))
        samples[name] = sample
        if details.freaks is not None and len(details.freaks):
            freaks[name] = read_rows(source, details.freaks.rows[:_MOST_FREAKS], sample, threshold)
        features[name] = _features(sample, judged)
    progress(0.98, "telling models apart")
    posterior = log_posterior(_features(reference, judged), features, seed) if len(models) > 1 and not quick else {}
    progress(1.0, "done")
    energies = [s.incident_energy for s in (reference, next(iter(samples.values())))]
    length = radiation_length_of(truth.detector) if isinstance(truth, HasOrigin) else None
    lineup = Lineup(reference, samples, energy_edges(energies[0], energies[1]), freaks, length)
    whole = models[0] if len(models) == 1 else Report("", asked, several=tuple(models), posterior=posterior)
    return replace(
        whole,
        samples={"truth": len(reference), **{name: len(sample) for name, sample in samples.items()}},
        sections=draw(lineup, models, posterior),
        provenance={
            "caloforge": __version__,
            "seed": seed,
            "readout": truth.binning.name,
            "showers": _in_words(truth, reference),
            **({"threshold": format_energy(threshold)} if threshold else {}),
            **(provenance or {}),
        },
    )


def _in_words(truth: Source, sample: Sample) -> str:
    """What the showers are of: particles, energies, detector and mesh."""
    names = ", ".join(map(particle_name, np.unique(sample.pdg).tolist()))
    low, high = (format_energy(float(end)) for end in (sample.incident_energy.min(), sample.incident_energy.max()))
    place = f" in {truth.detector}" if isinstance(truth, HasOrigin) else ""
    return f"{names} of {low if low == high else f'{low} to {high}'}{place}, {truth.binning.name}"


def _features(sample: Sample, judged: Mapping[str, Observable]) -> Features:
    """What the network that tells models apart sees."""
    return high({n: v for n, v in sample.table_of_cells.items() if n in judged}, sample.cells.incident_energy)


def _kept_cells(protocol: Protocol, n_voxels: int) -> int:
    """Showers to keep with all their cells: what the classifiers take; for the fast ones, what memory allows.

    They hold each cell as energy, share and logarithm, and twice as many showers of the truth: 1.2 GB.
    """
    most = protocol.max_showers
    return most if protocol is CALOCHALLENGE else max(_FEWEST_KEPT, min(most, _CELLS // n_voxels))


def _cut(threshold: float) -> tuple[str, ...]:
    return (f"cells below {format_energy(threshold)} count as empty in both samples",) if threshold else ()


def _cautions(truth: Sample, generated: Sample, allow_different: bool) -> tuple[str, ...]:
    cautions = require_comparable(truth, generated, allow_different)
    if copied := copies(truth.ids, generated.ids, generated.table["hits"][:, 0]):
        cautions.append(f"{copied} generated showers are copies of showers of the truth")
    for name, sample in (("true ", truth), ("generated ", generated)):
        cautions += repeated(sample.ids, sample.table["hits"][:, 0], name)
    return tuple(cautions)
