"""The sections of a report: which figures and tables there are, in the order of reading, with their captions."""

__all__ = ["draw"]

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from markupsafe import Markup

from caloforge.metrics.compared import PhysicsSummary
from caloforge.metrics.measured import Measured
from caloforge.physics.observables import OBSERVABLES, Observable
from caloforge.reporting.markup import paragraphs, plain_words
from caloforge.reporting.section import Plot, Section
from caloforge.reporting.style import plain_label
from caloforge.validation import tables
from caloforge.validation.challenge import challenge_section
from caloforge.validation.compare import Details
from caloforge.validation.evidence import Evidence, columns_of, numbers_of
from caloforge.validation.figures import classifiers as classifier_plots
from caloforge.validation.figures import laws as physics_plots
from caloforge.validation.figures import matrices
from caloforge.validation.figures.lineup import Lineup
from caloforge.validation.figures.observables import SHOWN_BINS, draw_observable
from caloforge.validation.figures.pictures import freak_pictures, pictures
from caloforge.validation.figures.radar import radar
from caloforge.validation.figures.response import draw_response
from caloforge.validation.key import Key
from caloforge.validation.outside import freaks_text
from caloforge.validation.places import places_table
from caloforge.validation.report import Report
from caloforge.validation.spokes import spokes
from caloforge.validation.trust import trust_table

_PARTS = ("energy bin", "angle bin", "particle")
_ERRORS = "Bars and the grey band are statistical errors (one standard deviation)."
_GALLERY = (
    "At the left all showers together, or the mean of each layer or ring; at the right bins of incident energy, or "
    "single layers or rings. Below each: generated over Geant4, with Geant4's statistical error as a grey band; "
    "triangles are points beyond the axis. Percentages in a corner say what lies outside it, for Geant4, then each "
    "generated sample. The number beside a name is its separation power, in floors: two samples of Geant4 as large."
)


def draw(lineup: Lineup, models: Sequence[Report], posterior: Mapping[str, Measured]) -> tuple[Section, ...]:
    """Everything to be seen of one generated sample or several, against the truth.

    Args:
        lineup: the samples.
        models: the judged samples, in the order of the lineup.
        posterior: mean log posterior of each of several.
    """
    return (
        _glance(models, posterior),
        Section("Which observables to trust", _each(models, _trust)),
        Section("Energy measurement", _laws_tables(models), tuple(_energy(models))),
        Section("Where the differences are", _each(models, _culprits), tuple(_differences(lineup, models))),
        Section(
            "Freak showers",
            _each(models, lambda m, d, name: freaks_text(d.freaks, lineup.binning, name)),
            tuple(freak_pictures(lineup)),
        ),
        *challenge_section({m.name: m.details.challenge for m in models if m.details}),
        Section("Observables", paragraphs(_GALLERY), tuple(_observables(lineup, models)), gallery=True),
        Section("Correlations", plots=tuple(_correlations(lineup))),
        Section("Pictures of showers", plots=tuple(pictures(lineup, models))),
    )


def _laws_tables(models: Sequence[Report]) -> Markup:
    named = [(m.details, m.name if len(models) > 1 else "generated") for m in models if m.details]
    return Markup().join(tables.laws_table(s, name, particle) for d, name in named for particle, s in d.physics.items())


def _each(models: Sequence[Report], words: Callable[[Report, Details, str], Markup]) -> Markup:
    """What there is to say of each sample, by name where there are several."""
    return Markup().join(words(m, m.details, m.name if len(models) > 1 else "") for m in models if m.details)


def _culprits(model: Report, details: Details, name: str) -> Markup:
    return tables.culprits_list(details.permutation, model.evidence, name) + places_table(model.evidence, name)


def _trust(model: Report, details: Details, name: str) -> Markup:
    return trust_table(details.trust, len(details.freaks or ()), name)


def _glance(models: Sequence[Report], posterior: Mapping[str, Measured]) -> Section:
    """All metrics in one picture, and the same as a table."""
    of_model = {m.name: spokes(m.evidence) for m in models}
    plot = Plot(
        "radar",
        "Radar of metrics",
        "Every metric in units of its floor, on a logarithmic scale: the dark ring is what two samples of Geant4 give, "
        "the grey band its standard deviation. The table holds the same numbers.",
        partial(radar, {plain_label(name): drawn for name, drawn in of_model.items()}),
    )
    ranking = tables.posterior_table(posterior) if posterior else Markup()
    return Section("Metrics in floors", ranking + tables.floors_table(of_model), (plot,))


def _energy(models: Sequence[Report]) -> Iterator[Plot]:
    """Of each particle by itself."""
    details = {plain_label(m.name): m.details for m in models if m.details}
    first = next(iter(details.values()))
    for i, particle in enumerate(first.physics):
        numbered, of = (f"_{i + 1}", f": {particle}") if particle else ("", "")
        responses = {name: d.response.by_particle().get(particle, ()) for name, d in details.items()}
        yield Plot(
            f"response_energy{numbered}",
            f"Response and resolution against energy{of}",
            f"Mean response and relative resolution in bins of incident energy. {_ERRORS}",
            partial(draw_response, responses),
        )
        angles = {n: tuple(b for b in d.response.angles if b.particle == particle) for n, d in details.items()}
        if all(angles.values()):
            yield Plot(
                f"response_theta{numbered}",
                f"Response and resolution against angle{of}",
                "Mean response and its relative spread in bins of the angle to the normal, showers of all energies "
                f"together. {_ERRORS}",
                partial(draw_response, angles),
            )
        yield from _laws({name: d.physics[particle] for name, d in details.items()}, numbered, of)


def _laws(summaries: Mapping[str, PhysicsSummary], numbered: str, of: str) -> Iterator[Plot]:
    pulls = (
        "Below: pulls, the difference from Geant4 in standard errors; the band is one, triangles are beyond the axis."
    )
    if physics_plots.laws_in(summaries):
        yield Plot(
            f"laws{numbered}",
            f"Linearity, resolution and shower maximum{of}",
            "Points are bins of incident energy, lines the fitted laws: response = slope + offset/E, resolution = "
            f"stochastic/√E ⊕ constant ⊕ noise/E with E in GeV, maximum = slope ln(E/GeV) + offset. {pulls}",
            partial(physics_plots.draw_laws, summaries),
        )
    yield Plot(
        f"profile_parameters{numbered}",
        f"Leakage, depth, radii and profile parameters{of}",
        f"In bins of incident energy; alpha and beta are those of the gamma distribution. {pulls}",
        partial(physics_plots.draw_quantities, summaries),
    )


def _differences(lineup: Lineup, models: Sequence[Report]) -> Iterator[Plot]:
    for i, model in enumerate(models):
        numbered, of = (f"_{i + 1}", f": {model.name}") if len(models) > 1 else ("", "")
        if model.details:
            yield from _classifiers(model.details, plain_label(model.name), i, numbered, of)
        separation = numbers_of(model.evidence, "separation")
        layered = {
            name: [item.measured for item in columns_of(model.evidence, "separation", name)]
            for name in separation
            if OBSERVABLES[name].per == "layer"
        }
        if layered:
            yield Plot(
                f"separation_map{numbered}",
                f"Separation power layer by layer{of}",
                "Separation power over its floor: 1 is what two samples of Geant4 give, dark is where they differ.",
                partial(matrices.separation_map, layered, lineup.binning),
            )
        in_parts = {k: e for k, e in model.evidence.items() if k.metric == "separation" and k.place.kind in _PARTS}
        if in_parts:
            yield Plot(
                f"conditional_map{numbered}",
                f"Separation power in each part of the samples{of}",
                "How far the separation power stands above its floor in each bin of energy and angle and for each "
                "particle, in standard deviations of Geant4 against Geant4.",
                partial(matrices.conditional_map, in_parts),
            )


def _classifiers(details: Details, name: str, place: int, numbered: str, of: str) -> Iterator[Plot]:
    if details.importance:
        yield Plot(
            f"importance{numbered}",
            f"What gives the showers away{of}",
            "AUC that the classifier on observables loses when one observable, or all of a family (the module that "
            "defines them), are exchanged between showers of nearly the same energy. Kindred observables share their "
            "importance; a family has it together.",
            partial(classifier_plots.importances, details.importance, details.families),
        )
    for inputs, classified in details.classifiers.items():
        yield Plot(
            f"scores_{inputs}{numbered}",
            f"Scores of {classified.words or inputs}{of}",
            "Each shower is scored by a classifier that never saw it. Right: the curve of which the AUC is the area.",
            partial(classifier_plots.scores, classified, name, place),
        )


def _observables(lineup: Lineup, models: Sequence[Report]) -> Iterator[Plot]:
    for name, observable in OBSERVABLES.items():
        if name not in lineup.truth.table and name not in lineup.truth.pooled:
            continue
        judged = [m.evidence for m in models if Key("separation", name) in m.evidence]
        distances = [evidence[Key("separation", name)].measured for evidence in judged]
        columns = [columns_of(evidence, "separation", name) for evidence in judged]
        yield Plot(
            f"observable_{name}",
            f"{name}: {plain_words(observable.quantity)}",
            f"{plain_words(observable.quantity)}: {_what(observable, lineup)} Definition: {observable.source}.",
            partial(draw_observable, observable, lineup, _worst_columns(columns)),
            note=" | ".join(_in_floors(m) for m in distances),
            excess=max((m.significance for m in distances), default=None),
        )


def _in_floors(m: Measured) -> str:
    return f"{m.value / max(m.floor, 1e-12):.3g} × floor ({m.significance:+.1f} σ)"


def _worst_columns(columns: Sequence[Sequence[Evidence]]) -> list[int]:
    """Columns by how far they stand above their floors, the furthest first."""
    if not columns:
        return []
    excess = np.max([[item.measured.significance for item in items] for items in columns], axis=0)
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
    text = (
        "Red: together, blue: opposite. A few freak showers move them no further than as many others. Statistics alone "
        f"make differences of about {noise:.3f}."
    )
    yield Plot(
        "correlations",
        "Correlations between observables",
        f"Rank correlations between the observables of whole showers, over all energies. {text}",
        partial(matrices.correlations, lineup),
    )
    yield Plot(
        "layer_correlations",
        "Correlations between layers",
        f"Rank correlations between the shares of energy in the layers. {text}",
        partial(matrices.layer_correlations, lineup),
    )
