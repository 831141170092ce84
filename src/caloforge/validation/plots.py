"""Plots of the comparison: observables, profiles, layers, response against energy, and where separations are large."""

__all__ = [
    "shower_histograms",
    "profiles",
    "layer_histograms",
    "shape_histograms",
    "response_histograms",
    "response_against_energy",
    "separation_map",
]

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import LogLocator, NullFormatter
from numpy import ndarray as Array

from caloforge.geometry.binning import Binning
from caloforge.physics.axes import linear_edges, logarithmic_edges
from caloforge.physics.observables import OBSERVABLES, depth_unit
from caloforge.units import GeV
from caloforge.validation.compare import Distance, Tables
from caloforge.validation.metrics import Histograms
from caloforge.validation.panels import Curve, draw_ratio, ratio_panel
from caloforge.validation.response import ResponseSummary
from caloforge.validation.sample import Sample
from caloforge.validation.style import GENERATED, TRUTH, figure, ratio_axes

_COLUMNS = 3
_BINS = 30


def _histogram(
    fig: Figure, cell: SubplotSpec, truth: Array, generated: Array, label: str, edges: Array, scale: str = ""
) -> tuple[Axes, Axes]:
    curves = [Curve.of_histogram(Histograms.fill(x[:, None], [edges])) for x in (truth, generated)]
    return ratio_panel(fig, cell, curves[0], curves[1], (label, "Share of showers"), scale)


def _plot_edges(name: str, values: Float[Array, " n"]) -> Float[Array, " e"]:
    """The observable's own rule, with bins wide enough to draw."""
    rule = OBSERVABLES[name].edges
    return rule(values, _BINS) if rule in (linear_edges, logarithmic_edges) else rule(values)


def _grid(rows: int) -> tuple[float, float]:
    return 11.5, 3.3 * rows


def shower_histograms(binning: Binning, tables: Tables) -> Figure:
    """Observables with one value a shower."""
    names = [name for name, o in OBSERVABLES.items() if o.per == "shower" and name in tables[0]]
    return _columns([(name, 0, "") for name in names], binning, tables)


def layer_histograms(binning: Binning, tables: Tables) -> Figure:
    """Energy of six layers, spread over the depth of the shower."""
    layers = np.unique(np.linspace(0, binning.n_layers - 1, 6).round().astype(int))
    return _columns([("layer_energy", int(i), f"layer {binning.layers[i].id}") for i in layers], binning, tables)


def shape_histograms(binning: Binning, tables: Tables) -> Figure:
    """Transverse shape and hits in the layer with the most energy."""
    layer = int(tables[0]["layer_energy"].mean(axis=0).argmax())
    names = ("centre_x", "width_x", "centre_r", "width_r", "layer_hits", "longitudinal_profile")
    return _columns([(name, layer, f"layer {binning.layers[layer].id}") for name in names], binning, tables)


def _columns(wanted: Sequence[tuple[str, int, str]], binning: Binning, tables: Tables) -> Figure:
    rows = -(-len(wanted) // _COLUMNS)
    with figure(*_grid(rows)) as fig:
        grid = fig.add_gridspec(rows, _COLUMNS)
        for place, (name, column, title) in enumerate(wanted):
            cell = grid[place // _COLUMNS, place % _COLUMNS]
            truth, generated = (table[name][:, column] for table in tables)
            scale = "x" if OBSERVABLES[name].edges is logarithmic_edges else ""
            label = OBSERVABLES[name].axis_label(binning)
            upper, _ = _histogram(fig, cell, truth, generated, label, _plot_edges(name, truth), scale)
            _legend(upper, title)
        return fig


def _legend(axes: Axes, title: str = "") -> None:
    axes.legend(loc="upper left", frameon=False)
    axes.set_title(title)


def profiles(truth: Sample, generated: Sample) -> Figure:
    """Mean longitudinal and radial profile, and the spectrum of cells per shower."""
    binning, tables = truth.binning, (truth.table, generated.table)
    with figure(*_grid(1)) as fig:
        grid = fig.add_gridspec(1, 3)
        along = [Curve.of_means(_depth_edges(binning), 100 * table["longitudinal_profile"]) for table in tables]
        labels = (f"Depth [{depth_unit(binning)}]", r"Mean share of $E_\mathrm{tot}$ [%]")
        _legend(ratio_panel(fig, grid[0], along[0], along[1], labels)[0])
        edges, unit, width = _ring_edges(binning)
        across = [Curve.of_means(edges, 100 * table["radial_profile"] / width) for table in tables]
        labels = (f"Radius [{unit}]", rf"Mean share of $E_\mathrm{{tot}}$ [% / {unit}]")
        _legend(ratio_panel(fig, grid[1], across[0], across[1], labels, "y")[0])
        _legend(_cell_spectrum(fig, grid[2], truth, generated))
        return fig


def _depth_edges(binning: Binning) -> Float[Array, " e"]:
    if binning.z_edges is None:
        return np.arange(binning.n_layers + 1) - 0.5
    return np.append(binning.z_edges[:, 0], binning.z_edges[-1, 1])


def _ring_edges(binning: Binning) -> tuple[Float[Array, " e"], str, Float[Array, " b"]]:
    """Edges, unit and widths of the rings: mm where all layers agree, else ring numbers."""
    if len({layer.r_edges for layer in binning.layers}) == 1:
        edges = np.array(binning.layers[0].r_edges)
        return edges, "mm", np.diff(edges)
    rings = max(layer.n_r for layer in binning.layers)
    return np.arange(rings + 1) - 0.5, "ring", np.ones(rings)


def _cell_spectrum(fig: Figure, cell: SubplotSpec, truth: Sample, generated: Sample) -> Axes:
    observable = OBSERVABLES["voxel_energy"]
    curves = [Curve.of_histogram(sample.pooled[observable.name]) for sample in (truth, generated)]
    return ratio_panel(fig, cell, curves[0], curves[1], (observable.label, "Cells per shower and bin"), "xy")[0]


def response_histograms(truth: Sample, generated: Sample, summary: ResponseSummary) -> Figure:
    """The response in each energy bin."""
    rows = -(-len(summary.bins) // _COLUMNS)
    with figure(*_grid(rows)) as fig:
        grid = fig.add_gridspec(rows, _COLUMNS)
        for place, energy_bin in enumerate(summary.bins):
            cell = grid[place // _COLUMNS, place % _COLUMNS]
            values = [
                s.table["response"][(s.incident_energy >= energy_bin.low) & (s.incident_energy < energy_bin.high), 0]
                for s in (truth, generated)
            ]
            label = OBSERVABLES["response"].label
            upper, _ = _histogram(fig, cell, values[0], values[1], label, linear_edges(values[0], 20))
            _legend(upper, energy_bin.label)
        return fig


def response_against_energy(summary: ResponseSummary, limits: tuple[float, float]) -> Figure:
    """Mean response and resolution of both samples in each energy bin; dotted lines are the limits."""
    with figure(9.5, 4.2) as fig:
        grid = fig.add_gridspec(1, 2)
        _against_energy(
            fig, grid[0], summary, "mean", r"Mean response $\langle E_\mathrm{tot}/E_\mathrm{inc}\rangle$", limits[0]
        )
        _against_energy(
            fig,
            grid[1],
            summary,
            "resolution",
            r"Resolution $\sigma/\langle E_\mathrm{tot}/E_\mathrm{inc}\rangle$",
            limits[1],
        )
        return fig


def _against_energy(
    fig: Figure, cell: SubplotSpec, summary: ResponseSummary, what: str, label: str, limit: float
) -> None:
    upper, lower = ratio_axes(fig, cell)
    bins = summary.bins
    edges = np.array([bins[0].low, *(b.high for b in bins)]) / GeV
    x = np.array([b.energy for b in bins]) / GeV
    spans = np.abs(np.stack([edges[:-1], edges[1:]]) - x)
    curves = {}
    for name, colour, marker in (("truth", TRUTH, "s"), ("generated", GENERATED, "o")):
        y, error = (np.array([getattr(b, f"{what}_{name}{end}") for b in bins]) for end in ("", "_error"))
        y, error = (np.where(np.isfinite(numbers), numbers, np.nan) for numbers in (y, error))
        text = "Geant4" if name == "truth" else "generated"
        upper.errorbar(x, y, error, spans, fmt=marker, ms=4, lw=1.2, color=colour, label=text)
        curves[name] = Curve(edges, y, error)
    upper.set_xscale("log")
    upper.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    upper.xaxis.set_major_formatter("{x:g}")
    upper.xaxis.set_minor_formatter(NullFormatter())
    upper.set_ylabel(label)
    _spread_limits(upper, what, curves["truth"], curves["generated"])
    upper.legend(loc="upper right", frameon=False, ncols=2)
    draw_ratio(lower, curves["truth"], curves["generated"], "x")
    for edge in (1 - limit, 1 + limit):
        lower.axhline(edge, ls=":", color="0.35", lw=1.2)
    reach = max(1.6 * limit, lower.get_ylim()[1] - 1)
    lower.set_ylim(1 - reach, 1 + reach)
    lower.set_xlabel(r"Incident energy $E_\mathrm{inc}$ [GeV]")


def _spread_limits(axes: Axes, what: str, truth: Curve, generated: Curve) -> None:
    """Means get at least 5 % of room either side, so that a tiny shift does not look like a large one."""
    values = np.concatenate([truth.content, generated.content])
    if what == "mean":
        middle = float(truth.content.mean())
        reach = max(0.05 * middle, 1.6 * float(np.nanmax(np.abs(values - middle))))
        axes.set_ylim(middle - reach, middle + reach)
    else:
        axes.set_ylim(0, 1.3 * float(np.nanmax(values)))


def separation_map(separation: Mapping[str, Distance], binning: Binning) -> Figure:
    """Separation power over its floor, for every layer of every layered observable."""
    chosen = {name: s for name, s in separation.items() if s.per == "layer" and len(s.columns) == binning.n_layers}
    excess = np.array([[c.value / max(c.floor, 1e-12) for c in s.columns] for s in chosen.values()])
    with figure(9.5, 1.2 + 0.32 * len(chosen)) as fig:
        axes = fig.add_subplot()
        image = axes.imshow(
            np.clip(excess, 1, None), norm=LogNorm(1, max(10, excess.max())), aspect="auto", cmap="magma_r"
        )
        axes.set_yticks(range(len(chosen)), list(chosen))
        axes.set_xticks(range(binning.n_layers), [str(layer.id) for layer in binning.layers])
        axes.tick_params(which="both", top=False, right=False, length=0)
        axes.minorticks_off()
        axes.set_xlabel("Layer")
        fig.colorbar(image, ax=axes, label="Separation / floor")
        return fig
