"""The energy measurement against energy or angle: mean response and resolution of each sample, with their ratios."""

__all__ = ["draw_response"]

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import ndarray as Array

from caloforge.metrics.response import ResponseBin
from caloforge.reporting.curve import Curve
from caloforge.reporting.panels import draw_band, draw_points, energy_axis, reach_of
from caloforge.reporting.style import TRUTH, figure, look, subfigures
from caloforge.units import GeV, deg

_ONE_ENERGY, _ROOM = 1.001, 1.2
_LABELS = {
    "mean": r"Mean response $\langle E_\mathrm{tot}/E_\mathrm{inc}\rangle$",
    "resolution": r"Resolution $\sigma/\langle E_\mathrm{tot}/E_\mathrm{inc}\rangle$",
}


def draw_response(responses: Mapping[str, tuple[ResponseBin, ...]]) -> Figure:
    """Mean response (left) and resolution (right) in each bin of energy or of theta; all samples have the same truth.

    Args:
        responses: bins of each sample, by name.
    """
    with figure(11.0, 4.6) as fig:
        for half, what in zip(subfigures(fig, 1, 2), _LABELS, strict=True):
            upper, lower = half.subplots(2, 1, sharex=True, height_ratios=(3, 1))
            _quantity(upper, lower, what, responses)
        return fig


def _quantity(upper: Axes, lower: Axes, what: str, responses: Mapping[str, tuple[ResponseBin, ...]]) -> None:
    """Where the samples have bins of their own, the truth is drawn in those of the first."""
    truths, generated = [], []
    for position, (name, bins) in enumerate(responses.items()):
        style, shift = look(position), 0.08 * (position + 1)
        truths.append(_curve(bins, what, "truth"))
        generated.append(_curve(bins, what, "generated"))
        if position == 0:
            _points(upper, truths[0], bins, ("Geant4", TRUTH, "s"), 0.0)
        _points(upper, generated[-1], bins, (name, style.colour, style.marker), shift)
    bins = next(iter(responses.values()))
    span = float(_scaled(bins[0].low, bins[0])), float(_scaled(bins[-1].high, bins[0]))
    if bins[0].of == "energy":
        energy_axis(upper, span)
    else:
        upper.set_xlim(span)
    upper.set_ylabel(_LABELS[what])
    _limits(upper, what, truths[0], generated)
    upper.legend(loc="upper right", ncols=2, handletextpad=0.2)
    energies = bins[0].of == "energy"
    _ratios(lower, truths, generated, "x" if energies else "")
    lower.set_xlabel(r"Incident energy $E_\mathrm{inc}$ [GeV]" if energies else r"Angle to the normal $\theta$ [deg]")


def _scaled(x: float, of: ResponseBin) -> float:
    """In GeV or degrees."""
    return x / GeV if of.of == "energy" else x / deg


def _ratios(axes: Axes, truths: list[Curve], generated: list[Curve], scale: str) -> None:
    pairs = list(zip(truths, generated, strict=True))
    reach = reach_of(pairs)
    draw_band(axes, truths[0], reach)
    for position, (truth, curve) in enumerate(pairs):
        draw_points(axes, truth, curve, (position, len(pairs)), scale, reach)
    axes.set_ylabel("ratio to G4", loc="center")


def _curve(bins: tuple[ResponseBin, ...], what: str, of: str) -> Curve:
    edges = np.array([_scaled(x, bins[0]) for x in (bins[0].low, *(b.high for b in bins))])
    if bins[0].of == "energy" and edges[-1] / edges[0] < _ONE_ENERGY:  # room for a point and its band
        edges = edges * np.array([1 / _ROOM, _ROOM])
    y, error = (_finite([getattr(b, f"{what}_{of}{end}") for b in bins]) for end in ("", "_error"))
    return Curve(edges, y, error)


def _points(axes: Axes, curve: Curve, bins: tuple[ResponseBin, ...], marks: tuple[str, str, str], shift: float) -> None:
    """Draw one sample's points, moved by a part of the bin so that they do not cover each other."""
    x = np.array([_scaled(b.energy, b) for b in bins])
    if bins[0].of == "energy":
        x *= (curve.edges[1:] / curve.edges[:-1]) ** shift
    else:
        x += (curve.edges[1:] - curve.edges[:-1]) * shift
    name, colour, marker = marks
    axes.errorbar(x, curve.content, curve.error, fmt=marker, ms=4, lw=1.2, color=colour, label=name)


def _finite(values: list[float]) -> Float[Array, " b"]:
    numbers = np.array(values, dtype=float)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _limits(axes: Axes, what: str, truth: Curve, generated: list[Curve]) -> None:
    """Means get at least 5 % of room either side, so that a tiny shift does not look like a large one."""
    values = np.concatenate([c.content for c in (truth, *generated)])
    if what == "mean":
        middle = float(truth.content.mean())
        reach = max(0.05 * middle, 1.6 * float(np.nanmax(np.abs(values - middle))))
        axes.set_ylim(middle - reach, middle + reach)
    else:
        axes.set_ylim(0, 1.3 * float(np.nanmax(values)))
