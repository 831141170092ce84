r"""Straight tracks: the longest run of hits through consecutive layers at one place.

A run goes from a hit to a hit of the next layer that it overlaps, looked at along the axis. Among the longest runs the
one with most energy counts: with :math:`L_i` the number of hits, and :math:`S_i < 1` half the share of the visible
energy, on the best run that ends in cell i,

.. math:: L_i + S_i = [E_i > 0] \Big(1 + \frac{E_i}{2 E_\text{tot}} + \max_{j \text{ before } i} (L_j + S_j)\Big) .

A lone run takes only hits without a hit neighbour in their layer: a minimum-ionising particle leaves one, the core of a
shower does not.
"""

__all__ = ["track_length", "track_energy", "lone_track_length", "lone_track_energy"]

from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array

from caloforge.physics.adjacency import highest, neighbours, overlap
from caloforge.physics.cell_blocks import blocks
from caloforge.physics.sums import Sums


def _best(s: Sums, lone: bool) -> tuple[Float[Array, " N"], Float[Array, " N"]]:
    """Number of hits and share of the visible energy of the best run of each shower."""
    best, plane = np.zeros(len(s)), neighbours(s.binning, ("r", "alpha"))
    for rows, energy in blocks(s):
        hit = energy > 0
        if lone:
            hit &= plane @ hit.astype(np.float32) == 0
        share = 0.5 * energy / np.maximum(s.total_energy[rows], 1e-30)
        best[rows] = _runs(s, hit, share)
    length = np.floor(best)
    return length, np.where(s.total_energy > 0, 2 * (best - length), np.nan)


def _tracks(s: Sums) -> tuple[Float[Array, " N"], Float[Array, " N"]]:
    return _best(s, lone=False)


def _lone_tracks(s: Sums) -> tuple[Float[Array, " N"], Float[Array, " N"]]:
    return _best(s, lone=True)


def _runs(s: Sums, hit: Bool[Array, "V n"], share: Float[Array, "V n"]) -> Float[Array, " n"]:
    layers, cells = s.binning.layers, list(pairwise(s.binning.layer_starts))
    best, before = np.zeros(hit.shape[1]), np.zeros((cells[0][1], hit.shape[1]))
    for i, (a, b) in enumerate(cells):
        if i > 0:
            before = highest(overlap(layers[i], layers[i - 1]), before)
        before = hit[a:b] * (1 + share[a:b] + before)
        best = np.maximum(best, before.max(axis=0))
    return best


def track_length(s: Sums) -> Float[Array, " N"]:
    """Hits of the longest run.

    Args:
        s: N showers and their sums.
    """
    return s.once(_tracks)[0]


def track_energy(s: Sums) -> Float[Array, " N"]:
    """Share of the visible energy on the longest run.

    Args:
        s: N showers and their sums.
    """
    return s.once(_tracks)[1]


def lone_track_length(s: Sums) -> Float[Array, " N"]:
    """Hits of the longest lone run.

    Args:
        s: N showers and their sums.
    """
    return s.once(_lone_tracks)[0]


def lone_track_energy(s: Sums) -> Float[Array, " N"]:
    """Share of the visible energy on the longest lone run.

    Args:
        s: N showers and their sums.
    """
    return s.once(_lone_tracks)[1]
