"""Pictures of latents: what they tell of which shape, where the variance comes from, and one latent moved."""

__all__ = ["matrix", "traversal", "variance"]

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy import ndarray as Array

from caloforge.interpretation.information import Dependence
from caloforge.interpretation.traversal import STEPS, Traversal
from caloforge.interpretation.variance import VarianceShares
from caloforge.physics.depth import depth_unit, layer_depths
from caloforge.reporting.images import draw_across, draw_side
from caloforge.reporting.style import BAND, TRUTH, figure, look, power_label

_LARGEST = 2.0  # ratio at the end of the colours


def matrix(dependence: Dependence) -> Figure:
    """Mutual information and correlation of every latent with every shape; white: not significant.

    Args:
        dependence: latents are rows, shapes columns.
    """
    rows = len(dependence.latents)
    with figure(9.6, 2.2 + 0.155 * rows) as fig:
        left, right = fig.subplots(1, 2, sharey=True)
        shown = np.where(dependence.significant, dependence.information, np.nan)
        top = max(float(dependence.information.max()), 2 * dependence.least)
        image = left.imshow(shown, norm=LogNorm(dependence.least, top), cmap="viridis_r", aspect="auto")
        bar = fig.colorbar(image, ax=left, label="Mutual information [nats]", format=FuncFormatter(power_label))
        bar.ax.yaxis.set_minor_locator(NullLocator())
        bar.ax.yaxis.set_major_locator(FixedLocator([t for t in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5) if t < top]))
        image = right.imshow(dependence.correlation, vmin=-1, vmax=1, cmap="RdBu_r", aspect="auto")
        fig.colorbar(image, ax=right, label="Correlation of normal scores")
        for axes, title in (
            (left, f"significant above {dependence.least:.3f} nats"),
            (right, f"{dependence.n:,} showers"),
        ):
            axes.set_title(title)
            axes.set_xticks(range(len(dependence.shapes)), dependence.shapes, rotation=90, fontsize=8)
            axes.tick_params(which="both", length=0, top=False, right=False)
            _between_groups(axes, dependence.latents)
        left.set_yticks(range(rows), dependence.latents, fontsize=7)
        return fig


def _between_groups(axes: Axes, names: tuple[str, ...]) -> None:
    """A line where the first letter of the names changes."""
    for row in range(1, len(names)):
        if names[row][0] != names[row - 1][0]:
            axes.axhline(row - 0.5, color=TRUTH, lw=0.8)


def variance(shares: VarianceShares) -> Figure:
    """Variance of each shape over Geant4's, divided up among the parts of the noise that it comes from.

    Args:
        shares: of each part of the noise in each shape's variance.
    """
    places = np.arange(len(shares.shapes))[::-1]
    share = np.clip(shares.share, 0, None)
    share /= np.maximum(share.sum(axis=0), 1)
    parts = [*zip(shares.parts, share, strict=True), ("together only", 1 - share.sum(axis=0))]
    with figure(8.2, 1.3 + 0.3 * len(places)) as fig:
        axes, start = fig.subplots(), np.zeros(len(places))
        for position, (name, values) in enumerate(parts):
            colour = look(position).colour if position < len(shares.parts) else BAND
            axes.barh(places, values * shares.ratio, left=start, color=colour, height=0.7, label=name)
            start += values * shares.ratio
        axes.errorbar(shares.ratio, places, xerr=shares.ratio_error, fmt="none", ecolor=TRUTH, capsize=3, lw=1.2)
        axes.axvline(1, color=TRUTH, ls="--", lw=1)
        axes.set_yticks(places, shares.shapes)
        axes.tick_params(axis="y", which="both", length=0)
        far = 1.05 * float((shares.ratio + shares.ratio_error).max())
        axes.set(xlabel="Variance at fixed energy, over that of Geant4", xlim=(0, max(1.1, far)))
        fig.legend(loc="outside upper center", ncols=len(parts), title="due to the noise of")
        return fig


def traversal(moved: Traversal) -> Figure:
    """Mean shower with the latent at zero, at -3 and 3 sigma over that, and the profiles at every step.

    Args:
        moved: the latent at each step.
    """
    binning, middle = moved.binning, moved.cells[STEPS.index(0.0)]
    hottest = int(moved.profile[STEPS.index(0.0)].argmax())
    top = float(middle.max()) * max(1, binning.layers[hottest].n_alpha // 2)  # the side view adds up half of a ring
    energy, ratio = LogNorm(top * 1e-5, top, clip=True), LogNorm(1 / _LARGEST, _LARGEST, clip=True)
    with figure(18.6, 6.6) as fig:
        axes = fig.subplots(2, 5, width_ratios=(1, 1, 1, 1.1, 1.1))
        shown = _views(axes[:, 0], moved, hottest, 0.0, energy, None)
        _bar(fig, shown, axes[:, 0], "Mean energy [MeV]")
        for column, step in ((1, -3.0), (2, 3.0)):
            shown = _views(axes[:, column], moved, hottest, step, ratio, middle)
        _bar(fig, shown, axes[:, 1:3], f"Over {moved.latent} = 0").set_ticks([0.5, 0.7, 1, 1.4, 2])
        axes[0, 0].set_ylabel("Radius [mm]")
        axes[1, 0].set_ylabel("y [mm]")
        _profiles(axes[:, 3], moved, layer_depths(binning), moved.profile, f"Depth [{depth_unit(binning)}]")
        rings = np.arange(max(layer.n_r for layer in binning.layers))
        _profiles(axes[:, 4], moved, rings, moved.radial_profile, "Ring, from the axis")
        axes[0, 3].set(ylabel="Mean energy in layer [MeV]", title="Longitudinal profile")
        axes[0, 4].set(ylabel="Mean energy in ring [MeV]", title="Radial profile", yscale="log")
        axes[0, 3].legend(title=f"{moved.latent} [σ]", ncols=2, loc="upper right")
        return fig


def _views(
    axes: Array, moved: Traversal, layer: int, step: float, norm: Normalize, over: Float[Array, " V"] | None
) -> Any:
    """The mean shower at one step from the side and across."""
    cells, colours = moved.cells[STEPS.index(step)], "viridis" if over is None else "RdBu_r"
    shown = draw_side(axes[0], moved.binning, cells, norm, colours, over)
    draw_across(axes[1], moved.binning, layer, cells, norm, colours, over)
    title = f"{moved.latent} = {step:+g}" if step else f"{moved.latent} = 0"
    axes[0].set(title=title, xlabel=f"Depth [{depth_unit(moved.binning)}]")
    axes[1].set(title=f"{title}, layer {moved.binning.layers[layer].id}", xlabel="x [mm]")
    return shown


def _bar(fig: Figure, shown: Any, axes: Array, label: str) -> Colorbar:
    bar = fig.colorbar(shown, ax=list(axes.ravel()), label=label, format=FuncFormatter(power_label))
    bar.minorticks_off()
    return bar


def _profiles(axes: Array, moved: Traversal, places: Array, profile: Float[Array, "S k"], label: str) -> None:
    """A profile at every step, and below it over that at zero."""
    middle = np.maximum(profile[STEPS.index(0.0)], 1e-12)
    for position, (step, values) in enumerate(zip(STEPS, profile, strict=True)):
        axes[0].plot(places, values, color=_colour(position), label=f"{step:+g}" if step else "0")
        axes[1].plot(places, values / middle, color=_colour(position))
    far = min(2.0, 1.1 * max(0.02, float(np.abs(profile / middle - 1).max())))
    axes[1].set(xlabel=label, ylabel=f"Over {moved.latent} = 0", ylim=(max(0.0, 1 - far), 1 + far))


def _colour(position: int) -> str:
    """From blue (-3) to red (3)."""
    return ("#2166ac", "#4393c3", "#92c5de", TRUTH, "#f4a582", "#d6604d", "#b2182b")[position]
