"""Pictures of a model's dependence on energy (FiLM, slopes) and of what a classifier sees on the r-z plane."""

__all__ = ["attribution", "modulation", "sensitivity"]

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy import ndarray as Array

from caloforge.geometry.binning import Binning
from caloforge.interpretation.attribution import Attribution
from caloforge.interpretation.cylinder import KINDS
from caloforge.interpretation.modulation import Modulation
from caloforge.interpretation.slopes import Quantity, Sensitivity
from caloforge.physics.depth import depth_unit, layer_edges
from caloforge.reporting.style import BAND, MUTED, TRUTH, figure, look, power_label
from caloforge.units import GeV

_MAPS = {"energy": ("energy",), "hits": ("hits",), "dipole (x and y)": ("dipole_x", "dipole_y")}


def modulation(layers: Sequence[Modulation]) -> Figure:
    """Scale (above) and shift (below) of each layer: mean and spread over the units, and the units that move most.

    Args:
        layers: the modulation by each FiLM layer, a column of panels each.
    """
    with figure(4.3 * len(layers) + 0.4, 6.2) as fig:
        axes = fig.subplots(2, len(layers), sharex=True, squeeze=False)
        for column, layer in enumerate(layers):
            for row, (name, values) in enumerate((("scale γ", layer.scale), ("shift δ", layer.shift))):
                _units(axes[row, column], layer, values)
                axes[row, column].set_ylabel(f"{name} of a hidden unit" if column == 0 else "")
            axes[0, column].set_title(layer.layer.removesuffix(".film"))
            axes[1, column].set_xlabel("Incident energy [GeV]")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        fig.legend(handles[-3:], labels[-3:], loc="outside upper center", ncols=3)
        return fig


def _units(axes: Axes, layer: Modulation, values: Float[Array, "K W"]) -> None:
    energy, mean, spread = layer.energy / GeV, values.mean(axis=1), values.std(axis=1)
    _mark_range(axes, layer.trained, (energy[0], energy[-1]))
    for rank, unit in enumerate(layer.most_moving(values)):
        axes.plot(
            energy, values[:, unit], color=look(rank).colour, ls=look(rank).line, lw=1.1, label="units that move most"
        )
    axes.fill_between(energy, mean - spread, mean + spread, color=BAND, label="all units, ±1 standard deviation")
    axes.plot(energy, mean, color=TRUTH, label="mean of all units")
    axes.set(xscale="log", xlim=(energy[0], energy[-1]))
    axes.xaxis.set_major_formatter(FuncFormatter(power_label))


def _mark_range(axes: Axes, trained: tuple[float, float], shown: tuple[float, float]) -> None:
    """Grey where the model was not trained; energies in GeV."""
    low, high = (e / GeV for e in trained)
    for start, end in ((shown[0], low), (high, shown[1])):
        if end > start:
            axes.axvspan(start, end, color="#efe8dc", zorder=0)


def sensitivity(measured: Sensitivity) -> Figure:
    """Slope of each quantity against the energy: the model, the law fitted to Geant4, and Geant4's own differences.

    Args:
        measured: slopes of every quantity, a panel each.
    """
    columns = 3
    rows = -(-len(measured.quantities) // columns)
    with figure(13.0, 2.75 * rows + 0.5) as fig:
        axes = fig.subplots(rows, columns, sharex=True, squeeze=False).ravel()
        for panel, quantity in zip(axes, measured.quantities.values(), strict=False):
            _slopes(panel, measured, quantity)
        for panel in axes[len(measured.quantities) :]:
            panel.set_visible(False)
        for panel in axes[max(0, len(measured.quantities) - columns) : len(measured.quantities)]:
            panel.set_xlabel("Incident energy [GeV]")
            panel.tick_params(labelbottom=True)
        handles = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
        fig.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=4)
        return fig


def _slopes(axes: Axes, measured: Sensitivity, q: Quantity) -> None:
    energy, own, truth = measured.energy / GeV, look(1), q.expected
    span = (energy[0] / 1.3, energy[-1] * 1.3)
    _mark_range(axes, measured.trained, span)
    axes.fill_between(energy, truth.law - truth.law_error, truth.law + truth.law_error, color=BAND)
    axes.plot(energy, truth.law, color=TRUTH, label="law fitted to Geant4")
    _points(axes, energy * 0.96, truth.difference, truth.difference_error, TRUTH, "s", "Geant4, finite differences")
    _points(axes, energy * 1.04, q.path, q.path_error, look(0).colour, "x", "model, along the path")
    _points(axes, energy, q.model, q.model_error, own.colour, "o", "model, common random numbers")
    name = q.label if q.label.startswith("$d") else rf"d$\langle${q.label.partition(' [')[0]}$\rangle$ / d ln E"
    axes.set(xscale="log", xlim=span, title=f"{name}{_unit(q.label)}")
    axes.margins(y=0.1)
    if not np.isfinite(truth.law).any():
        axes.axhline(0, color=MUTED, lw=0.7, ls=":")
    axes.xaxis.set_major_formatter(FuncFormatter(power_label))


def _unit(label: str) -> str:
    return f" [{label.partition(' [')[2]}" if " [" in label else ""


def _points(
    axes: Axes,
    x: Float[Array, " K"],
    y: Float[Array, " K"],
    error: Float[Array, " K"],
    colour: str,
    marker: str,
    name: str,
) -> None:
    axes.errorbar(x, y, error, color=colour, fmt=marker, ms=4.5, mfc="none" if marker == "s" else colour, label=name)


def attribution(attributed: Attribution) -> Figure:
    """Shares of the places in the mean difference of scores, and what the AUC loses without layers, rings and kinds.

    Args:
        attributed: the map, with what the classifier loses.
    """
    binning = attributed.binning
    maps = {name: [KINDS.index(kind) for kind in kinds] for name, kinds in _MAPS.items()}
    values = {name: attributed.value[rows].sum(axis=0) for name, rows in maps.items()}
    top = max(float(np.abs(v).max()) for v in values.values()) or 1.0
    with figure(13.0, 6.6) as fig:
        axes = fig.subplots(2, 3, height_ratios=(1.15, 1))
        for panel, (name, rows) in zip(axes[0], maps.items(), strict=True):
            mesh = _map(panel, attributed, values[name], Normalize(-top, top))
            _mark(panel, attributed, np.any(attributed.significant[rows], axis=0))
            panel.set(title=f"{name}: {values[name].sum():+.3f}", xlabel=f"Depth [{depth_unit(binning)}]")
        axes[0, 0].set_ylabel("Radius [mm]")
        fig.colorbar(mesh, ax=list(axes[0]), label="Part in the difference of mean scores")
        layers = [f"layer {k}" for k in range(binning.n_layers)]
        rings = [f"ring {k}" for k in range(max(ring.ring for ring in attributed.rings) + 1)]
        for panel, names in zip(axes[1], (layers, rings, KINDS), strict=True):
            _importances(panel, attributed, names)
        axes[1, 0].set_ylabel("Loss of AUC when exchanged")
        for panel, label in zip(axes[1], ("Layer", "Ring, from the axis", "Kind of feature"), strict=True):
            panel.set_xlabel(label)
        handles, labels = axes[1, 0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside lower right")
        return fig


def _corners(binning: Binning, layer: int, ring: int) -> Float[Array, "4 2"]:
    z, r = layer_edges(binning)[layer], binning.layers[layer].r_edges[ring : ring + 2]
    return np.array([[z[0], r[0]], [z[1], r[0]], [z[1], r[1]], [z[0], r[1]]])


def _map(axes: Axes, attributed: Attribution, values: Float[Array, " R"], norm: Normalize) -> PolyCollection:
    corners = np.array([_corners(attributed.binning, *ring) for ring in attributed.rings])
    mesh = PolyCollection(list(corners), norm=norm, cmap="RdBu_r", lw=0, antialiased=False, rasterized=True)
    mesh.set_array(values)
    axes.add_collection(mesh, autolim=False)
    axes.set(xlim=(corners[..., 0].min(), corners[..., 0].max()), ylim=(0, corners[..., 1].max()))
    return mesh


def _mark(axes: Axes, attributed: Attribution, chosen: Bool[Array, " R"]) -> None:
    """Dots in the places that stand out."""
    for ring, stands_out in zip(attributed.rings, chosen, strict=True):
        if stands_out:
            axes.plot(*_corners(attributed.binning, *ring).mean(axis=0), ".", color=TRUTH, ms=3)


def _importances(axes: Axes, attributed: Attribution, names: Sequence[str]) -> None:
    places = np.arange(len(names))
    own, floor = ([table[name] for name in names] for table in (attributed.importances, attributed.floor_importances))
    axes.bar(places, [i.loss_of_auc for i in own], yerr=[i.error for i in own], color=look(1).colour, ecolor=TRUTH)
    heights, errors = [i.loss_of_auc for i in floor], [i.error for i in floor]
    axes.errorbar(places, heights, errors, fmt="s", color=MUTED, mfc="none", ms=4, label="Geant4 against Geant4")
    axes.axhline(0, color=TRUTH, lw=0.8)
    axes.set_xticks(places, [name.split()[-1] for name in names])
    axes.tick_params(axis="x", which="both", length=0)
