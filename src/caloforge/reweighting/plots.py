"""Pictures of weights: their distribution, what a judge sees before and after, and observables with and without."""

__all__ = ["draw_observables", "draw_weights"]

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullLocator
from numpy import ndarray as Array

from caloforge.metrics.histogram import contents
from caloforge.physics.axes import integer_edges, linear_edges, logarithmic_edges
from caloforge.physics.observables import Observable
from caloforge.reporting.curve import Curve
from caloforge.reporting.panels import ratio_panel
from caloforge.reporting.style import BAND, MUTED, TRUTH, figure, look, power_label
from caloforge.reweighting.crossfit import Reweighting
from caloforge.units import GeV
from caloforge.validation.sample import Sample

_BINS = 20


def draw_weights(reweighting: Reweighting) -> Figure:
    """Histogram of the weights; mean weight in bins of energy; AUC before and after beside the floor.

    Args:
        reweighting: the fit.
    """
    with figure(11.5, 3.4) as fig:
        histogram, mean, auc = fig.subplots(1, 3, width_ratios=(1.3, 1, 0.8))
        _histogram(histogram, reweighting)
        _mean_by_energy(mean, reweighting)
        _auc(auc, reweighting)
        return fig


def _histogram(axes: Axes, reweighting: Reweighting) -> None:
    shown = np.maximum(reweighting.weights, 1e-3)
    edges = np.geomspace(0.9 * float(shown.min()), 1.1 * float(shown.max()), 51)
    axes.stairs(np.histogram(shown, edges)[0], edges, color=look(0).colour, fill=True, alpha=0.5)
    axes.axvline(1, color=TRUTH, lw=0.8)
    axes.set(xscale="log", yscale="log", xlabel="Weight", ylabel="Generated showers")
    n, share = reweighting.effective_size, reweighting.effective_size / len(reweighting.weights)
    cut = f"{reweighting.clipped} cut at {reweighting.clip:g}"
    text = f"effective number {n:,.0f}\nof {len(reweighting.weights):,} ({share:.0%})\n{cut}"
    axes.text(0.04, 0.96, text, transform=axes.transAxes, va="top", fontsize=8, color=MUTED)
    axes.set_ylim(0.5, 20 * axes.get_ylim()[1])


def _mean_by_energy(axes: Axes, reweighting: Reweighting) -> None:
    edges, (means, errors) = reweighting.energy_edges / GeV, reweighting.mean_by_energy
    middle, style = (edges[1:] + edges[:-1]) / 2, look(0)
    axes.axhline(1, color=TRUTH, lw=0.8)
    axes.errorbar(
        middle, means, errors, [middle - edges[:-1], edges[1:] - middle], fmt=style.marker, ms=4, color=style.colour
    )
    axes.set(xlabel="Incident energy [GeV]", ylabel="Mean weight")
    if edges[-1] > 5 * edges[0]:
        axes.set_xscale("log")
        _plain_ticks(axes)
    reach = max(0.05, 1.5 * float(np.max(np.abs(means - 1) + errors)))
    axes.set_ylim(1 - reach, 1 + reach)


def _auc(axes: Axes, reweighting: Reweighting) -> None:
    floor, spread = reweighting.before.floor, reweighting.before.floor_spread
    axes.axhspan(floor - spread, floor + spread, color=BAND, label="Geant4 against Geant4")
    for place, measured in enumerate((reweighting.before, reweighting.after)):
        style = look(place)
        axes.errorbar(place, measured.value, measured.error, fmt=style.marker, color=style.colour, capsize=4)
    axes.set_xticks([0, 1], ["before", "after"])
    values = [reweighting.before.value, reweighting.after.value, floor]
    axes.set(xlim=(-0.5, 1.5), ylabel="AUC of a new classifier")
    axes.set_ylim(min(0.47, min(values) - 0.02), max(values) + 0.06)
    axes.legend(frameon=False, loc="upper right")


def draw_observables(
    chosen: Sequence[Observable], truth: Sample, generated: Sample, weights: Float[Array, " m"]
) -> Figure:
    """Up to six observables of one value a shower, generated showers as they are and weighted, over truth.

    Args:
        chosen: observables of one value a shower.
        truth: true showers.
        generated: generated showers.
        weights: of each of them.
    """
    rows = -(-len(chosen) // 3)
    with figure(12.0, 3.7 * rows) as fig:
        panels = fig.subplots(2 * rows, 3, sharex=False, height_ratios=(2.6, 1) * rows, squeeze=False)
        for place in range(3 * rows):
            upper, lower = (panels[2 * (place // 3) + i, place % 3] for i in (0, 1))
            if place < len(chosen):
                _observable(upper, lower, chosen[place], truth, generated, weights)
            else:
                upper.set_axis_off()
                lower.set_axis_off()
        _legend(panels[0, 0])
        return fig


def _observable(
    upper: Axes, lower: Axes, observable: Observable, truth: Sample, generated: Sample, weights: Float[Array, " m"]
) -> None:
    t, g = (s.table[observable.name][:, 0] for s in (truth, generated))
    rule = observable.edges
    edges = rule(t, _BINS) if rule in (linear_edges, logarithmic_edges, integer_edges) else rule(t)
    curves = [weighted_curve(x, w, edges) for x, w in ((g, np.ones(len(g))), (g, weights))]
    ratio_panel((upper, lower), Curve.of_values(t, edges), curves, "x" if rule is logarithmic_edges else "")
    lower.set_xlim(upper.get_xlim())
    if rule is logarithmic_edges:
        for axes in (upper, lower):
            axes.set_xscale("log")
            _plain_ticks(axes)
    upper.tick_params(labelbottom=False)
    upper.set_ylabel("Share of showers")
    lower.set_ylabel("ratio to G4")
    lower.set_xlabel(observable.axis_label(truth.binning))


def _plain_ticks(axes: Axes) -> None:
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    axes.xaxis.set_major_formatter(power_label)
    axes.xaxis.set_minor_locator(NullLocator())


def weighted_curve(values: Float[Array, " n"], weights: Float[Array, " n"], edges: Float[Array, " e"]) -> Curve:
    r"""Share of the weight in each bin, with the error :math:`\sqrt{\sum w^2} / \sum_\text{all} w`.

    Args:
        values: in the unit of ``edges``; NaN where undefined.
        weights: of each value.
        edges: of the bins.
    """
    share, square = (contents(values, edges, w) for w in (weights, weights**2))
    return Curve.of_contents(share / weights.sum(), np.sqrt(square) / weights.sum(), edges)


def _legend(axes: Axes) -> None:
    lines = [Line2D([], [], color=look(i).colour, ls=look(i).line) for i in (0, 1)]
    axes.legend([Patch(facecolor=BAND, edgecolor=TRUTH), *lines], ["Geant4", "generated", "weighted"], loc="upper left")
