"""Where the layers of a mesh lie in depth: mm where the mesh knows it, else the ids of the layers."""

__all__ = ["depth_unit", "layer_depths", "layer_edges", "layer_thickness"]

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.geometry.binning import Binning


def depth_unit(binning: Binning) -> str:
    """``mm`` where the mesh knows its depth, else ``layer``.

    Args:
        binning: the mesh.
    """
    return "layer" if binning.z_edges is None else "mm"


def layer_edges(binning: Binning) -> Float[Array, "L 2"]:
    """Low and high depth of each layer, mm, or its id -+ 1/2 where the mesh has no depth.

    Args:
        binning: the mesh.
    """
    if binning.z_edges is not None:
        return binning.z_edges
    return np.array([[layer.id - 0.5, layer.id + 0.5] for layer in binning.layers])


def layer_depths(binning: Binning) -> Float[Array, " L"]:
    """Middle of each layer, mm, or its id where the mesh has no depth.

    Args:
        binning: the mesh.
    """
    return layer_edges(binning).mean(axis=1)


def layer_thickness(binning: Binning) -> Float[Array, " L"]:
    """Thickness of each layer, mm, or one where the mesh has no depth.

    Args:
        binning: the mesh.
    """
    return np.diff(layer_edges(binning), axis=1)[:, 0]
