"""Where a mesh lies among points: the axis of its cylinder, the origin of its depth, and whether depth is a length."""

__all__ = ["Placement", "parse_axis", "parse_origin"]

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.points.hits import Hits
from caloforge.errors import BadValue
from caloforge.geometry.frame import to_axis_frames
from caloforge.units import parse_depth

Vector = tuple[float, float, float]
_NAMED = {
    sign + name: tuple(float(f"{sign}1") * (i == j) for j in range(3))
    for i, name in enumerate("xyz")
    for sign in ("", "-")
}
_GRAZING = 0.05  # cosine of 87 degrees; beyond, a particle's line meets the plane of the entrance nowhere near
_ALONG_Z = 1e-4  # rad; below, an axis is that of z


def parse_axis(text: str) -> Literal["incident"] | Vector:
    """An axis from text: ``incident``, ``x``, ``-z`` or three numbers such as ``0,1,0.5``.

    Args:
        text: as on the command line.

    Raises:
        BadValue: none of these, or three zeros.
    """
    if text == "incident":
        return "incident"
    vector = _NAMED.get(text) or _three(
        text, "axis", "write incident, x, y, z, -x, -y, -z or three numbers such as 0,1,0"
    )
    length = float(np.linalg.norm(vector))
    if length == 0:
        raise BadValue("axis", text, "its length is not zero")
    return (vector[0] / length, vector[1] / length, vector[2] / length)


def parse_origin(text: str) -> Literal["entrance", "vertex"] | float | Vector:
    """An origin from text: ``entrance``, ``vertex``, a depth such as ``1250mm``, or a point in mm such as ``0,1250,0``.

    Args:
        text: as on the command line.

    Raises:
        BadValue: none of these.
    """
    if text == "entrance":
        return "entrance"
    if text == "vertex":
        return "vertex"
    if "," in text:
        return _three(
            text, "origin", "write entrance, vertex, a depth such as 1250mm, or a point in mm such as 0,1250,0"
        )
    return parse_depth(text)


def _three(text: str, what: str, remedy: str) -> Vector:
    try:
        first, second, third = (float(word) for word in text.split(","))
    except ValueError:
        raise BadValue(what, text, remedy) from None
    if not np.isfinite([first, second, third]).all():
        raise BadValue(what, text, "give finite numbers")
    return first, second, third


@dataclass(frozen=True)
class Placement:
    """How a mesh is laid over points.

    Args:
        axis: each shower's own incident direction, or one direction for all, which then is the calorimeter's normal.
        origin: of depth and radius. A point (mm), for all. A depth (mm) along the axis from the origin of the frame:
            there the particle's line meets the plane across the axis. ``entrance``: that depth is the least of all
            points about the particle's line, as far as the mesh reaches. ``vertex``: where the particle starts.
            None: the origin of points that are in the frame of the face, the entrance of others.
        first_layer: number of the layer that the mesh calls 0; None where the depth of a point decides its layer.
    """

    axis: Literal["incident"] | Vector = "incident"
    origin: Literal["entrance", "vertex"] | float | Vector | None = None
    first_layer: int | None = None

    def resolved(self, hits: Hits, radius: float) -> "Placement":
        """The same with numbers for what these points decide, so that the next ones are laid alike.

        Args:
            hits: the first of a file.
            radius: of the mesh, mm.

        Raises:
            BadValue: no point about the particles' lines.
        """
        origin, first = self.origin, self.first_layer
        if hits.depth == "layer":
            first = hits.first_layer if first is None else first
        if origin is None:
            origin = "entrance" if hits.normal is None and hits.depth == "mm" else (0.0, 0.0, 0.0)
        if origin == "entrance":
            origin = (0.0, 0.0, 0.0) if hits.depth == "layer" else self._entrance(hits, radius)
        return replace(self, origin=origin, first_layer=first)

    def axes(self, hits: Hits) -> Float[Array, "N 3"]:
        """The axis of each shower.

        Args:
            hits: N showers.

        Raises:
            BadValue: directions that the file does not say, or an axis across which depths are no lengths.
        """
        if hits.depth == "layer":
            return self._across_layers(hits)
        if self.axis == "incident":
            if not np.isfinite(hits.direction).all():
                raise BadValue("axis", "incident", "the file does not say every direction; give --axis X,Y,Z")
            axes = hits.direction.astype(float)
        else:
            axes = np.tile(np.array(self.axis, float), (len(hits), 1))
        return axes

    def _across_layers(self, hits: Hits) -> Float[Array, "N 3"]:
        """The axis where depths are numbers: it stands on the layers, whatever the directions."""
        if self.axis != "incident" and self.axis[2] < np.cos(_ALONG_Z):
            raise BadValue(
                "axis", self.axis, "depths are numbers of layers, so the mesh stands on them; leave --axis out"
            )
        return np.tile([0.0, 0.0, 1.0], (len(hits), 1))

    def origins(self, hits: Hits, axes: Float[Array, "N 3"]) -> Float[Array, "N 3"]:
        """Where the mesh of each shower begins, mm.

        Args:
            hits: N showers.
            axes: of each.

        Raises:
            BadValue: a particle that flies along the plane of the entrance, or a placement that is not `resolved`.
        """
        if isinstance(self.origin, tuple):
            return np.tile(np.array(self.origin, float), (len(hits), 1))
        if self.origin == "vertex":
            if hits.vertex is None or not np.isfinite(hits.vertex).all():
                raise BadValue("origin", "vertex", "the file does not say every vertex; give --origin X,Y,Z in mm")
            return hits.vertex.astype(float)
        if not isinstance(self.origin, float | int):
            raise BadValue("origin", self.origin, "resolve the placement with the first points")
        start, step = self._lines(hits, axes)
        return start + step * (self.origin - (axes * start).sum(1))[:, None]

    @staticmethod
    def _lines(hits: Hits, axes: Float[Array, "N 3"]) -> tuple[Float[Array, "N 3"], Float[Array, "N 3"]]:
        """A point of each particle's line, and the piece of it that takes one mm along the axis."""
        start = np.zeros_like(axes) if hits.vertex is None else np.nan_to_num(hits.vertex.astype(float))
        flight = np.where(np.isfinite(hits.direction), hits.direction, axes).astype(float)
        along = (flight * axes).sum(1, keepdims=True)
        if len(along) and along.min() < _GRAZING:
            shower = int(along.argmin())
            raise BadValue(
                "axis", axes[shower].round(4).tolist(), f"the particle of shower {shower} does not fly along it"
            )
        return start, flight / along

    def _entrance(self, hits: Hits, radius: float) -> float:
        axes = self.axes(hits)
        start, _ = self._lines(hits, axes)
        shower = hits.shower_of_point
        points = np.stack([hits.x, hits.y, hits.z], 1).astype(float)
        local = to_axis_frames(points - start[shower], axes[shower])
        ahead = (local[:, 2] >= 0) if hits.vertex is not None else np.ones(len(local), bool)
        inside = ahead & (np.hypot(local[:, 0], local[:, 1]) < radius) & (hits.energy > 0)
        if not inside.any():
            raise BadValue(
                "origin", "entrance", f"no point lies within {radius:g} mm of the particles' lines; give --origin"
            )
        depth = (points * axes[shower]).sum(1)[inside]
        return float(depth.min() - 1e-9 * abs(depth.min()))
