r"""The mesh of a page: layers with rings and sectors, or cells that are volumes; and the rings of lateral profiles.

A cell that is a volume v between depths :math:`z_0` and :math:`z_1` is drawn as a block of side
:math:`\sqrt{v / (z_1 - z_0)}` about its centre. A mesh without depths is drawn with layers at equal distances.
"""

__all__ = ["lateral_edges", "mesh_facts"]

from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.display.packing import packed
from caloforge.geometry.binning import Binning
from caloforge.geometry.cell_mesh import CellMesh

_MOST_RINGS = 20  # of a lateral profile
_FLAT = 1e-6  # mm: thinnest cell


def mesh_facts(mesh: Binning) -> dict[str, Any]:
    """What a page knows of a mesh.

    Args:
        mesh: of the showers.
    """
    depths = _depths(mesh)
    facts = {"name": mesh.name, "depthKnown": mesh.z_edges is not None}
    if isinstance(mesh, CellMesh):
        counts = [layer.n_voxels for layer in mesh.layers]
        layers = [{"id": layer.id, "z": z, "count": n} for layer, z, n in zip(mesh.layers, depths, counts, strict=True)]
        return {**facts, "kind": "volumes", "layers": layers, "cells": packed(_blocks(mesh))}
    rows = zip(mesh.layers, depths, strict=True)
    layers = [{"id": layer.id, "z": z, "r": list(layer.r_edges), "n": layer.n_alpha} for layer, z in rows]
    return {**facts, "kind": "rings", "layers": layers}


def _depths(mesh: Binning) -> list[list[float]]:
    """Where each layer begins and ends, mm."""
    if mesh.z_edges is not None:
        return mesh.z_edges.tolist()
    thickness = 2 * min(layer.r_edges[-1] for layer in mesh.layers) / mesh.n_layers
    return [[i * thickness, (i + 1) * thickness] for i in range(mesh.n_layers)]


def _blocks(mesh: CellMesh) -> Float[Array, "V 6"]:
    """x0, x1, y0, y1, z0, z1 of each cell, mm."""
    z = mesh.depths
    half = np.sqrt(mesh.sizes / np.maximum(z[:, 1] - z[:, 0], _FLAT)) / 2
    x, y = mesh.centres[:, 0], mesh.centres[:, 1]
    return np.column_stack([x - half, x + half, y - half, y + half, z]).astype(np.float32)


def lateral_edges(mesh: Binning) -> list[float]:
    """Distances from the axis between which a lateral profile sums energies, mm; cells count by their centres.

    The rings of the layer that has most of them, thinned to at most twenty; the last one holds all that is farther out.

    Args:
        mesh: of the showers.
    """
    r = mesh.r_centres
    if isinstance(mesh, CellMesh):
        edges = np.linspace(0.0, float(r.max()) + 1.0, _MOST_RINGS + 1)
    else:
        edges = np.array(max((layer.r_edges for layer in mesh.layers), key=len))
        edges = edges[np.unique(np.linspace(0, len(edges) - 1, min(len(edges), _MOST_RINGS + 1)).astype(int))]
        reach = max(layer.r_edges[-1] for layer in mesh.layers)
        edges = edges if edges[-1] >= reach else np.append(edges, reach)
    return [float(edge) for edge in edges]
