"""One ratio panel: truth and generated above, generated / truth below, both with statistical errors."""

__all__ = ["Curve", "ratio_panel", "draw_ratio"]

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from numpy import ndarray as Array

from caloforge.validation.metrics import Histograms
from caloforge.validation.style import BAND, GENERATED, TRUTH, ratio_axes

_REACHES = (0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True, eq=False)
class Curve:
    """Content and standard error of each bin; ``below`` and ``above`` are what lies outside the edges."""

    edges: Float[Array, " e"]
    content: Float[Array, " b"]
    error: Float[Array, " b"]
    below: float = 0.0
    above: float = 0.0

    @classmethod
    def of_histogram(cls, histograms: Histograms) -> "Curve":
        """Content per shower of a sample's first (or only) column."""
        edges = histograms.edges[0]
        mean, error = histograms.per_shower()
        inside = slice(1, len(edges))
        return cls(edges, mean[inside], error[inside], float(mean[0]), float(mean[len(edges)]))

    @classmethod
    def of_means(cls, edges: Float[Array, " e"], values: Float[Array, "N b"]) -> "Curve":
        """Mean over the showers in each bin; undefined values are left out."""
        known = ~np.isnan(values)
        n = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, values, 0).sum(axis=0) / n
        variance = (np.where(known, values - mean, 0) ** 2).sum(axis=0) / n
        return cls(edges, mean, np.sqrt(variance / n))


def ratio_panel(
    fig: Figure, cell: SubplotSpec | None, truth: Curve, generated: Curve, labels: tuple[str, str], scale: str = ""
) -> tuple[Axes, Axes]:
    """Draw one panel.

    Args:
        fig: figure to draw on.
        cell: where in its grid; all of it when None.
        truth: drawn filled, with error bars.
        generated: drawn as a line, with error bars.
        labels: of the x and the y axis.
        scale: axes that are logarithmic: "", "x", "y" or "xy".
    """
    upper, lower = ratio_axes(fig, cell)
    for curve, colour, filled in ((truth, TRUTH, True), (generated, GENERATED, False)):
        if filled:
            upper.stairs(curve.content, curve.edges, fill=True, color=BAND)
        upper.stairs(curve.content, curve.edges, color=colour, label="Geant4" if filled else "generated")
        upper.errorbar(_middles(curve.edges, scale), curve.content, curve.error, fmt="none", ecolor=colour, lw=1)
    _limits(upper, truth, scale)
    upper.set_ylabel(labels[1])
    _note_outside(upper, truth, generated)
    draw_ratio(lower, truth, generated, scale)
    lower.set_xlabel(labels[0])
    return upper, lower


def _middles(edges: Float[Array, " e"], scale: str) -> Float[Array, " b"]:
    return np.sqrt(edges[1:] * edges[:-1]) if "x" in scale else (edges[1:] + edges[:-1]) / 2


def _limits(axes: Axes, truth: Curve, scale: str) -> None:
    positive = truth.content[truth.content > 0]
    top = float(positive.max()) if positive.size else 1.0
    if "x" in scale:
        axes.set_xscale("log")
    if "y" in scale:
        axes.set_yscale("log")
        axes.set_ylim(0.5 * float(positive.min() if positive.size else 0.1), 8 * top)
    else:
        axes.set_ylim(0, 1.6 * top)
    axes.set_xlim(float(truth.edges[0]), float(truth.edges[-1]))


def _note_outside(axes: Axes, truth: Curve, generated: Curve) -> None:
    """Say what the axis leaves out, in percent of the whole: Geant4, then generated."""
    parts = []
    for name, side in (("below", "below"), ("above", "above")):
        shares = [100 * getattr(c, side) / max(c.content.sum() + c.below + c.above, 1e-300) for c in (truth, generated)]
        if max(shares) >= 0.05:
            parts.append(f"{name}: {shares[0]:.1f} | {shares[1]:.1f} %")
    if parts:
        axes.text(0.96, 0.96, "\n".join(parts), transform=axes.transAxes, ha="right", va="top", fontsize=7, color="0.4")


def draw_ratio(axes: Axes, truth: Curve, generated: Curve, scale: str = "") -> None:
    """Generated / truth with the generated sample's errors, on the band of the truth's errors.

    Points outside the axis are drawn as triangles at its edge.
    """
    filled = truth.content > 0
    inverse = np.divide(1.0, truth.content, out=np.zeros_like(truth.content), where=filled)
    ratio, error = (np.where(filled, x * inverse, np.nan) for x in (generated.content, generated.error))
    band = np.minimum(truth.error * inverse, 10.0)
    axes.stairs(1 + band, truth.edges, baseline=1 - band, fill=True, color=BAND)
    axes.axhline(1.0, color=TRUTH, lw=1)
    reach = _reach(ratio, band)
    x = _middles(truth.edges, scale)
    inside = np.abs(ratio - 1) <= reach
    axes.errorbar(x[inside], ratio[inside], error[inside], fmt="o", ms=2.5, lw=1, color=GENERATED)
    for marker, far, y in (("^", ratio > 1 + reach, 1 + 0.93 * reach), ("v", ratio < 1 - reach, 1 - 0.93 * reach)):
        axes.plot(x[far], np.full(int(far.sum()), y), marker, ms=4, mfc="none", color=GENERATED)
    axes.set_ylim(1 - reach, 1 + reach)
    axes.set_ylabel("gen. / G4", loc="center")


def _reach(ratio: Float[Array, " b"], band: Float[Array, " b"]) -> float:
    """Half height of the ratio axis: holds nine tenths of the points that the truth measures to 20 %."""
    known = np.isfinite(ratio) & (band < 0.2)
    if not known.any():
        return _REACHES[-1]
    needed = float(np.quantile(np.abs(ratio[known] - 1) + band[known], 0.9))
    return next((reach for reach in _REACHES if needed < reach), 0.95)
