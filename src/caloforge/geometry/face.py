r"""Where the beam meets a calorimeter and which way it goes: the frame of showers in somebody's coordinates.

Depth runs from the point along the direction :math:`\hat d`; x and y of the frame are those of the world, turned as
little as takes z to :math:`\hat d`: about :math:`\hat z \times \hat d` (about y where :math:`\hat d = -\hat z`).
"""

__all__ = ["Face", "Vector", "parse_face"]

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.errors import BadValue
from caloforge.units import parse_depth

Vector = tuple[float, float, float]
_AXES: dict[str, Vector] = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
_FORM = "write POINT:DIRECTION, as 0,0,-10cm:z or 0,1.5m,0:0,1,0.2"


@dataclass(frozen=True)
class Face:
    """A point on the face of a calorimeter and the direction of a perpendicular beam.

    Args:
        point: mm, in the coordinates of the world.
        direction: into the calorimeter; of any length but zero.

    Raises:
        BadValue: numbers that are not finite, or a direction without length.
    """

    point: Vector
    direction: Vector

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (*self.point, *self.direction))):
            raise BadValue("face", self.text, "its numbers must be finite")
        if not math.hypot(*self.direction) > 0:
            raise BadValue("direction of the face", self.direction, "give the way into the calorimeter, as 0,0,1")

    @property
    def text(self) -> str:
        """As on the command line, in mm."""
        point, direction = (",".join(f"{value + 0.0:.12g}" for value in v) for v in (self.point, self.direction))
        return f"{point}:{direction}"

    @cached_property
    def rotation(self) -> Float[Array, "3 3"]:
        """The frame's x, y and z as rows, in the coordinates of the world."""
        x, y, z = (np.array(self.direction) / math.hypot(*self.direction)).tolist()
        across = x * x + y * y
        if z < 0 and across == 0:
            return np.diag([-1.0, 1.0, -1.0])
        inverse = 1 / (1 + z) if z > 0 else (1 - z) / across  # the same, without the loss of digits
        return np.array(
            [[1 - x * x * inverse, -x * y * inverse, -x], [-x * y * inverse, 1 - y * y * inverse, -y], [x, y, z]]
        )

    def from_world(self, points: Float[Array, "n 3"]) -> Float[Array, "n 3"]:
        """Points in the frame of the face, mm; z is the depth.

        Args:
            points: in the coordinates of the world, mm.
        """
        return (points - np.array(self.point)) @ self.rotation.T

    def to_world(self, points: Float[Array, "n 3"]) -> Float[Array, "n 3"]:
        """Points in the coordinates of the world, mm.

        Args:
            points: in the frame of the face, mm.
        """
        return points @ self.rotation + np.array(self.point)


def parse_face(text: str) -> Face:
    """A face from text: ``0,0,-10cm:z``, ``0,0,-100:0,0,1``; lengths without a unit are mm.

    Args:
        text: ``POINT:DIRECTION``.

    Raises:
        BadValue: not of that form, or as `Face`.
    """
    point, _, direction = text.partition(":")
    try:
        (x, y, z), way = map(_coordinate, point.split(",")), _direction(direction.strip())
    except (BadValue, ValueError):
        raise BadValue("face", text, _FORM) from None
    return Face((x, y, z), way)


def _coordinate(text: str) -> float:
    return parse_depth(text if text.strip()[-1:].isalpha() else f"{text}mm")


def _direction(text: str) -> Vector:
    axis = _AXES.get(text.lstrip("+-").lower())
    if axis is None:
        x, y, z = map(float, text.split(","))
        return x, y, z
    sign = -1.0 if text.startswith("-") else 1.0
    return sign * axis[0], sign * axis[1], sign * axis[2]
