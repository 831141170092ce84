r"""Showers spoiled in known ways, to see which metric notices: a spoil changes one thing and keeps what it promises.

Every spoil takes showers and a seed and gives as many showers for the same incident particles. Some destroy only what
cells know of each other (`shuffle_sectors`, `shuffle_cells`, `redraw_cells`, `smear_axis`, `break_tracks`): a metric
that looks at one cell, ring or layer at a time passes the first, the fourth and the fifth.
"""

__all__ = [
    "Spoil",
    "SPOILS",
    "change_response",
    "widen_resolution",
    "smear_cells",
    "swap_layers",
    "smear_axis",
    "break_tracks",
    "shuffle_sectors",
    "shuffle_cells",
    "redraw_cells",
]

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.geometry.binning import Layer
from caloforge.rng import stream

Spoil = Callable[[Showers, int], Showers]

_LIKE = 20  # showers of nearly the same incident energy


def _with_cells(showers: Showers, energy: Float[Array, "N V"]) -> Showers:
    return replace(showers, energy=energy.astype(np.float32), times=None)


def _alike(showers: Showers, size: int = _LIKE) -> Iterator[Int[Array, " k"]]:
    """Rows of the showers in groups of nearly the same incident energy, of ``size`` or a few more."""
    order = np.argsort(showers.incident_energy, kind="stable")
    return iter(np.array_split(order, max(1, len(order) // size)))


def change_response(showers: Showers, seed: int, shift: float = 0.01) -> Showers:
    """Every cell times 1 + ``shift``: keeps all shares and hits, moves the response.

    Args:
        showers: to spoil.
        seed: not used; nothing is drawn.
        shift: relative.
    """
    return _with_cells(showers, showers.energy * (1 + shift))


def widen_resolution(showers: Showers, seed: int, widening: float = 0.05) -> Showers:
    r"""Each shower's visible energy further from the mean of like showers; its shares and hits stay.

    With the response R of a shower and the mean :math:`\bar R` of its group of like incident energy, all cells are
    multiplied by :math:`(\bar R + (1 + w)(R - \bar R)) / R`, which keeps the mean response of each group.

    Args:
        showers: to spoil.
        seed: not used; nothing is drawn.
        widening: w, by which the standard deviation grows.
    """
    response = showers.total_energy / showers.incident_energy
    factor = np.ones(len(showers))
    for rows in _alike(showers):
        moved = response[rows].mean() + (1 + widening) * (response[rows] - response[rows].mean())
        np.divide(np.maximum(moved, 0), response[rows], out=moved, where=response[rows] > 0)
        factor[rows] = moved
    return _with_cells(showers, showers.energy * factor[:, None])


def smear_cells(showers: Showers, seed: int, width: float = 0.1) -> Showers:
    """Every cell times log-normal noise of mean one and logarithmic ``width``: keeps the hits and the mean picture.

    Args:
        showers: to spoil.
        seed: of the noise.
        width: standard deviation of the logarithm.
    """
    noise = stream(seed, "spoil-smear").standard_normal(showers.energy.shape, np.float32)
    return _with_cells(showers, showers.energy * np.exp(width * noise - width**2 / 2))


def swap_layers(showers: Showers, seed: int, first: int | None = None) -> Showers:
    """Two neighbouring layers of equal cells exchanged: keeps the total, all cells as a set, and other layers.

    Args:
        showers: to spoil.
        seed: not used; nothing is drawn.
        first: position of the earlier layer; the middle of the mesh unless told.

    Raises:
        BadValue: no layer follows it, or its cells are others.
    """
    mesh, energy = showers.binning, showers.energy.copy()
    first = (mesh.n_layers - 1) // 2 if first is None else first
    pair = mesh.layers[first : first + 2]
    if len(pair) < 2 or (pair[0].r_edges, pair[0].n_alpha) != (pair[1].r_edges, pair[1].n_alpha):
        raise BadValue("first layer to swap", first, "name one whose next layer has the same cells")
    front, back = (slice(*mesh.layer_starts[i : i + 2]) for i in (first, first + 1))
    energy[:, front], energy[:, back] = showers.energy[:, back], showers.energy[:, front]
    return _with_cells(showers, energy)


def _turned(showers: Showers, shift: Callable[[Layer, int], Int[Array, " N"]]) -> Showers:
    """Each layer turned by a number of sectors that ``shift`` gives for its shape and position, one for each shower."""
    energy, n = np.empty_like(showers.energy), len(showers)
    for i, (layer, (a, b)) in enumerate(zip(showers.binning.layers, _cells(showers), strict=True)):
        source = (np.arange(layer.n_alpha) - shift(layer, i)[:, None]) % layer.n_alpha
        cells = showers.energy[:, a:b].reshape(n, layer.n_alpha, layer.n_r)
        energy[:, a:b] = np.take_along_axis(cells, source[:, :, None], axis=1).reshape(n, -1)
    return _with_cells(showers, energy)


def _cells(showers: Showers) -> Iterator[tuple[int, int]]:
    """First cell of each layer, and the cell after its last."""
    return pairwise(showers.binning.layer_starts)


def smear_axis(showers: Showers, seed: int) -> Showers:
    """Each layer of each shower turned about the axis of the mesh by a random number of sectors of its own.

    Keeps all of each layer but its direction: energies of layers and rings, hits, spectra, neighbours within the layer.
    The centroids of the layers no longer lean to one side, and cells in line no longer know of each other.

    Args:
        showers: to spoil.
        seed: of the rotations.
    """
    rng = stream(seed, "spoil-axis")
    return _turned(showers, lambda layer, i: rng.integers(layer.n_alpha, size=len(showers)))


def break_tracks(showers: Showers, seed: int) -> Showers:
    """Each shower cut behind a random layer, and all that follows turned by one random angle.

    Keeps what `smear_axis` keeps, and all pairs of layers but those on both sides of the cut. On a mesh whose layers
    have different sectors each turns by the number of sectors nearest to the angle.

    Args:
        showers: to spoil.
        seed: of cuts and rotations.
    """
    rng = stream(seed, "spoil-tracks")
    cut = rng.integers(1, max(2, showers.binning.n_layers), size=len(showers))
    angle = rng.random(len(showers))
    return _turned(showers, lambda layer, i: np.where(i >= cut, np.rint(angle * layer.n_alpha).astype(int), 0))


def shuffle_sectors(showers: Showers, seed: int) -> Showers:
    """Within every ring of every shower the cells in random order.

    Keeps, shower by shower, every observable that does not ask for alpha: energies of rings and layers, hits, spectra,
    the hottest cells. Destroys what neighbours know of each other, and the direction of the layers.

    Args:
        showers: to spoil.
        seed: of the orders.
    """
    rng, energy = stream(seed, "spoil-sectors"), np.empty_like(showers.energy)
    for layer, (a, b) in zip(showers.binning.layers, _cells(showers), strict=True):
        cells = showers.energy[:, a:b].reshape(len(showers), layer.n_alpha, layer.n_r)
        energy[:, a:b] = rng.permuted(cells, axis=1).reshape(len(showers), -1)
    return _with_cells(showers, energy)


def shuffle_cells(showers: Showers, seed: int) -> Showers:
    """Cells of one ring exchanged at random among its sectors and among showers of like incident energy.

    Keeps, for every group of like showers and every ring, the energies of the cells as a set: mean picture along depth
    and radius, occupancy, spectrum. Destroys all that the cells of a shower know of each other.

    Args:
        showers: to spoil.
        seed: of the exchanges.
    """
    rng, energy = stream(seed, "spoil-shuffle"), np.empty_like(showers.energy)
    for rows in _alike(showers):
        for layer, (a, b) in zip(showers.binning.layers, _cells(showers), strict=True):
            cells = showers.energy[rows, a:b].reshape(-1, layer.n_r)
            energy[rows, a:b] = rng.permuted(cells, axis=0).reshape(len(rows), -1)
    return _with_cells(showers, energy)


def redraw_cells(showers: Showers, seed: int) -> Showers:
    """Every cell drawn anew, independently, from what this cell holds in showers of like incident energy.

    Keeps the distribution of every single cell in the mean over draws, as a model of independent cells would. Energies
    of layers fluctuate too little.

    Args:
        showers: to spoil.
        seed: of the draws.
    """
    rng, energy = stream(seed, "spoil-redraw"), np.empty_like(showers.energy)
    for rows in _alike(showers):
        source = rng.integers(len(rows), size=(len(rows), showers.energy.shape[1]))
        energy[rows] = np.take_along_axis(showers.energy[rows], source, axis=0)
    return _with_cells(showers, energy)


SPOILS: Mapping[str, Spoil] = {
    "nothing": lambda showers, seed: showers,
    "response +1 %": change_response,
    "response +2 %": partial(change_response, shift=0.02),
    "resolution +5 %": widen_resolution,
    "cells smeared by 10 %": smear_cells,
    "layers swapped": swap_layers,
    "axis smeared": smear_axis,
    "tracks broken": break_tracks,
    "sectors shuffled": shuffle_sectors,
    "cells shuffled": shuffle_cells,
    "cells redrawn": redraw_cells,
}
