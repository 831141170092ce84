"""One figure an observable: all showers at the left; energy bins, or single layers, as small multiples at the right."""

__all__ = ["SHOWN_BINS", "draw_observable"]

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from numpy import ndarray as Array

from caloforge.geometry.binning import Binning
from caloforge.metrics.separation import Histograms
from caloforge.physics.axes import integer_edges, linear_edges, logarithmic_edges
from caloforge.physics.observables import Observable, depth_unit
from caloforge.reporting.curve import Curve
from caloforge.reporting.panels import depth_axis, ratio_panel, reach_of
from caloforge.reporting.style import BAND, TRUTH, figure, look, power_label
from caloforge.validation.figures.lineup import Lineup

_LEFT_BINS, _SMALL_BINS = 40, 20
_ROWS, _COLUMNS = 2, 3
_WIDTH, _HEIGHT = 12.5, 5.0
SHOWN_BINS = _ROWS * _COLUMNS
_SHARE = "Share of showers"
_DEPTH = "Depth [{}]"

Panel = tuple[str, list[Curve]]  # title, and the curve of each sample


def draw_observable(observable: Observable, lineup: Lineup, columns: Sequence[int] = ()) -> Figure:
    """Draw an observable of each shower, layer, ring or cell.

    Args:
        observable: which.
        lineup: the samples.
        columns: layers or rings that must be among the small multiples, the most wanted first.
    """
    label = observable.axis_label(lineup.binning)
    if observable.per == "shower":
        left, small = _whole(observable, lineup), _by_energy(observable, lineup)
        return _draw(lineup, (left, (label, _SHARE)), small, (label, "Share"), _scale_of(observable))
    if observable.per == "cell":
        left, small = _pooled(observable, lineup)
        texts = (label, "Cells per shower and bin")
        return _draw(lineup, (left, texts), small, (label, "Cells"), _scale_of(observable) + "y")
    left, where = _profile(observable, lineup)
    small = _by_column(observable, lineup, columns)
    texts = (where, f"Mean of {_lower(label)}")
    along = lineup.radiation_length if where == _DEPTH.format("mm") else None
    fig = _draw(lineup, (left, texts), small, (label, "Share"), _scale_of(observable), "", along)
    if observable.per == "column":
        fig.axes[0].set_xticks(range(len(observable.columns)), list(observable.columns))
    return fig


def _scale_of(observable: Observable) -> str:
    """``x`` where the observable's axis is logarithmic, ``i`` where it counts."""
    return {logarithmic_edges: "x", integer_edges: "i"}.get(observable.edges, "")


def _plot_edges(observable: Observable, values: Float[Array, " n"], bins: int) -> Float[Array, " e"]:
    """The observable's own rule, with bins wide enough to draw."""
    rule = observable.edges
    return rule(values, bins) if rule in (linear_edges, logarithmic_edges, integer_edges) else rule(values)


def _lower(label: str) -> str:
    return label[0].lower() + label[1:]


def _curves(observable: Observable, values: list[Float[Array, " _"]], bins: int) -> list[Curve]:
    edges = _plot_edges(observable, values[0], bins)
    return [Curve.of_values(x, edges) for x in values]


def _whole(observable: Observable, lineup: Lineup) -> list[Curve]:
    return _curves(observable, [s.table[observable.name][:, 0] for s in lineup.samples], _LEFT_BINS)


def _by_energy(observable: Observable, lineup: Lineup) -> list[Panel]:
    tables = [s.table[observable.name][:, 0] for s in lineup.samples]
    bins = lineup.energy_bins(SHOWN_BINS)
    if len(bins) < 2:
        return []
    return [
        (title, _curves(observable, [t[rows] for t, rows in zip(tables, masks, strict=True)], _SMALL_BINS))
        for title, masks in bins
    ]


def _pooled(observable: Observable, lineup: Lineup) -> tuple[list[Curve], list[Panel]]:
    filled = [s.pooled[observable.name] for s in lineup.samples]
    bins = lineup.energy_bins(SHOWN_BINS)
    small = [
        (title, [Curve.of_histogram(Histograms(h.rows[m], h.edges)) for h, m in zip(filled, masks, strict=True)])
        for title, masks in (bins if len(bins) > 1 else [])
    ]
    return [Curve.of_histogram(h) for h in filled], small


def _profile(observable: Observable, lineup: Lineup) -> tuple[list[Curve], str]:
    """Mean of each column against depth or radius."""
    edges, where = _column_axis(observable, lineup)
    return [Curve.of_means(edges, s.table[observable.name]) for s in lineup.samples], where


def _column_axis(observable: Observable, lineup: Lineup) -> tuple[Float[Array, " e"], str]:
    binning, count = lineup.binning, lineup.truth.table[observable.name].shape[1]
    if observable.per == "layer" and count == binning.n_layers:
        return _depth_edges(binning), _DEPTH.format(depth_unit(binning))
    if observable.per == "ring":
        edges, unit = _ring_edges(binning)
        return edges, f"Radius [{unit}]"
    return np.arange(count + 1) - 0.5, ""


def _depth_edges(binning: Binning) -> Float[Array, " e"]:
    """Edges of the layers, mm, or their numbers where the mesh has no depth."""
    if binning.z_edges is None:
        return np.arange(binning.n_layers + 1) - 0.5
    return np.append(binning.z_edges[:, 0], binning.z_edges[-1, 1])


def _ring_edges(binning: Binning) -> tuple[Float[Array, " e"], str]:
    """Edges and unit of the rings: mm where all layers agree, else ring numbers."""
    if len({layer.r_edges for layer in binning.layers}) == 1:
        return np.array(binning.layers[0].r_edges), "mm"
    return np.arange(max(layer.n_r for layer in binning.layers) + 1) - 0.5, "ring"


def _by_column(observable: Observable, lineup: Lineup, wanted: Sequence[int]) -> list[Panel]:
    tables = [s.table[observable.name] for s in lineup.samples]
    count, names = tables[0].shape[1], observable.column_names(lineup.binning)
    return [
        (names[k], _curves(observable, [t[:, k] for t in tables], _SMALL_BINS))
        for k in _spread(count, wanted, SHOWN_BINS)
    ]


def _spread(count: int, wanted: Sequence[int], most: int) -> list[int]:
    """The most wanted half, and as many more as there is room for, evenly spaced from the first to the last."""
    if count <= most:
        return list(range(count))
    chosen = set(wanted[: most // 2])
    for k in np.linspace(0, count - 1, most).round().astype(int).tolist():
        chosen |= {k} if len(chosen) < most else set()
    return sorted(chosen)


def _draw(
    lineup: Lineup,
    left: tuple[list[Curve], tuple[str, str]],
    small: list[Panel],
    labels: tuple[str, str],
    scale: str,
    left_scale: str | None = None,
    radiation_length: float | None = None,
) -> Figure:
    with figure(_WIDTH if small else 6.0, _HEIGHT, arranged=False) as fig:
        width, height = fig.get_figwidth(), 0.815 if radiation_length is None else 0.76
        box = (0.75 / width, 0.115, 4.2 / width, height)
        upper, _ = _panel(fig, box, *left, scale if left_scale is None else left_scale)
        depth_axis(upper, radiation_length)
        _legend(fig.axes[1], lineup)
        _multiples(fig, small, labels, scale)
        return fig


def _legend(axes: Axes, lineup: Lineup) -> None:
    """Names of the samples, in the order of drawing."""
    looks = [look(i) for i in range(len(lineup.generated))]
    handles = [Patch(facecolor=BAND, edgecolor=TRUTH), *(Line2D([], [], color=x.colour, ls=x.line) for x in looks)]
    axes.legend(handles, list(lineup.names), loc="upper left", borderpad=0.3, handlelength=1.8)


def _multiples(fig: Figure, small: list[Panel], labels: tuple[str, str], scale: str) -> None:
    if not small:
        return
    reach = reach_of([(curves[0], curve) for _, curves in small for curve in curves[1:]])
    x0, dx, y0, dy = 5.75 / _WIDTH, 2.27 / _WIDTH, 0.115, 0.455
    for place, (title, curves) in enumerate(small):
        row, column = divmod(place, _COLUMNS)
        below = place + _COLUMNS >= len(small)
        box = (x0 + column * dx, y0 + (_ROWS - 1 - row) * dy, 0.86 * dx, 0.36)
        texts = (labels[0] if below else "", labels[1] if column == 0 else "")
        upper, lower = _panel(fig, box, curves, texts, scale, reach, small=True)
        upper.set_title(title, fontsize=9, loc="left", y=1.0, pad=3)
        if column:
            lower.tick_params(labelleft=False)


def _panel(
    fig: Figure,
    box: tuple[float, float, float, float],
    curves: list[Curve],
    labels: tuple[str, str],
    scale: str,
    reach: float | None = None,
    small: bool = False,
) -> tuple[Axes, Axes]:
    """Two axes on one x axis, at ``box`` (left, bottom, width, height as parts of the figure)."""
    x, y, width, height = box
    lower = fig.add_axes((x, y, width, 0.25 * height))
    upper = fig.add_axes((x, y + 0.275 * height, width, 0.725 * height), sharex=lower)
    upper.tick_params(labelbottom=False)
    upper.xaxis.set_visible(not small)
    ratio_panel((upper, lower), curves[0], curves[1:], scale, reach)
    size = 8 if small else 10
    upper.set_ylabel(labels[1], fontsize=size)
    lower.set_xlabel(labels[0], fontsize=size)
    lower.set_ylabel("ratio to G4" if labels[1] else "", fontsize=size - 1, loc="center")
    _ticks(upper, lower, scale, small)
    if curves[0].empty:
        upper.text(0.5, 0.5, "no showers of Geant4\nin this range", transform=upper.transAxes, ha="center", va="center")
    return upper, lower


def _ticks(upper: Axes, lower: Axes, scale: str, small: bool) -> None:
    size = 7 if small else 9
    for axes in (upper, lower):
        axes.tick_params(labelsize=size, top=not small, right=not small)
    for axis, letter, most in ((lower.xaxis, "x", 4 if small else 7), (upper.yaxis, "y", 3 if small else 6)):
        if letter in scale:
            axis.set_major_locator(LogLocator(numticks=most + 1))
            axis.set_major_formatter(power_label)
            axis.set_minor_locator(NullLocator())
        else:
            prune = "lower" if letter == "y" else "upper" if small else None
            axis.set_major_locator(MaxNLocator(most, prune=prune, integer=letter == "x" and "i" in scale))
