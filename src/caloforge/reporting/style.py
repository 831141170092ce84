"""How plots look: mplhep's style, colours that the colour-blind can tell apart, figures without global state."""

__all__ = ["TRUTH", "BAND", "MUTED", "Look", "look", "plain_label", "power_label", "figure", "subfigures", "png", "pdf"]

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import mplhep
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from PIL import Image

TRUTH, BAND, MUTED = "#2e3440", "#c9ced6", "#5a6270"
_COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito
_LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))
_MARKERS = ("o", "s", "^", "D", "v", "P")

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
    "axes.formatter.use_mathtext": False,
    "xtick.minor.visible": False,
    "ytick.minor.visible": False,
    "xtick.major.size": 4,
    "ytick.major.size": 4,
    "lines.linewidth": 1.3,
    "figure.dpi": 130,
}


@dataclass(frozen=True)
class Look:
    """What tells one generated sample from the others in a figure; any one of the three is enough.

    Args:
        colour: hexadecimal.
        line: style of matplotlib.
        marker: of matplotlib.
    """

    colour: str
    line: Any
    marker: str


def look(position: int) -> Look:
    """The look of the generated sample at this position, 0 being the first; more than six begin again.

    Args:
        position: of the sample among the generated ones.
    """
    colour, line, marker = (cycle[position % len(cycle)] for cycle in (_COLOURS, _LINES, _MARKERS))
    return Look(str(colour), line, str(marker))


def plain_label(name: str) -> str:
    """A name as text of a legend: no dollar in it begins a formula, no underscore before it hides it.

    Args:
        name: as the user gave it.
    """
    escaped = name.replace("$", r"\$")
    return f" {escaped}" if escaped.startswith("_") else escaped


def power_label(value: float, _: float = 0.0) -> str:
    """A tick of a logarithmic axis: plain text where it is short, which also draws ten times as fast as a formula.

    Args:
        value: of the tick.
    """
    if 1e-3 <= value < 1e4:
        return f"{value:g}"
    return f"$10^{{{round(np.log10(value))}}}$" if value > 0 else ""


@contextmanager
def _style() -> Iterator[None]:
    style: Any = {**mplhep.style.ATLAS, **_OWN}
    with matplotlib.rc_context(style):
        yield


@contextmanager
def figure(width: float, height: float, *, arranged: bool = True) -> Iterator[Figure]:
    """A new figure in the house style; draw on it inside the ``with`` block.

    Args:
        width: inches.
        height: inches.
        arranged: matplotlib finds room for the labels, at twice the time; without it, axes stand where they are put.
    """
    with _style():
        yield Figure(figsize=(width, height), layout="constrained" if arranged else None)


def subfigures(fig: Figure, rows: int, columns: int) -> list[SubFigure]:
    """Parts of a figure, row by row.

    Args:
        fig: to divide.
        rows: of parts.
        columns: of parts.
    """
    parts: Any = fig.subfigures(rows, columns, squeeze=False)
    return list(parts.reshape(-1))


def png(fig: Figure) -> bytes:
    """The figure as a PNG file: with a palette, or in full colour where a colour bar says what colours mean.

    Args:
        fig: to draw.
    """
    drawn: Any = FigureCanvasAgg(fig)
    with _style():
        drawn.draw()
    image = Image.fromarray(np.asarray(drawn.buffer_rgba())).convert("RGB")
    buffer = io.BytesIO()
    coloured = any(axes.get_label() == "<colorbar>" for axes in fig.axes)
    (image if coloured else _with_palette(image)).save(buffer, "PNG")
    return buffer.getvalue()


def _with_palette(image: Image.Image) -> Image.Image:
    """At most 128 colours, white exactly as it was."""
    small = image.quantize(128, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    colours = np.array(small.getpalette(), np.uint8).reshape(-1, 3)
    colours[colours.min(axis=1) > 250] = 255
    small.putpalette(colours.tobytes())
    return small


def pdf(fig: Figure) -> bytes:
    """The figure as a PDF file, without a date, so that the same plot is the same file.

    Args:
        fig: to draw.
    """
    buffer = io.BytesIO()
    with _style():
        fig.savefig(buffer, format="pdf", metadata={"CreationDate": None})
    return buffer.getvalue()
