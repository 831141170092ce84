"""Points moved into the frame of the calorimeter's face, where z is the axis and the particle enters at the origin."""

__all__ = ["PlacedFile", "placed"]

from dataclasses import replace

import numpy as np

from caloforge.data.points.hits import Hits
from caloforge.data.points.placement import Placement
from caloforge.data.points.point_file import PointFile
from caloforge.errors import BadFile, BadValue
from caloforge.geometry.frame import to_axis_frames

_NEAR = 50.0  # mm from the particle's line, within which the entrance is looked for


def placed(hits: Hits, placement: Placement) -> Hits:
    """Points in the frame whose z is the axis of a placement and whose origin is its origin.

    Args:
        hits: N showers.
        placement: the new frame; of its axis, particles whose direction is not known fly along it.

    Raises:
        BadValue: as of `Placement`.
    """
    placement = placement.resolved(hits, _NEAR)
    axes = placement.axes(hits)
    origins = placement.origins(hits, axes)
    shower = hits.shower_of_point
    points = np.stack([hits.x, hits.y, hits.z], 1).astype(float)
    depths = points[:, 2].copy()
    if hits.depth == "layer":
        points[:, 2] = 0.0
    x, y, z = np.ascontiguousarray(to_axis_frames(points - origins[shower], axes[shower]).T)
    direction = np.where(np.isfinite(hits.direction), hits.direction, axes)
    return replace(
        hits,
        x=x,
        y=y,
        z=depths if hits.depth == "layer" else z,
        direction=to_axis_frames(direction, axes),
        vertex=None if hits.vertex is None else to_axis_frames(hits.vertex - origins, axes),
        normal=(0.0, 0.0, 1.0),
        first_layer=placement.first_layer if placement.first_layer is not None else hits.first_layer,
    )


class PlacedFile(PointFile):
    """A file of points in the frame of a placement, which the first showers resolve.

    Args:
        points: the file; closing this closes it.
        placement: the new frame.

    Raises:
        BadValue: as of `placed`.
    """

    def __init__(self, points: PointFile, placement: Placement) -> None:
        self.points, self.path, self.provenance = points, points.path, points.provenance
        self.detector, self.doubts, self.showers_at_once = points.detector, points.doubts, points.showers_at_once
        self.placement = placement.resolved(points[: points.showers_at_once], _NEAR)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, rows: slice) -> Hits:
        try:
            return placed(self.points[rows], self.placement)
        except BadValue as error:
            raise BadFile(self.path, str(error)) from error

    def close(self) -> None:
        """Close the file of points."""
        self.points.close()
