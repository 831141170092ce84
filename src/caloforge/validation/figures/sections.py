"""The sections of a report: which figures and tables there are, in the order of reading, with their captions."""

__all__ = ["draw"]

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from caloforge.metrics.measured import Measured
from caloforge.physics.observables import OBSERVABLES, Observable
from caloforge.reporting.markup import plain_words
from caloforge.reporting.section import Plot, Section
from caloforge.reporting.style import plain_label
from caloforge.validation import tables
from caloforge.validation.figures import classifiers as classifier_plots
from caloforge.validation.figures import laws as physics_plots
from caloforge.validation.figures import matrices
from caloforge.validation.figures.lineup import Lineup
from caloforge.validation.figures.observables import SHOWN_BINS, draw_observable
from caloforge.validation.figures.pictures import pictures
from caloforge.validation.figures.radar import radar
from caloforge.validation.figures.response import response_against_energy
from caloforge.validation.spokes import spokes
from caloforge.validation.univariate import Distance
from caloforge.validation.verdict import Verdict

_ERRORS = "Bars and the grey band are statistical errors (one standard deviation)."
_GALLERY = (
    "<p>At the left all showers together, or the mean of each layer or ring; at the right bins of incident energy, or "
    "single layers or rings. Below each: generated over Geant4, with the statistical error of Geant4 as a grey band; "
    "triangles are points beyond the axis. Percentages in a corner say what lies outside the axis, for Geant4 and then "
    "each generated sample. The number beside a name is its separation power, in floors: what two samples of Geant4 "
    "of the same sizes give.</p>"
)


def draw(lineup: Lineup, verdicts: Sequence[Verdict], posterior: Mapping[str, Measured]) -> tuple[Section, ...]:
    """Everything to be seen of one generated sample or several, against the truth.

    Args:
        lineup: the samples.
        verdicts: of the generated samples, in the order of the lineup.
        posterior: mean log posterior of each of several.
    """
    return (
        _glance(verdicts, posterior),
        Section("Energy measurement", tables.laws_tables(verdicts), tuple(_energy(verdicts))),
        Section("Where the differences are", tables.culprits_lists(verdicts), tuple(_differences(lineup, verdicts))),
        Section("Observables", _GALLERY, tuple(_observables(lineup, verdicts)), gallery=True),
        Section("Correlations", plots=tuple(_correlations(lineup))),
        Section("Pictures of showers", plots=tuple(pictures(lineup, verdicts))),
    )


def _glance(verdicts: Sequence[Verdict], posterior: Mapping[str, Measured]) -> Section:
    """All metrics in one picture, and the same as a table."""
    found = {v.name: spokes(v.comparison) for v in verdicts}
    plot = Plot(
        "radar",
        "Radar of metrics",
        "Every metric in units of its floor, on a logarithmic scale: the dark ring is what two samples of Geant4 give, "
        "the grey band its standard deviation. The table holds the same numbers.",
        partial(radar, {plain_label(name): one for name, one in found.items()}),
    )
    ranking = tables.posterior_table(posterior) if posterior else ""
    return Section("Metrics in floors", ranking + tables.floors_table(found), (plot,))


def _energy(verdicts: Sequence[Verdict]) -> Iterator[Plot]:
    yield Plot(
        "response_energy",
        "Response and resolution against energy",
        f"Mean response and relative resolution in bins of incident energy. {_ERRORS}",
        partial(response_against_energy, {plain_label(v.name): v.comparison.response for v in verdicts}),
    )
    summaries = {plain_label(v.name): v.comparison.physics for v in verdicts}
    pulls = (
        "Below: pulls, the difference from Geant4 in standard errors; the band is one, triangles are beyond the axis."
    )
    if physics_plots.laws_in(summaries):
        yield Plot(
            "laws",
            "Linearity, resolution and shower maximum",
            "Points are bins of incident energy, lines the fitted laws: response = slope + offset/E, resolution = "
            f"stochastic/√E ⊕ constant ⊕ noise/E with E in GeV, maximum = slope ln(E/GeV) + offset. {pulls}",
            partial(physics_plots.draw_laws, summaries),
        )
    yield Plot(
        "profile_parameters",
        "Leakage, depth, radii and profile parameters",
        f"In bins of incident energy; alpha and beta are those of the gamma distribution. {pulls}",
        partial(physics_plots.draw_quantities, summaries),
    )


def _differences(lineup: Lineup, verdicts: Sequence[Verdict]) -> Iterator[Plot]:
    for i, verdict in enumerate(verdicts):
        found, numbered = verdict.comparison, f"_{i + 1}" if len(verdicts) > 1 else ""
        of = f": {verdict.name}" if len(verdicts) > 1 else ""
        if found.importance:
            yield Plot(
                f"importance{numbered}",
                f"What gives the showers away{of}",
                "AUC that the classifier on observables loses when one observable is exchanged between showers of "
                "nearly the same energy. Kindred observables share their importance.",
                partial(classifier_plots.importances, found.importance),
            )
        for name, classified in found.classifiers.items():
            yield Plot(
                f"scores_{name}{numbered}",
                f"Scores of the classifier {name}{of}",
                "Each shower is scored by a network that never saw it. Right: the curve of which the AUC is the area.",
                partial(classifier_plots.scores, classified, plain_label(verdict.name), i),
            )
        layered = {name: d for name, d in found.separation.items() if d.per == "layer"}
        if layered:
            yield Plot(
                f"separation_map{numbered}",
                f"Separation power layer by layer{of}",
                "Separation power over its floor: 1 is what two samples of Geant4 give, dark is where they differ.",
                partial(matrices.separation_map, layered, lineup.binning),
            )
        if found.conditional:
            yield Plot(
                f"conditional_map{numbered}",
                f"Separation power in each part of the samples{of}",
                "How far the separation power stands above its floor in each bin of energy and angle and for each "
                "particle, in standard deviations of Geant4 against Geant4.",
                partial(matrices.conditional_map, found.conditional),
            )


def _observables(lineup: Lineup, verdicts: Sequence[Verdict]) -> Iterator[Plot]:
    for name, observable in OBSERVABLES.items():
        if name not in lineup.truth.table and name not in lineup.truth.pooled:
            continue
        distances = [v.comparison.separation[name] for v in verdicts if name in v.comparison.separation]
        yield Plot(
            f"observable_{name}",
            f"{name}: {plain_words(observable.quantity)}",
            f"{plain_words(observable.quantity)}: {_what(observable, lineup)} Definition: {observable.source}.",
            partial(draw_observable, observable, lineup, _worst_columns(distances)),
            note=" | ".join(_in_floors(d.mean) for d in distances),
            excess=max((d.mean.significance for d in distances), default=None),
        )


def _in_floors(m: Measured) -> str:
    return f"{m.value / max(m.floor, 1e-12):.3g} × floor ({m.significance:+.1f} σ)"


def _worst_columns(distances: Sequence[Distance]) -> list[int]:
    """Columns by how far they stand above their floors, the furthest first."""
    if not distances:
        return []
    excess = np.max([[c.significance for c in d.columns] for d in distances], axis=0)
    return [int(i) for i in np.argsort(-excess)]


def _what(observable: Observable, lineup: Lineup) -> str:
    if observable.per in ("shower", "cell"):
        n_bins = len(lineup.energy_edges) - 1
        if n_bins == 1:
            return "all showers."
        shown = f", {SHOWN_BINS} of {n_bins} evenly spread" if n_bins > SHOWN_BINS else ""
        return f"all showers, and in bins of incident energy{shown}."
    return f"the mean of each {observable.per}, and {observable.per}s one by one."


def _correlations(lineup: Lineup) -> Iterator[Plot]:
    noise = float(np.sqrt(sum(1 / len(s.incident_energy) for s in lineup.samples[:2])))
    text = f"Red: together, blue: opposite. Statistics alone make differences of about {noise:.3f}."
    yield Plot(
        "correlations",
        "Correlations between observables",
        f"Pearson coefficients between the observables of whole showers, over all energies. {text}",
        partial(matrices.correlations, lineup),
    )
    yield Plot(
        "layer_correlations",
        "Correlations between layers",
        f"Pearson coefficients between the shares of energy in the layers. {text}",
        partial(matrices.layer_correlations, lineup),
    )
