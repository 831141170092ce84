"""Coarser meshes whose cells are unions of whole cells: by factors, or checked against a mesh that is given."""

__all__ = ["cells_into", "merged_mesh"]

import numpy as np
from jaxtyping import Int
from numpy import ndarray as Array

from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.geometry.layer import Layer

_ROUNDING = 1e-6  # mm


def merged_mesh(mesh: Binning, layers: int = 1, sectors: int = 1, rings: int = 1) -> Binning:
    """The mesh in which so many layers, sectors and rings side by side are one.

    Layers that are not divided into sectors stay as they are; merged layers are numbered from 0.

    Args:
        mesh: the finer one.
        layers: that make one layer, from the front.
        sectors: that make one sector, from -pi on.
        rings: that make one ring, from the axis on.

    Raises:
        BadValue: a factor that does not divide the numbers of the mesh, or layers to be joined with other rings or
            sectors than their neighbours.
    """
    for name, factor in (("layers", layers), ("sectors", sectors), ("rings", rings)):
        if factor < 1:
            raise BadValue(f"{name} to merge", factor, "give 1 or more")
    _require_divisor("layers", layers, mesh.n_layers, mesh.name)
    groups = [mesh.layers[i : i + layers] for i in range(0, mesh.n_layers, layers)]
    merged = tuple(
        _merged_layer(group[0].id if layers == 1 else number, group, sectors, rings)
        for number, group in enumerate(groups)
    )
    return Binning(merged, f"{mesh.name} merged {layers}x{sectors}x{rings}", mesh.pdg)


def _require_divisor(what: str, factor: int, number: int, where: str) -> None:
    if number % factor:
        divisors = ", ".join(str(d) for d in range(1, number + 1) if number % d == 0)
        raise BadValue(f"{what} to merge", factor, f"{where} has {number} {what}, divisible by {divisors}")


def _merged_layer(number: int, group: tuple[Layer, ...], sectors: int, rings: int) -> Layer:
    first = group[0]
    for layer in group[1:]:
        if (layer.r_edges, layer.n_alpha) != (first.r_edges, first.n_alpha):
            problem = f"layers {first.id} and {layer.id} have other rings or sectors; give a target mesh instead"
            raise BadValue("layers to merge", len(group), problem)
    _require_divisor("rings", rings, first.n_r, f"layer {first.id}")
    if first.n_alpha > 1:
        _require_divisor("sectors", sectors, first.n_alpha, f"layer {first.id}")
    ends = (group[0].z_edges, group[-1].z_edges)
    depth = (ends[0][0], ends[1][1]) if ends[0] and ends[1] else None
    return Layer(number, first.r_edges[::rings], max(1, first.n_alpha // sectors), depth)


def cells_into(fine: Binning, coarse: Binning) -> Int[Array, " V"]:
    """The cell of a coarser mesh in which each cell of a finer one lies as a whole.

    Layers belong together by their depths; where one mesh does not know them, as many to each, from the front.

    Args:
        fine: a mesh.
        coarse: a mesh over the same cylinder.

    Raises:
        BadValue: a cell that lies in no cell of ``coarse`` as a whole.
    """
    cells = []
    for layer, position in zip(fine.layers, _layers_into(fine, coarse), strict=True):
        target = coarse.layers[position]
        if layer.n_alpha % target.n_alpha:
            raise _no_union(fine, coarse, f"{layer.n_alpha} sectors of layer {layer.id} do not fill {target.n_alpha}")
        edges, wider = np.array(layer.r_edges), np.array(target.r_edges)
        ring = np.searchsorted(wider, edges[:-1] + _ROUNDING, side="right") - 1
        ends = np.searchsorted(wider, edges[1:] - _ROUNDING, side="right") - 1
        if (ring != ends).any() or ring.min() < 0 or ring.max() >= target.n_r:
            raise _no_union(fine, coarse, f"edges {target.r_edges} mm cut rings of layer {layer.id}")
        sector = np.arange(layer.n_alpha) * target.n_alpha // layer.n_alpha
        cells.append((coarse.layer_starts[position] + sector[:, None] * target.n_r + ring[None, :]).reshape(-1))
    return np.concatenate(cells)


def _layers_into(fine: Binning, coarse: Binning) -> list[int]:
    if fine.z_edges is None or coarse.z_edges is None:
        if fine.n_layers % coarse.n_layers:
            raise _no_union(fine, coarse, f"{fine.n_layers} layers do not fill {coarse.n_layers} evenly")
        return [i * coarse.n_layers // fine.n_layers for i in range(fine.n_layers)]
    positions = coarse.layer_at_depth(fine.z_edges.mean(axis=1))
    ends = np.add(coarse.z_edges, (-_ROUNDING, _ROUNDING))
    for layer, (front, back), position in zip(fine.layers, fine.z_edges, positions, strict=True):
        if position < 0 or front < ends[position, 0] or back > ends[position, 1]:
            raise _no_union(fine, coarse, f"layer {layer.id} lies in no layer of it as a whole")
    return positions.tolist()


def _no_union(fine: Binning, coarse: Binning, problem: str) -> BadValue:
    remedy = f"{problem}; every cell of {fine.name} must lie in one of its cells as a whole"
    return BadValue("target mesh", coarse.name, remedy)
