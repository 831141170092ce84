"""Does a mesh fit a detector? Which mesh layer holds each sensitive slab, and where slabs are thicker than layers."""

__all__ = ["check_readout", "needs_points"]
import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray as Array

from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.geometry.detector import Detector
from caloforge.geometry.gdml import Calorimeter, GdmlDetector
from caloforge.simulation.primaries import Primaries
from caloforge.units import mm

_TOUCH = 1e-6 * mm  # depths nearer than this are equal


def check_readout(detector: Calorimeter, binning: Binning) -> Int[Array, " n"]:
    """Position of the mesh layer that holds the middle of each sensitive slab, or -1; nothing for a GDML file.

    Args:
        detector: with n sensitive slabs, or a GDML file.
        binning: the mesh, with depths.

    Raises:
        BadValue: the mesh has no depth, or no sensitive slab lies in it.
    """
    if isinstance(detector, GdmlDetector):
        detector.check_readout(binning)
        return np.empty(0, int)
    middles = (detector.faces[:-1] + detector.faces[1:])[detector.sensitive] / 2
    layers = binning.layer_at_depth(middles)
    if (layers < 0).all() and not _overlap(detector, binning).any():
        raise BadValue("readout", binning.name, f"no sensitive slab of {detector.name} lies inside it")
    return layers


def _overlap(detector: Detector, binning: Binning) -> Bool[Array, "n L"]:
    """Which layers of the mesh each sensitive slab, thicker than they are, reaches into."""
    if binning.z_edges is None:
        raise BadValue("readout", binning.name, "it does not say at which depth its layers lie")
    low, high = binning.z_edges.T
    front, back = (detector.faces[detector.sensitive + i, None] for i in (0, 1))
    thicker = back - front > high - low + _TOUCH
    return thicker & (front < high - _TOUCH) & (back > low + _TOUCH)


def needs_points(detector: Calorimeter, primaries: Primaries, binning: Binning) -> bool:
    """Whether the depth of each step, not its slab, decides its layer: inclined mesh, or slabs thicker than layers.

    Args:
        detector: the stack.
        primaries: with their angles and the frame of the mesh.
        binning: the mesh, with depths.

    Raises:
        BadValue: the mesh has no depth.
    """
    if isinstance(detector, GdmlDetector):
        return True
    return (primaries.angles is not None and primaries.mesh == "axis") or bool(_overlap(detector, binning).any())
