r"""A network on cells that knows the mesh: one convolution over layer, alpha and r, and sums over the cells.

With :math:`z_i = \big(\ln(1 + E_i/E_0) - 2.2\big)/1.3` and :math:`h_i = 1` for cells with energy, :math:`z_i = h_i = 0`
for those without, :math:`E_0` = 0.1 MeV, cell i sees

.. math:: x_i = \big(z_i, \langle z \rangle_{d(i)}, \langle h \rangle_{d(i)}, p_i\big), \qquad
          d \in \{r-, r+, \alpha\pm, \text{depth}-, \text{depth}+\} ,

the means over its neighbours in each direction (zero where it has none) and its place :math:`p_i`: depth, ring, and the
cosine of its azimuth from the particle's times :math:`\sin\theta`. Kernel k answers
:math:`a_{ki} = \max(0, w_k \cdot x_i - b_k)`, and of a shower remain :math:`\ln(1 + \sum_i a_{ki})` and
:math:`\ln(1 + \sum_i a_{ki}^2)` over its hits. Sectors close to a ring, both neighbours in alpha count alike, and only
sums are left: every rotation by a sector and every mirror image of a shower gives the same numbers. The mesh enters by
its neighbours alone, so layers with any rings and sectors will do.

The kernels are drawn at random, once and for all, and only the read-out of their sums is trained
(`caloforge.classifiers.ridge`). By trial at 4,000 showers of each class that sees more than kernels trained by gradient
descent, since the read-out, solved in closed form, uses small differences between sums that all rise with the energy;
and it takes seconds. Source: Rahimi and Recht, NIPS 2007 (random features); Dempster et al., arXiv:1910.13051 (random
convolutions with a linear read-out).
"""

__all__ = ["KERNELS", "mesh_sums"]

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy import sparse
from threadpoolctl import threadpool_limits

from caloforge.classifiers.features import ENERGY, Features
from caloforge.data.showers import Showers
from caloforge.geometry.binning import Binning
from caloforge.physics.adjacency import pairs
from caloforge.rng import stream
from caloforge.units import GeV, MeV

KERNELS = 256

_SCALE = 0.1 * MeV
_TYPICAL, _SPREAD = 2.2, 1.3  # of ln(1 + E / 0.1 MeV) of hits
_DIRECTIONS = 5
_PLACES = 3
_WEIGHT_OF_PLACE = 0.5
_USED = 0.5  # share of the inputs that a kernel looks at
_PATTERNS = 1000  # random neighbourhoods that set the scale of a kernel
_BLOCK = 200_000  # cells at a time
_AT_ONCE = 64  # kernels at a time, whose answers stay in the cache
_ELECTROMAGNETIC, _MUON = (11, 22), 13


@dataclass(frozen=True, eq=False)
class _Kernels:
    """Weights of the inputs, in the order of `_inputs`, and thresholds."""

    weights: Float[Array, "K D"]
    thresholds: Float[Array, "K 1"]

    @classmethod
    @lru_cache(maxsize=1)
    def drawn(cls) -> "_Kernels":
        """Random weights, half of them zero; thresholds within what the kernel answers to random neighbourhoods."""
        rng, near = stream(0, "mesh-kernels"), 1 + 2 * _DIRECTIONS
        weights = rng.normal(size=(KERNELS, near)) * (rng.random((KERNELS, near)) < _USED)
        norms = np.sqrt((weights**2).sum(axis=1, keepdims=True))
        places = _WEIGHT_OF_PLACE * rng.normal(size=(KERNELS, _PLACES))
        weights = np.concatenate([weights / np.maximum(norms, 1e-9), places], axis=1)
        hit = (rng.random((_DIRECTIONS, _PATTERNS)) < 0.5).astype(float)
        energy = rng.normal(size=(1 + _DIRECTIONS, _PATTERNS))
        energy[1:] *= hit
        patterns = np.concatenate([energy, hit, rng.uniform(-1, 1, (_PLACES, _PATTERNS))])
        answers = weights @ patterns
        scale = answers.std(axis=1, keepdims=True)
        thresholds = rng.permuted(answers, axis=1)[:, :1] / scale
        return cls((weights / scale).astype(np.float32), thresholds.astype(np.float32))


@lru_cache(maxsize=8)
def _neighbour_means(binning: Binning) -> tuple[sparse.csr_array, ...]:
    """For each direction the matrix that gives each cell the mean over its neighbours there, zero without any."""
    r, alpha, depth = (pairs(binning, direction) for direction in ("r", "alpha", "depth"))
    means = []
    for graph in (r, r.T, alpha + alpha.T, depth, depth.T):
        count = graph.sum(axis=1)
        mean = sparse.csr_array(sparse.diags_array(1 / np.maximum(count, 1)) @ graph)
        means.append(mean.astype(np.float32))
    return tuple(means)


@lru_cache(maxsize=8)
def _places(binning: Binning) -> Float[Array, "2 V"]:
    """Depth and ring of each cell from -1 to 1; 0 where there is but one."""
    rings = np.array([layer.n_r for layer in binning.layers])[binning.layer_of_voxel]
    numbers = ((binning.layer_of_voxel, np.full_like(rings, binning.n_layers)), (binning.ring_of_voxel, rings))
    return np.stack([np.where(n > 1, 2 * i / np.maximum(n - 1, 1) - 1, 0) for i, n in numbers]).astype(np.float32)


def _inputs(showers: Showers) -> tuple[Float[Array, "D h"], Int[Array, " h"]]:
    """Inputs of all hits of some showers, shower after shower, and the shower of each."""
    binning = showers.binning
    energy = np.ascontiguousarray(np.maximum(showers.energy, 0).T, dtype=np.float32)
    hit = (energy > 0).astype(np.float32)
    z = (hit * (np.log1p(energy / np.float32(_SCALE)) - _TYPICAL) / _SPREAD).astype(np.float32)
    means = _neighbour_means(binning)
    shower, cell = np.nonzero(hit.T)
    inclined = np.sin(showers.theta[shower]) * np.cos(binning.alpha_centres[cell] - showers.phi[shower])
    near = [z, *(mean @ z for mean in means), *(mean @ hit for mean in means)]
    rows = [*(values[cell, shower] for values in near), *_places(binning)[:, cell], inclined]
    return np.stack(rows).astype(np.float32), shower


def _blocks(showers: Showers) -> Iterator[slice]:
    size = max(1, _BLOCK // showers.binning.n_voxels)
    return (slice(start, start + size) for start in range(0, len(showers), size))


def _sums(showers: Showers) -> Float[Array, "N f"]:
    """Sums of the kernels' answers and of their squares over the hits of each shower."""
    kernels, sums = _Kernels.drawn(), np.zeros((len(showers), 2 * KERNELS), np.float32)
    for rows in _blocks(showers):
        x, shower = _inputs(showers[rows])
        if not shower.size:
            continue
        numbers, starts = np.unique(shower, return_index=True)
        for first in range(0, KERNELS, _AT_ONCE):
            here = slice(first, first + _AT_ONCE)
            answers = kernels.weights[here] @ x
            answers -= kernels.thresholds[here]
            np.maximum(answers, 0, out=answers)
            sums[rows.start + numbers, here] = np.add.reduceat(answers, starts, axis=1).T
            np.square(answers, out=answers)
            squares = slice(KERNELS + first, KERNELS + first + _AT_ONCE)
            sums[rows.start + numbers, squares] = np.add.reduceat(answers, starts, axis=1).T
    return sums


def mesh_sums(showers: Showers) -> Features:
    """What the convolution leaves of each shower, behind the conditions: energy, inclination, kind of particle.

    Memory is bounded: 200,000 cells at a time, whatever the mesh and the number of showers.

    Args:
        showers: N showers on any mesh, MeV.
    """
    energy, particle = np.log10(showers.incident_energy / GeV), np.abs(showers.pdg)
    conditions = {
        ENERGY: np.log10(showers.incident_energy),
        "energy_square": energy**2,
        "energy_cube": energy**3,
        "theta": showers.theta,
        "theta_square": showers.theta**2,
        "electromagnetic": np.isin(particle, _ELECTROMAGNETIC),
        "muon": particle == _MUON,
    }
    with threadpool_limits(1, "blas"):  # the same numbers on any machine
        sums = np.log1p(_sums(showers))
    names = [f"{what}[kernel {k}]" for what in ("sum", "sum_of_squares") for k in range(KERNELS)]
    columns = np.stack([np.asarray(column, np.float32) for column in conditions.values()], axis=1)
    return Features(np.concatenate([columns, sums], axis=1), (*conditions, *names))
