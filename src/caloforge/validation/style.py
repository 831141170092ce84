"""How plots look: mplhep's style, one colour for truth and one for generated; figures without pyplot's global state."""

__all__ = ["TRUTH", "GENERATED", "BAND", "figure", "ratio_axes", "png"]

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
import mplhep
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

TRUTH, GENERATED, BAND = "#3b4252", "#d1550f", "#c9ced6"

_OWN: dict[str, Any] = {
    "font.size": 10,
    "font.sans-serif": ["TeX Gyre Heros", "Arial", "DejaVu Sans"],
    "axes.labelsize": 10,
    "axes.titlesize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "axes.autolimit_mode": "data",
    "axes.labelpad": 4,
    "axes.formatter.limits": (-4, 5),
    "xtick.minor.visible": False,
    "ytick.minor.visible": False,
    "lines.linewidth": 1.3,
    "figure.dpi": 110,
    "savefig.dpi": 110,
}


@contextmanager
def _style() -> Iterator[None]:
    look: Any = {**mplhep.style.ATLAS, **_OWN}
    with matplotlib.rc_context(look):
        yield


@contextmanager
def figure(width: float, height: float) -> Iterator[Figure]:
    """A new figure (inches) in the house style; draw on it inside the ``with`` block."""
    with _style():
        yield Figure(figsize=(width, height), layout="constrained")


def ratio_axes(fig: Figure, cell: SubplotSpec | None = None) -> tuple[Axes, Axes]:
    """An upper panel and, below it on the same x axis, one for the ratio."""
    spec = cell.subgridspec(2, 1, height_ratios=(3, 1), hspace=0.04) if cell is not None else None
    grid = spec or fig.add_gridspec(2, 1, height_ratios=(3, 1), hspace=0.04)
    upper = fig.add_subplot(grid[0])
    lower = fig.add_subplot(grid[1], sharex=upper)
    upper.tick_params(labelbottom=False)
    return upper, lower


def png(fig: Figure) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    with _style():
        fig.savefig(buffer, format="png")
    return buffer.getvalue()
