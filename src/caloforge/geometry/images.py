"""A mesh's images of itself: turns by whole sectors and the mirror image about the axis, as permutations of cells."""

__all__ = ["image", "whole_turns"]

import math

import numpy as np
from jaxtyping import Int
from numpy import ndarray as Array

from caloforge.geometry.binning import Binning


def whole_turns(mesh: Binning) -> int:
    r"""The number n of turns by :math:`2\pi k/n` that carry the sectors of every layer into each other.

    Layers with a single sector allow any turn, so n is the greatest common divisor of the others' sectors.

    Args:
        mesh: any.
    """
    divided = [layer.n_alpha for layer in mesh.layers if layer.n_alpha > 1]
    return math.gcd(*divided) if divided else 1


def image(mesh: Binning, turn: float, mirror: bool = False) -> Int[Array, " V"]:
    r"""The cell from which each cell of the image takes its energy.

    Args:
        mesh: any.
        turn: part of a whole turn towards larger :math:`\alpha`, a multiple of 1 / `whole_turns`.
        mirror: turn first, then :math:`\alpha \to -\alpha`.
    """
    parts = []
    for layer, start in zip(mesh.layers, mesh.layer_starts, strict=False):
        cells = int(start) + np.arange(layer.n_voxels).reshape(layer.n_alpha, layer.n_r)
        cells = np.roll(cells, round(turn * layer.n_alpha), axis=0)
        parts.append((np.flip(cells, axis=0) if mirror else cells).reshape(-1))
    return np.concatenate(parts)
