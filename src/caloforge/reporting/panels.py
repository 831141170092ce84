"""One ratio panel: truth and generated samples above, generated / truth below, both with statistical errors."""

__all__ = ["ratio_panel", "draw_ratio", "draw_band", "draw_points", "reach_of", "energy_axis", "depth_axis"]

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, NullLocator
from numpy import ndarray as Array

from caloforge.reporting.curve import Curve
from caloforge.reporting.style import BAND, MUTED, TRUTH, look

_REACHES = (0.05, 0.1, 0.2, 0.5)
_ONE_ENERGY = 1.001  # ratio of highest and lowest energy
_ROOM = 1.5  # factor by which an axis with one energy reaches to either side


def ratio_panel(
    axes: tuple[Axes, Axes], truth: Curve, generated: Sequence[Curve], scale: str = "", reach: float | None = None
) -> None:
    """Draw one panel.

    Args:
        axes: upper and lower, on the same x axis.
        truth: drawn filled.
        generated: drawn as lines with error bars, each in the look of its position.
        scale: axes that are logarithmic: "", "x", "y" or "xy".
        reach: half height of the ratio axis; its own if None.
    """
    upper, lower = axes
    upper.stairs(_known(truth.content), truth.edges, fill=True, color=BAND)
    upper.stairs(truth.content, truth.edges, color=TRUTH, lw=1.0)
    _bars(upper, _middles(truth.edges, scale), truth, TRUTH)
    for position, curve in enumerate(generated):
        style = look(position)
        upper.stairs(curve.content, curve.edges, color=style.colour, ls=style.line, lw=1.3)
        _bars(upper, _shifted(curve.edges, scale, position, len(generated)), curve, style.colour)
    _limits(upper, truth, generated, scale)
    _note_outside(upper, truth, generated)
    draw_ratio(lower, truth, generated, scale, reach)


def _known(content: Float[Array, " b"]) -> Float[Array, " b"]:
    return np.nan_to_num(content, nan=0.0)


def _bars(axes: Axes, x: Float[Array, " b"], curve: Curve, colour: str) -> None:
    low, high = curve.content - curve.error, curve.content + curve.error
    shown = np.isfinite(low) & (curve.error > 0)
    axes.vlines(x[shown], low[shown], high[shown], color=colour, lw=1)


def _middles(edges: Float[Array, " e"], scale: str) -> Float[Array, " b"]:
    return np.sqrt(edges[1:] * edges[:-1]) if "x" in scale else (edges[1:] + edges[:-1]) / 2


def _shifted(edges: Float[Array, " e"], scale: str, position: int, count: int) -> Float[Array, " b"]:
    """Middles, moved apart where several samples stand side by side."""
    part = 0.5 + 0.6 * ((position + 0.5) / count - 0.5)
    if "x" in scale:
        return edges[:-1] * (edges[1:] / edges[:-1]) ** part
    return edges[:-1] + part * (edges[1:] - edges[:-1])


def _limits(axes: Axes, truth: Curve, generated: Sequence[Curve], scale: str) -> None:
    values = np.concatenate([truth.content, *(np.minimum(c.content, 3 * _top(truth)) for c in generated)])
    values = values[np.isfinite(values)]
    positive = values[values > 0]
    if "x" in scale:
        axes.set_xscale("log")
    if "y" in scale and positive.size:
        axes.set_yscale("log")
        axes.set_ylim(0.5 * float(positive.min()), 8 * float(positive.max()))
    elif positive.size:
        axes.set_ylim(1.25 * min(float(values.min()), 0.0), 1.45 * float(positive.max()))
    axes.set_xlim(float(truth.edges[0]), float(truth.edges[-1]))


def _top(truth: Curve) -> float:
    defined = truth.content[np.isfinite(truth.content)]
    return float(defined.max()) if defined.size and defined.max() > 0 else np.inf


def _note_outside(axes: Axes, truth: Curve, generated: Sequence[Curve]) -> None:
    """Say how much of each sample the axis leaves out, in percent of the whole."""
    parts = []
    for name, words in (("below", "below axis"), ("above", "above axis"), ("undefined", "undefined")):
        shares = [100 * getattr(c, name) / max(_whole(c), 1e-300) for c in (truth, *generated)]
        if max(shares) >= 0.05:
            first, *others = (f"{share:.1f}" for share in shares)
            parts.append(f"{words}: G4 {first}, generated {', '.join(others)} %")
    if parts:
        axes.text(0.97, 0.96, "\n".join(parts), transform=axes.transAxes, ha="right", va="top", fontsize=7, color=MUTED)


def _whole(curve: Curve) -> float:
    return float(np.nansum(curve.content)) + curve.below + curve.above + curve.undefined


def draw_ratio(
    axes: Axes, truth: Curve, generated: Sequence[Curve], scale: str = "", reach: float | None = None
) -> None:
    """Generated / truth with the generated samples' errors, on the band of the truth's errors.

    Args:
        axes: to draw on.
        truth: what divides.
        generated: what is divided, with the same edges.
        scale: ``x`` where the axis is logarithmic.
        reach: half height of the axis; by default what the curves need.
    """
    reach = reach_of([(truth, curve) for curve in generated]) if reach is None else reach
    draw_band(axes, truth, reach)
    for position, curve in enumerate(generated):
        draw_points(axes, truth, curve, (position, len(generated)), scale, reach)


def draw_band(axes: Axes, truth: Curve, reach: float) -> None:
    """The statistical error of the truth around one, and an axis of this half height.

    Args:
        axes: to draw on.
        truth: whose error the band is.
        reach: half height of the axis.
    """
    band = _relative_error(truth)
    axes.stairs(1 + band, truth.edges, baseline=1 - band, fill=True, color=BAND)
    axes.axhline(1.0, color=TRUTH, lw=0.8)
    axes.set_ylim(1 - reach, 1 + reach)
    axes.set_yticks([1 - reach / 2, 1, 1 + reach / 2] if reach < 0.9 else [0.5, 1, 1.5])


def draw_points(
    axes: Axes, truth: Curve, curve: Curve, position: tuple[int, int], scale: str = "", reach: float = 0.5
) -> None:
    """One sample's ratios; those outside the axis become triangles at its edge.

    Args:
        axes: to draw on.
        truth: denominator.
        curve: numerator, in the bins of the truth.
        position: which of how many samples side by side.
        scale: ``x`` where the axis is logarithmic.
        reach: half height of the axis.
    """
    style, x = look(position[0]), _shifted(truth.edges, scale, *position)
    ratio, error = _ratio(truth, curve)
    inside = np.abs(ratio - 1) <= reach
    axes.vlines(x[inside], (ratio - error)[inside], (ratio + error)[inside], color=style.colour, lw=1)
    axes.plot(x[inside], ratio[inside], style.marker, ms=2.5, color=style.colour)
    for marker, far, y in (("^", ratio > 1 + reach, 1 + 0.88 * reach), ("v", ratio < 1 - reach, 1 - 0.88 * reach)):
        if far.any():
            axes.plot(x[far], np.full(int(far.sum()), y), marker, ms=3.5, mfc="none", color=style.colour)


def _relative_error(truth: Curve) -> Float[Array, " b"]:
    filled = np.isfinite(truth.content) & (truth.content != 0)
    band = np.divide(truth.error, np.abs(truth.content), out=np.zeros_like(truth.content), where=filled)
    return np.minimum(band, 10.0)


def _ratio(truth: Curve, curve: Curve) -> tuple[Float[Array, " b"], Float[Array, " b"]]:
    filled = np.isfinite(truth.content) & (truth.content != 0)
    inverse = np.divide(1.0, truth.content, out=np.zeros_like(truth.content), where=filled)
    return np.where(filled, curve.content * inverse, np.nan), np.where(filled, curve.error * np.abs(inverse), np.nan)


def reach_of(pairs: Sequence[tuple[Curve, Curve]]) -> float:
    """Half height of the axis of ratios: holds nine tenths of the points that the truth measures to 20 %.

    Args:
        pairs: of truth and a generated sample.
    """
    needed = _REACHES[0] / 2
    for truth, curve in pairs:
        ratio, band = _ratio(truth, curve)[0], _relative_error(truth)
        defined = np.isfinite(ratio) & (band < 0.2)
        if defined.any():
            needed = max(needed, float(np.quantile(np.abs(ratio[defined] - 1) + band[defined], 0.9)))
    return next((reach for reach in _REACHES if needed < reach), 0.95)


def energy_axis(axes: Axes, span: tuple[float, float] | None = None, room: float = 1.0) -> None:
    """A logarithmic axis in GeV with plain numbers; where there is one energy only, its number alone.

    Args:
        axes: whose x is an energy in GeV.
        span: lowest and highest energy, where the axis is to end there.
        room: factor by which it reaches further at either end.
    """
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(NullFormatter())
    if span is not None and span[1] / span[0] < _ONE_ENERGY:
        middle = float(np.sqrt(span[0] * span[1]))
        axes.set_xlim(middle / _ROOM, middle * _ROOM)
        axes.xaxis.set_major_locator(FixedLocator([middle]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(f"{middle:.4g}")
        return
    if span is not None:
        axes.set_xlim(span[0] / room, span[1] * room)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")


def depth_axis(axes: Axes, radiation_length: float | None) -> None:
    """A second axis on top, in X0, where the radiation length is known; the axis below is in mm.

    Args:
        axes: whose x is a depth in mm.
        radiation_length: mean X0 of the detector, mm.
    """
    if radiation_length is None:
        return
    axes.tick_params(which="both", top=False)
    x0 = radiation_length

    def inwards(depth: Any) -> Any:
        return np.asarray(depth) / x0

    def outwards(depth: Any) -> Any:
        return np.asarray(depth) * x0

    top = axes.secondary_xaxis("top", functions=(inwards, outwards))
    top.set_xlabel("Depth [X$_0$]", fontsize=axes.xaxis.label.get_fontsize())
