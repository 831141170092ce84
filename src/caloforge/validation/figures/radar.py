r"""Radar of metrics, each in units of its floor on a logarithmic scale, so that numbers of any kind share one picture.

A number :math:`v \pm \sigma` whose ideal is :math:`v_0` (0 for a distance, 0.5 for an AUC) and that truth against truth
brings to :math:`f \pm s` is drawn at

.. math:: \rho = \frac{\max(|v - v_0|, s)}{\max(|f - v_0|, s)} \pm \frac{\sigma}{\max(|f - v_0|, s)} .

1 is the floor: no generator can do better than that at these sample sizes. Less than the spread s of the floor cannot
be told from nothing, so it counts as s.
"""

__all__ = ["radar"]

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
from matplotlib.figure import Figure
from matplotlib.projections.polar import PolarAxes

from caloforge.reporting.style import BAND, MUTED, TRUTH, figure, look
from caloforge.validation.spokes import Spoke

_INNER = 0.25  # in floors: what the centre stands for
_OUTER = 12.0  # least value of the rim


def radar(spokes: Mapping[str, Sequence[Spoke]]) -> Figure:
    """Draw the radar.

    Args:
        spokes: name of the generated sample -> its spokes, the same metrics in the same order for all.
    """
    first = next(iter(spokes.values()))
    angles = 2 * np.pi * np.arange(len(first)) / len(first)
    rim = 1.4 * max(_OUTER, *(s.value for drawn in spokes.values() for s in drawn if np.isfinite(s.value)))
    with figure(9.0, 6.4, arranged=False) as fig:
        axes = PolarAxes(fig, (0.27, 0.09, 0.58, 0.8))
        fig.add_axes(axes)
        _floor_ring(axes, first, angles)
        for position, (name, drawn) in enumerate(spokes.items()):
            _polygon(axes, drawn, angles, position, name, rim)
        _frame(axes, [s.name for s in first], angles, rim)
        fig.legend(loc="upper left", bbox_to_anchor=(0.0, 1.0))
        return fig


def _height(value: float) -> float:
    """Distance from the centre."""
    return float(np.log10(max(value, _INNER) / _INNER))


def _floor_ring(axes: PolarAxes, spokes: Sequence[Spoke], angles: np.ndarray) -> None:
    closed = np.append(angles, 2 * np.pi)
    edges = [[_height(1 + sign * s.floor_spread) for s in spokes] for sign in (-1, 1)]
    low, high = (np.append(e, e[0]) for e in edges)
    axes.fill_between(closed, low, high, color=BAND, lw=0, label="floor, one standard deviation")
    ring = np.linspace(0, 2 * np.pi, 181)
    axes.plot(ring, np.full(181, _height(1)), color=TRUTH, lw=1.8, label="floor: Geant4 against Geant4")


def _polygon(
    axes: PolarAxes, spokes: Sequence[Spoke], angles: np.ndarray, position: int, name: str, rim: float
) -> None:
    style = look(position)
    heights = [_height(min(s.value if np.isfinite(s.value) else rim, rim)) for s in spokes]
    closed = (np.append(angles, 2 * np.pi), np.append(heights, heights[0]))
    axes.plot(*closed, color=style.colour, ls=style.line, marker=style.marker, ms=5, lw=1.8, label=name)
    axes.fill(*closed, color=style.colour, alpha=0.12, lw=0)
    for angle, s in zip(angles, spokes, strict=True):
        ends = [_height(min(max(s.value + sign * s.error, _INNER), rim)) for sign in (-1, 1)]
        axes.plot([angle, angle], ends, color=style.colour, lw=1.2)


def _frame(axes: PolarAxes, names: Sequence[str], angles: np.ndarray, rim: float) -> None:
    axes.set_theta_offset(np.pi / 2)
    axes.set_theta_direction(-1)
    axes.set_rlim(0, _height(rim))
    rings = [r for r in (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000) if r < rim]
    axes.set_yticks([_height(r) for r in rings], [f"{r:,}×" for r in rings], fontsize=8, color=MUTED)
    axes.set_rlabel_position(180 / len(names))
    axes.set_xticks(angles, [fill(name, 18) for name in names], fontsize=9)
    axes.tick_params(axis="x", pad=10)
    axes.set_axisbelow(True)
    axes.grid(color=BAND, lw=0.7)
    axes.spines["polar"].set_color(BAND)
    for label, angle in zip(axes.get_xticklabels(), angles, strict=True):
        side = np.sin(angle)
        label.set_horizontalalignment("center" if abs(side) < 0.2 else "left" if side > 0 else "right")
