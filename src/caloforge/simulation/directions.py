r"""Directions of incident particles at the face: theta from its normal, phi about it; and the frame of a shower's axis.

A direction is :math:`(\sin\theta\cos\phi, \sin\theta\sin\phi, \cos\theta)`. The polar angle between two ends is uniform
in :math:`\theta`, or in the solid angle, that is in :math:`\cos\theta`.
"""

__all__ = ["Angles", "PERPENDICULAR", "direction", "parse_angles", "to_axis_frame"]

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.errors import BadValue, UnknownName
from caloforge.simulation.ranges import check_range, parse_range, range_text
from caloforge.units import format_angle, parse_angle

AngleShape = Literal["fixed", "uniform", "solid-angle"]
_SHAPES: tuple[AngleShape, ...] = get_args(AngleShape)


@dataclass(frozen=True)
class Angles:
    """Angles, all the same or between two ends.

    Args:
        low: rad.
        high: rad; equal to ``low`` where the shape is fixed.
        shape: uniform in the angle, in its cosine (solid-angle), or fixed.

    Raises:
        BadValue: an empty range.
        UnknownName: a shape other than fixed, uniform and solid-angle.
    """

    low: float
    high: float
    shape: AngleShape = "fixed"

    def __post_init__(self) -> None:
        if self.shape not in _SHAPES:
            raise UnknownName("shape of an angle", self.shape, _SHAPES)
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise BadValue("angle", (self.low, self.high), "give finite angles in rad")
        check_range("angle", (self.low, self.high), self.shape, lambda: self.text, "rad")

    @property
    def text(self) -> str:
        """As on the command line: ``30deg`` or ``0deg:30deg:solid-angle``."""
        return range_text(format_angle(self.low), format_angle(self.high), self.shape)

    def sample(self, n: int, generator: np.random.Generator) -> Float[Array, " n"]:
        """``n`` angles in rad; the first of them do not depend on ``n``.

        Args:
            n: showers.
            generator: of the random numbers.
        """
        u = generator.random(n)
        if self.shape == "solid-angle":
            return np.arccos(math.cos(self.low) + (math.cos(self.high) - math.cos(self.low)) * u)
        return self.low + (self.high - self.low) * u


PERPENDICULAR = Angles(0.0, 0.0)


def parse_angles(text: str) -> Angles:
    """Angles from text: ``30deg``, ``0deg:30deg:uniform`` or ``0deg:30deg:solid-angle``.

    Args:
        text: as on the command line.

    Raises:
        BadValue: not of that form, an angle without a unit, an empty range.
        UnknownName: a shape other than uniform and solid-angle.
    """
    return Angles(*parse_range(text, parse_angle, "angle", ("30deg", "0deg:30deg:solid-angle"), _SHAPES))


def direction(theta: float, phi: float) -> tuple[float, float, float]:
    """Unit vector of a direction; z is the normal of the face, inwards.

    Args:
        theta: angle to the normal, rad.
        phi: azimuth about the normal, rad.
    """
    return math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi), math.cos(theta)


def to_axis_frame(
    x: Float[Array, " n"], y: Float[Array, " n"], z: Float[Array, " n"], theta: float, phi: float
) -> tuple[Float[Array, " n"], Float[Array, " n"], Float[Array, " n"]]:
    """Points in the frame whose z is the direction: turned by -phi about z, then by -theta about y, as in Par04.

    Args:
        x: of n points in the detector's frame, mm.
        y: likewise.
        z: along the normal of the face, mm.
        theta: angle of the axis to the normal, rad.
        phi: azimuth of the axis, rad.
    """
    across, y_axis = math.cos(phi) * x + math.sin(phi) * y, math.cos(phi) * y - math.sin(phi) * x
    return math.cos(theta) * across - math.sin(theta) * z, y_axis, math.sin(theta) * across + math.cos(theta) * z
