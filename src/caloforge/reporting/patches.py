"""Cells as quadrangles of a picture: from the side, summed over the sectors, and across the axis."""

__all__ = ["Patch", "patches_across", "patches_from_side", "quadrangles", "ratios"]

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.geometry.binning import Binning
from caloforge.physics.depth import layer_edges

_PIECES = 48  # straight pieces that a full turn of the transverse mesh is drawn with, at least


@dataclass(frozen=True, eq=False)
class Patch:
    """A piece of mesh to draw.

    Args:
        x: edges of its columns, or all corners, mm.
        y: edges of its rows, or all corners, mm.
        content: of each cell.
    """

    x: Float[Array, "..."]
    y: Float[Array, "..."]
    content: Float[Array, "rows columns"]


def _rings(binning: Binning, layer: int, cells: Float[Array, " V"]) -> Float[Array, "n_alpha n_r"]:
    start, end = binning.layer_starts[layer : layer + 2]
    return cells[start:end].reshape(binning.layers[layer].n_alpha, -1)


def patches_from_side(binning: Binning, cells: Float[Array, " V"]) -> list[Patch]:
    """Depth against signed radius: the sum of the sectors below the axis (alpha < 0), and of those above.

    Args:
        binning: mesh of the cells.
        cells: energy of each cell, or whatever adds up.
    """
    patches = []
    for position, (layer, z) in enumerate(zip(binning.layers, layer_edges(binning), strict=True)):
        rings, half = _rings(binning, position, cells), layer.n_alpha // 2
        for side, part in ((-1, rings[:half]), (1, rings[half:])):
            patches.append(Patch(z, side * np.array(layer.r_edges), part.sum(axis=0)[:, None]))
    return patches


def patches_across(binning: Binning, layer: int, cells: Float[Array, " V"]) -> list[Patch]:
    """One layer across the axis, its arcs drawn in short straight pieces.

    Args:
        binning: mesh of the cells.
        layer: its position, from 0.
        cells: energy of each cell, or whatever adds up.
    """
    n_alpha, r = binning.layers[layer].n_alpha, np.array(binning.layers[layer].r_edges)
    pieces = -(-_PIECES // n_alpha)
    alpha = np.linspace(-np.pi, np.pi, n_alpha * pieces + 1)[:, None]
    return [Patch(np.cos(alpha) * r, np.sin(alpha) * r, np.repeat(_rings(binning, layer, cells), pieces, axis=0))]


def quadrangles(patch: Patch) -> tuple[Float[Array, "n 4 2"], Float[Array, " n"]]:
    """Corners and content of each cell of a patch.

    Args:
        patch: any.
    """
    rows, columns = patch.content.shape
    x, y = patch.x, patch.y
    if x.ndim == 1:
        x, y = np.meshgrid(x, y)
    points = np.stack([x, y], axis=-1)
    corners = np.stack([points[:-1, :-1], points[:-1, 1:], points[1:, 1:], points[1:, :-1]], axis=2)
    return corners.reshape(rows * columns, 4, 2), patch.content.reshape(-1)


def ratios(truth: list[Patch], generated: list[Patch]) -> list[Patch]:
    """Generated / truth, zero where the truth has nothing.

    Args:
        truth: what divides.
        generated: the same pieces of mesh.
    """
    return [
        replace(t, content=np.divide(g.content, t.content, out=np.zeros_like(t.content), where=t.content > 0))
        for t, g in zip(truth, generated, strict=True)
    ]
