"""The sections of a report: which figures there are, in the order of reading, with their captions."""

__all__ = ["draw"]

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from caloforge.physics.observables import OBSERVABLES, Observable
from caloforge.validation import images, matrices, tables
from caloforge.validation.compare import Distance
from caloforge.validation.lineup import Lineup
from caloforge.validation.observable_plots import draw_observable
from caloforge.validation.radar import radar
from caloforge.validation.response_plots import response_against_energy
from caloforge.validation.section import Plot, Section
from caloforge.validation.spokes import spokes
from caloforge.validation.verdict import Verdict

_ERRORS = "Bars and the grey band are statistical errors (one standard deviation)."
_GALLERY = (
    "<p>At the left all showers together, or the mean of each layer or ring; at the right bins of incident energy, or "
    "single layers or rings. Below each: generated over Geant4, with the statistical error of Geant4 as a grey band; "
    "triangles are points beyond the axis. Percentages in a corner say what lies outside the axis, for Geant4 and then "
    "each generated sample. The number beside a name is its separation power, in floors: what two samples of Geant4 "
    "of the same sizes give.</p>"
)
_BINS_SHOWN = 6


def draw(lineup: Lineup, verdicts: Sequence[Verdict]) -> tuple[Section, ...]:
    """Everything to be seen of one generated sample or several, against the truth."""
    return (
        _glance(verdicts),
        Section("Energy measurement", plots=tuple(_energy(verdicts))),
        Section("Where the differences are", plots=tuple(_differences(lineup, verdicts))),
        Section("Observables", _GALLERY, tuple(_observables(lineup, verdicts)), gallery=True),
        Section("Correlations", plots=tuple(_correlations(lineup))),
        Section("Pictures of showers", plots=tuple(_pictures(lineup))),
    )


def _glance(verdicts: Sequence[Verdict]) -> Section:
    """All metrics in one picture, and the same as a table."""
    found = {v.name: spokes(v.comparison) for v in verdicts}
    plot = Plot(
        "radar",
        "Radar of metrics",
        "Every metric in units of its floor, on a logarithmic scale: the dark ring is what two samples of Geant4 give, "
        "the grey band its standard deviation. The table above holds the same numbers.",
        partial(radar, found),
    )
    return Section("Metrics in floors", tables.floors_table(found), (plot,))


def _energy(verdicts: Sequence[Verdict]) -> Iterator[Plot]:
    summaries = {v.name: v.comparison.response for v in verdicts}
    yield Plot(
        "response_energy",
        "Response and resolution against energy",
        f"Mean response and relative resolution in bins of incident energy. {_ERRORS}",
        partial(response_against_energy, summaries),
    )


def _differences(lineup: Lineup, verdicts: Sequence[Verdict]) -> Iterator[Plot]:
    for verdict in verdicts:
        yield Plot(
            _named("separation_map", verdict, verdicts),
            _titled("Separation power layer by layer", verdict, verdicts),
            "Separation power over its floor: 1 is what two samples of Geant4 give, dark is where they differ.",
            partial(matrices.separation_map, verdict.comparison.separation, lineup.binning),
        )


def _named(name: str, verdict: Verdict, verdicts: Sequence[Verdict]) -> str:
    """File name; numbered where there is one for each of several samples."""
    return name if len(verdicts) == 1 else f"{name}_{list(verdicts).index(verdict) + 1}"


def _titled(title: str, verdict: Verdict, verdicts: Sequence[Verdict]) -> str:
    return title if len(verdicts) == 1 else f"{title}: {verdict.name}"


def _observables(lineup: Lineup, verdicts: Sequence[Verdict]) -> Iterator[Plot]:
    for name, observable in OBSERVABLES.items():
        if name not in lineup.truth.table and name not in lineup.truth.pooled:
            continue
        distances = [v.comparison.separation[name] for v in verdicts if name in v.comparison.separation]
        worst = _worst_columns(distances)
        yield Plot(
            f"observable_{name}",
            name,
            f"{observable.axis_label(lineup.binning)}: {_what(observable, lineup)} Definition: {observable.source}.",
            partial(draw_observable, observable, lineup, worst),
            note=" | ".join(_in_floors(d) for d in distances),
            excess=max((d.mean.significance for d in distances), default=None),
        )


def _in_floors(distance: Distance) -> str:
    return f"{distance.mean.value / max(distance.mean.floor, 1e-12):.3g} × floor"


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
        shown = f", {_BINS_SHOWN} of {n_bins} evenly spread" if n_bins > _BINS_SHOWN else ""
        return f"all showers, and in bins of incident energy{shown}."
    return f"mean against position, and {observable.per}s one by one, the most different and others evenly spread."


def _correlations(lineup: Lineup) -> Iterator[Plot]:
    text = "Red: together, blue: opposite. Small differences are statistical: about {:.3f} for uncorrelated quantities."
    noise = float(np.sqrt(sum(1 / len(s.incident_energy) for s in (lineup.truth, lineup.samples[1]))))
    yield Plot(
        "correlations",
        "Correlations between observables",
        f"Pearson coefficients between the observables of whole showers, over all energies. {text.format(noise)}",
        partial(matrices.correlations, lineup),
    )
    yield Plot(
        "layer_correlations",
        "Correlations between layers",
        f"Pearson coefficients between the shares of energy in the layers. {text.format(noise)}",
        partial(matrices.layer_correlations, lineup),
    )


def _pictures(lineup: Lineup) -> Iterator[Plot]:
    yield Plot(
        "mean_images",
        "Mean shower",
        "Mean energy per shower from the side, and across the layer that holds most of it; ratios to Geant4. Radii are "
        "negative below the axis.",
        partial(images.mean_images, lineup),
    )
    for i, (name, sample) in enumerate(lineup.generated.items()):
        one = len(lineup.generated) == 1
        yield Plot(
            "showers" if one else f"showers_{i + 1}",
            "Single showers" if one else f"Single showers: {name}",
            "Geant4 above, generated below, at nearly the same energy, not chosen by look. Seen from the side: cells "
            "of one depth and radius are added up, those above the axis and those below it. White: no energy.",
            _later(images.single_showers, lineup, name),
        )


def _later(function: Callable[..., Figure], lineup: Lineup, name: str) -> Callable[[], Figure]:
    return partial(function, lineup.truth.cells, lineup.generated[name].cells)
