"""What writers of points in layers share: a frame at the face, numbers of layers, points without energy left out."""

__all__ = ["layer_coordinate", "without_empty_points"]

from pathlib import Path

from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.points.hits import Hits
from caloforge.errors import BadFile


def without_empty_points(hits: Hits) -> Hits:
    """The same without points of zero energy, which these layouts take for padding; the order stays.

    Args:
        hits: N showers.
    """
    return hits if hits.energy.all() else hits.where(hits.energy > 0)


def layer_coordinate(hits: Hits, path: Path) -> Float[Array, " P"]:
    """Number of the layer of each point from 0, with its fraction where there is one.

    Args:
        hits: in the frame of the calorimeter's face.
        path: of their file, for the sentence.

    Raises:
        BadFile: points in another frame, or without numbers of layers, or whose first layer is not known.
        BadValue: points in several parts of a calorimeter.
    """
    if hits.normal is None:
        problem = "its points are in the frame of the detector, and this layout wants them in that of the face"
        raise BadFile(path, problem, "say how the face lies: --axis incident or --axis X,Y,Z, and --origin")
    hits.require_one_part()
    first = hits.first_layer
    if hits.depth == "layer":
        return hits.z.astype(float) - (first or 0)
    if hits.layer is None:
        raise BadFile(path, "its points have no numbers of layers", "this layout holds no depths: choose another --to")
    if first is None:
        low, high = (int(hits.layer.min()), int(hits.layer.max())) if len(hits.layer) else (0, 0)
        raise BadFile(path, f"its layers are {low} to {high}", "say which number is the first: --first-layer N")
    return hits.layer.astype(float) - first
