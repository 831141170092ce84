r"""Observables of isolated hits, those without a hit neighbour: how many there are, where, and of what energy.

A particle that leaves the core and stops elsewhere makes one; cells drawn independently make too many or too few. Only
cells that have neighbours count; what a mesh has none of is NaN.
"""

__all__ = ["COMPANY", "isolated_hits", "ring_isolated_hits", "isolated_log_energy", "isolated_energy"]

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array

from caloforge.physics.adjacency import DIRECTIONS, Direction, neighbours, ring_sums
from caloforge.physics.cell_blocks import blocks
from caloforge.physics.moments import ratio
from caloforge.physics.sums import Sums
from caloforge.units import MeV

COMPANY: dict[str, tuple[Direction, ...]] = {
    "in r": ("r",),
    "in alpha": ("alpha",),
    "in depth": ("depth",),
    "at all": DIRECTIONS,
}


class _Isolated:
    """Hits isolated in each company, and of those without any neighbour: by ring, log energies, the hottest.

    Args:
        s: N showers and their sums.
    """

    def __init__(self, s: Sums) -> None:
        graphs, rings = {d: neighbours(s.binning, (d,)) for d in DIRECTIONS}, ring_sums(s.binning)
        able = [sum(graphs[d].sum(axis=1) for d in directions) > 0 for directions in COMPANY.values()]
        self.counts = np.full((len(s), len(COMPANY)), np.nan)
        self.by_ring = np.full((len(s), rings.shape[0]), np.nan)
        self.log_energy, self.hottest = np.zeros(len(s)), np.zeros(len(s))
        for rows, energy in blocks(s):
            hit = energy > 0
            near = {d: graph @ hit.astype(np.float32) for d, graph in graphs.items()}
            for k, (directions, cells) in enumerate(zip(COMPANY.values(), able, strict=True)):
                if cells.any():
                    alone = hit & (sum(near[d] for d in directions) == 0) & cells[:, None]
                    self.counts[rows, k] = np.count_nonzero(alone, axis=0)
            if able[-1].any():  # `alone` is that of the last company
                self._measure(rows, energy, alone)
                counts = rings @ alone.astype(np.float32)
                self.by_ring[rows] = np.where((rings @ able[-1])[:, None] > 0, counts, np.nan).T

    def _measure(self, rows: slice, energy: Float[Array, "V n"], alone: Bool[Array, "V n"]) -> None:
        logs = np.zeros(energy.shape)
        logs[alone] = np.log10(energy[alone].astype(np.float64) / MeV)
        self.log_energy[rows] = logs.sum(axis=0)
        self.hottest[rows] = np.where(alone, energy, 0).max(axis=0)


def isolated_hits(s: Sums) -> Float[Array, "N 4"]:
    """Hits without a hit neighbour along r, along alpha, along the depth, and along none of them.

    Args:
        s: N showers and their sums.
    """
    return s.once(_Isolated).counts


def ring_isolated_hits(s: Sums) -> Float[Array, "N R"]:
    """Hits without any hit neighbour in the first, second, ... ring of all layers.

    Args:
        s: N showers and their sums.
    """
    return s.once(_Isolated).by_ring


def isolated_log_energy(s: Sums) -> Float[Array, " N"]:
    """Mean of log10(E / MeV) over the hits without any hit neighbour; NaN where there are none.

    Args:
        s: N showers and their sums.
    """
    isolated = s.once(_Isolated)
    return ratio(isolated.log_energy, isolated.counts[:, -1])


def isolated_energy(s: Sums) -> Float[Array, " N"]:
    """Energy of the hottest hit without any hit neighbour, MeV; NaN where there are none.

    Args:
        s: N showers and their sums.
    """
    isolated = s.once(_Isolated)
    return np.where(isolated.counts[:, -1] > 0, isolated.hottest, np.nan)
