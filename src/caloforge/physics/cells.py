r"""Observables of single cells: hits, the hottest cells, the spectrum, and what is left above a threshold."""

__all__ = [
    "THRESHOLDS",
    "SHARES",
    "sparsity",
    "hits",
    "layer_hits",
    "voxel_energy",
    "hottest_energy",
    "hottest_share",
    "hottest_five_share",
    "second_to_hottest",
    "hits_above",
    "energy_above",
    "hits_above_share",
    "energy_above_share",
]

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.physics.moments import ratio
from caloforge.physics.sums import Sums
from caloforge.units import MeV

THRESHOLDS = (0.1 * MeV, 1 * MeV, 10 * MeV)
SHARES = (1e-4, 1e-3, 1e-2)


def sparsity(s: Sums) -> Float[Array, " N"]:
    """Fraction of cells without energy.

    Args:
        s: N showers and their sums.
    """
    return 1.0 - hits(s) / s.binning.n_voxels


def hits(s: Sums) -> Float[Array, " N"]:
    """Cells with energy.

    Args:
        s: N showers and their sums.
    """
    return s.layer_hits.sum(axis=1)


def layer_hits(s: Sums) -> Float[Array, "N L"]:
    """Cells with energy in each layer.

    Args:
        s: N showers and their sums.
    """
    return s.layer_hits


def voxel_energy(s: Sums) -> Float[Array, "N V"]:
    """Energy of each cell, MeV, NaN where it has none.

    Args:
        s: N showers and their sums.
    """
    return np.where(s.energy > 0, s.energy, np.float32(np.nan))


def hottest_energy(s: Sums) -> Float[Array, " N"]:
    """Energy of the hottest cell, MeV.

    Args:
        s: N showers and their sums.
    """
    return s.hottest[:, 0]


def hottest_share(s: Sums) -> Float[Array, " N"]:
    r""":math:`E_1 / E_\text{tot}`.

    Args:
        s: N showers and their sums.
    """
    return ratio(s.hottest[:, 0], s.total_energy)


def hottest_five_share(s: Sums) -> Float[Array, " N"]:
    r""":math:`(E_1 + \dots + E_5) / E_\text{tot}`.

    Args:
        s: N showers and their sums.
    """
    return ratio(s.hottest.sum(axis=1), s.total_energy)


def second_to_hottest(s: Sums) -> Float[Array, " N"]:
    """:math:`E_2 / E_1`.

    Args:
        s: N showers and their sums.
    """
    return ratio(s.hottest[:, 1], s.hottest[:, 0])


def _hits_over(s: Sums, thresholds: Sequence[Float[Array, "..."]]) -> Float[Array, "N T"]:
    counts = [(s.energy > t).view(np.uint8).sum(axis=1, dtype=np.uint32) for t in thresholds]
    return np.stack(counts, axis=1).astype(np.float64)


def _share_over(s: Sums, thresholds: Sequence[Float[Array, "..."]]) -> Float[Array, "N T"]:
    sums = [np.einsum("nv,nv->n", s.energy, s.energy > t, dtype=np.float64) for t in thresholds]
    return np.stack([ratio(above, s.total_energy) for above in sums], axis=1)


def _absolute(thresholds: Sequence[float]) -> list[Float[Array, "..."]]:
    return [np.array(t, np.float32) for t in thresholds]


def _relative(s: Sums, shares: Sequence[float]) -> list[Float[Array, "..."]]:
    return [(share * s.total_energy[:, None]).astype(np.float32) for share in shares]


def hits_above(s: Sums, thresholds: Sequence[float] = THRESHOLDS) -> Float[Array, "N T"]:
    """Cells above each threshold, MeV.

    Args:
        s: N showers and their sums.
        thresholds: T energies, MeV.
    """
    return _hits_over(s, _absolute(thresholds))


def energy_above(s: Sums, thresholds: Sequence[float] = THRESHOLDS) -> Float[Array, "N T"]:
    """Share of the visible energy in cells above each threshold, MeV.

    Args:
        s: N showers and their sums.
        thresholds: T energies, MeV.
    """
    return _share_over(s, _absolute(thresholds))


def hits_above_share(s: Sums, shares: Sequence[float] = SHARES) -> Float[Array, "N T"]:
    """Cells that hold more than a share of the visible energy.

    Args:
        s: N showers and their sums.
        shares: T parts of the visible energy, 0 to 1.
    """
    return _hits_over(s, _relative(s, shares))


def energy_above_share(s: Sums, shares: Sequence[float] = SHARES) -> Float[Array, "N T"]:
    """Share of the visible energy in cells that hold more than a share of it.

    Args:
        s: N showers and their sums.
        shares: T parts of the visible energy, 0 to 1.
    """
    return _share_over(s, _relative(s, shares))
