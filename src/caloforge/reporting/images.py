"""Pictures of showers on their mesh: mean images with their ratios, and single showers side by side."""

__all__ = ["beside_truth", "draw_across", "draw_side", "paired_showers", "side_views", "single_showers"]

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator
from numpy import ndarray as Array

from caloforge.data.showers import Showers
from caloforge.geometry.binning import Binning
from caloforge.physics.depth import depth_unit
from caloforge.reporting.patches import Patch, patches_across, patches_from_side, quadrangles, ratios
from caloforge.reporting.style import figure, power_label
from caloforge.units import GeV


def _draw(axes: Axes, patches: list[Patch], norm: Normalize, colours: str) -> Any:
    """Draw contents above zero; empty cells stay white."""
    corners, contents = (np.concatenate(parts) for parts in zip(*map(quadrangles, patches), strict=True))
    lit = contents > 0
    mesh = PolyCollection(list(corners[lit]), norm=norm, cmap=colours, lw=0, antialiased=False, rasterized=True)
    mesh.set_array(contents[lit])
    axes.add_collection(mesh, autolim=False)
    axes.set_xlim(corners[..., 0].min(), corners[..., 0].max())
    axes.set_ylim(corners[..., 1].min(), corners[..., 1].max())
    axes.tick_params(which="both", top=False, right=False, direction="out")
    return mesh


def _scale(patches: list[Patch], decades: int) -> LogNorm:
    top = max(float(patch.content.max()) for patch in patches) or 1.0
    return LogNorm(top * 10.0**-decades, top, clip=True)


def draw_side(
    axes: Axes,
    binning: Binning,
    cells: Float[Array, " V"],
    norm: Normalize,
    colours: str = "viridis",
    over: Float[Array, " V"] | None = None,
) -> Any:
    """Cells from the side on given axes, what lies above and below the axis summed up; ``over`` divides these sums.

    Args:
        axes: to draw on.
        binning: mesh of the cells.
        cells: energy of each cell, or whatever adds up.
        norm: scale of the colours.
        colours: name of a colour map of matplotlib.
        over: cells whose sums divide those of ``cells``.
    """
    views = [patches_from_side(binning, c) for c in (over, cells) if c is not None]
    return _draw(axes, views[0] if over is None else ratios(*views), norm, colours)


def draw_across(
    axes: Axes,
    binning: Binning,
    layer: int,
    cells: Float[Array, " V"],
    norm: Normalize,
    colours: str = "viridis",
    over: Float[Array, " V"] | None = None,
) -> Any:
    """The cells of the layer at this position across the axis on given axes; ``over`` divides them.

    Args:
        axes: to draw on.
        binning: mesh of the cells.
        layer: its position, from 0.
        cells: energy of each cell, or whatever adds up.
        norm: scale of the colours.
        colours: name of a colour map of matplotlib.
        over: cells that divide ``cells``.
    """
    views = [patches_across(binning, layer, c) for c in (over, cells) if c is not None]
    axes.set_aspect("equal")
    return _draw(axes, views[0] if over is None else ratios(*views), norm, colours)


def draw_row(
    fig: Figure, axes: Array, views: list[list[Patch]], shown: int, labels: tuple[str, str], titles: list[str]
) -> None:
    """Mean energies of the first views, and the ratio of each but the first to the first.

    Args:
        fig: which holds the axes.
        axes: a panel each for what is shown itself, then for the ratios.
        views: patches of the truth, then of each generated sample.
        shown: how many views are shown themselves.
        labels: of x and y.
        titles: of the panels.
    """
    energy, ratio = _scale(views[0], 5), Normalize(0.5, 1.5)
    means = [_draw(axes[i], views[i], energy, "viridis") for i in range(shown)]
    divided = [
        _draw(panel, ratios(views[0], view), ratio, "RdBu_r")
        for panel, view in zip(axes[shown:], views[1:], strict=True)
    ]
    for panel, title in zip(axes, titles, strict=True):
        panel.set(xlabel=labels[0], ylabel=labels[1], title=title)
    _energy_bar(fig, means[0], list(axes[:shown]), label="Mean energy per shower [MeV]")
    fig.colorbar(divided[0], ax=list(axes[shown:]), label="Ratio to Geant4", extend="both")


def _energy_bar(fig: Figure, mesh: Any, axes: list[Axes], **options: Any) -> None:
    """A logarithmic colour bar with few ticks: each of the usual dozens takes as long to draw as a panel."""
    bar = fig.colorbar(mesh, ax=axes, format=FuncFormatter(power_label), ticks=LogLocator(numticks=6), **options)
    bar.minorticks_off()


def single_showers(truth: Showers, generated: Showers, shown: int = 4) -> Figure:
    """Single showers from the side, each generated one under the true one of nearest incident energy.

    Energies are spread over the logarithm of the truth's range; nothing is chosen by how the showers look.

    Args:
        truth: showers of the reference.
        generated: on the same mesh.
        shown: how many of each.
    """
    first, second = _pairs(truth, generated, shown)
    above = [f"Geant4, {_energy(truth, i)}" for i in first]
    below = [f"generated, {_energy(generated, i)}" for i in second]
    return paired_showers(truth[np.array(first)], generated[np.array(second)], [above, below])


def beside_truth(truth: Showers, generated: Showers, notes: Sequence[str]) -> Figure:
    """These generated showers from the side, titled by energy and a note, each under the true one of nearest energy.

    Args:
        truth: showers of the reference.
        generated: the showers to show, on the same mesh.
        notes: a word or two on each of them.
    """
    log_truth, taken = np.log(truth.incident_energy.astype(float)), list[int]()
    for energy in generated.incident_energy.astype(float):
        taken.append(_nearest(log_truth, np.log(energy), taken))
    above = [f"Geant4, {_energy(truth, i)}" for i in taken]
    below = [f"{_energy(generated, i)}, {note}" for i, note in enumerate(notes)]
    return paired_showers(truth[np.array(taken)], generated, [above, below])


def _energy(showers: Showers, i: int) -> str:
    return f"{float(showers.incident_energy[i]) / GeV:.3g} GeV"


def paired_showers(truth: Showers, generated: Showers, titles: list[list[str]]) -> Figure:
    """Truth above, generated below, each column on the energy scale of its truth.

    Args:
        truth: the showers above.
        generated: as many below, on the same mesh.
        titles: of the upper row, then of the lower.
    """
    binning, shown = truth.binning, len(truth)
    views = [[patches_from_side(binning, cells) for cells in s.energy] for s in (truth, generated)]
    with figure(3.0 * shown, 5.6) as fig:
        axes = fig.subplots(2, shown, sharex=True, sharey=True, squeeze=False)
        for column in range(shown):
            norm = _scale(views[0][column], 5)
            for row in range(2):
                mesh = _draw(axes[row, column], views[row][column], norm, "viridis")
                axes[row, column].set_title(titles[row][column])
            _energy_bar(fig, mesh, list(axes[:, column]), location="bottom", label="Energy [MeV]", aspect=25)
            axes[1, column].set_xlabel(f"Depth [{depth_unit(binning)}]")
        for row_of_axes in axes:
            row_of_axes[0].set_ylabel("Radius [mm]")
        return fig


def side_views(binning: Binning, pictures: Mapping[str, Float[Array, " V"]], label: str) -> Figure:
    """Pictures of cells from the side on one scale, side by side, each under its name.

    Args:
        binning: mesh of the cells.
        pictures: cells of each picture, by name.
        label: of the scale of colours.
    """
    views = [patches_from_side(binning, cells) for cells in pictures.values()]
    norm = _scale([patch for view in views for patch in view], 5)
    with figure(3.9 * len(views) + 0.6, 3.7) as fig:
        axes = fig.subplots(1, len(views), sharey=True, squeeze=False)[0]
        for panel, name, view in zip(axes, pictures, views, strict=True):
            mesh = _draw(panel, view, norm, "viridis")
            panel.set(xlabel=f"Depth [{depth_unit(binning)}]", title=name)
        axes[0].set_ylabel("Radius [mm]")
        fig.colorbar(mesh, ax=list(axes), label=label)
        return fig


def _pairs(truth: Showers, generated: Showers, shown: int) -> tuple[list[int], list[int]]:
    """True showers at energies spread over the range, and for each the generated one of nearest energy; no repeats."""
    log_truth, log_generated = (np.log(s.incident_energy.astype(float)) for s in (truth, generated))
    low, high = log_truth.min(), log_truth.max()
    first: list[int] = []
    second: list[int] = []
    for target in low + (high - low) * (np.arange(shown) + 0.5) / shown:
        first.append(_nearest(log_truth, target, first))
        second.append(_nearest(log_generated, log_truth[first[-1]], second))
    return first, second


def _nearest(values: Float[Array, " n"], target: float, taken: list[int]) -> int:
    distance = np.abs(values - target)
    distance[taken] = np.inf
    return int(distance.argmin())
