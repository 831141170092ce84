"""A GDML detector drawn: what straight lines along the beam meet, side by side, as a section to scale."""

__all__ = ["draw_section"]

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy import ndarray as Array

from caloforge.geometry.binning import Binning
from caloforge.geometry.drawing import add_mesh, palette
from caloforge.geometry.gdml import GAS, GdmlDetector

_PIXELS = 1600  # along the beam
_NOTHING = "white"
Kind = tuple[str, bool]


def draw_section(detector: GdmlDetector, views: Sequence[dict[str, Any]], binning: Binning | None = None) -> Figure:
    """The whole and the middle, cut through the axis of the beam, which comes from the left along the arrow.

    Args:
        detector: the file.
        views: each with a ``title``, the ``half`` of its height in mm, and ``rows`` of lines: stretches of (low, high,
            material, sensitive, world).
        binning: a mesh to draw over it.
    """
    kinds = list(dict.fromkeys((s[2], s[3]) for view in views for row in view["rows"] for s in row))
    gases = [kind for kind in kinds if not kind[1] and detector.material(kind[0]).density < GAS]
    colours = palette(kinds, gases)
    figure = Figure(figsize=(14, 6.5), layout="constrained")
    for axes, view in zip(figure.subplots(1, len(views), squeeze=False)[0], views, strict=True):
        low, high = _depths(view)
        margin = 0.05 * (high - low)
        start = max(min(0.0, low), low - 0.4 * (high - low)) - margin
        extent = (start, high + margin, -view["half"], view["half"])
        image = _painted(view["rows"], kinds, extent[0], extent[1])
        shades = ListedColormap([_NOTHING, *(colours[kind] for kind in kinds)])
        axes.imshow(image, cmap=shades, vmin=0, vmax=len(kinds), extent=extent, origin="lower", interpolation="nearest")
        if binning is not None and binning.z_edges is not None:
            add_mesh(axes, binning, view["half"])
        _add_beam(axes, extent, low)
        axes.set(title=view["title"], xlabel="depth behind the face (mm)", ylabel="x (mm)")
    labels = [f"{name}{' (sensitive)' if sensitive else ''}" for name, sensitive in kinds]
    patches = [
        Patch(facecolor=colours[kind], edgecolor="0.5", label=label) for kind, label in zip(kinds, labels, strict=True)
    ]
    figure.legend(handles=patches, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(
        f"{detector.name}: {detector.depth - detector.first:.4g} mm, {detector.radiation_lengths:.1f} X$_0$, "
        f"{detector.interaction_lengths:.2f} $\\lambda$ on the axis, from {detector.face.text} (mm)"
    )
    return figure


def _depths(view: dict[str, Any]) -> tuple[float, float]:
    """Where a view begins and ends: as it says, else where there is more than the world."""
    if "low" in view:
        return view["low"], view["high"]
    inner = [s for row in view["rows"] for s in row if not s[4]] or [s for row in view["rows"] for s in row]
    return min(s[0] for s in inner), max(s[1] for s in inner)


def _painted(rows: Sequence[Sequence[Any]], kinds: list[Kind], low: float, high: float) -> Int[Array, "lines pixels"]:
    """The number of the kind, from 1, at every pixel; what is thinner than a pixel takes one if it is sensitive."""
    image = np.zeros((len(rows), _PIXELS), int)
    number = {kind: i + 1 for i, kind in enumerate(kinds)}
    for line, row in zip(image, rows, strict=True):
        for start, end, material, sensitive, _ in sorted(row, key=lambda s: s[3]):
            first, last = ((np.array([start, end]) - low) / (high - low) * _PIXELS).round().astype(int)
            line[max(first, 0) : max(last, first + 1 if sensitive else last, 0)] = number[material, sensitive]
    return image


def _add_beam(axes: Axes, extent: tuple[float, float, float, float], low: float) -> None:
    """An arrow from the left that ends at the face, or at what the view shows where that lies behind it."""
    tip = 0.0 if extent[0] < 0 else low
    axes.plot([extent[0], tip], [0, 0], color="tab:red", lw=1.5, marker=">", markevery=[1], ms=6)
    axes.set_xlim(extent[0], extent[1])
