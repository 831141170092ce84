r"""Frames about an axis: a direction as angles, and points turned so that the axis becomes z.

A point is turned by :math:`-\phi` about z and then by :math:`-\theta` about y, as in Geant4's example Par04; for an
axis along z nothing turns.
"""

__all__ = ["angles_of", "from_axis_frame", "to_axis_frames", "unit_vectors"]

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array


def unit_vectors(theta: Float[Array, " N"], phi: Float[Array, " N"]) -> Float[Array, "N 3"]:
    """Directions of N pairs of angles.

    Args:
        theta: angle to z, rad.
        phi: azimuth about z, rad.
    """
    theta, phi = np.asarray(theta, float), np.asarray(phi, float)
    return np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=1)


def angles_of(directions: Float[Array, "N 3"]) -> tuple[Float[Array, " N"], Float[Array, " N"]]:
    """Angle to z and azimuth about z of N directions, rad; the azimuth of z itself is 0.

    Args:
        directions: of any length but 0.
    """
    x, y, z = np.asarray(directions, float).T
    return np.arctan2(np.hypot(x, y), z), np.where(np.hypot(x, y) > 0, np.arctan2(y, x), 0.0)


def _turns(axes: Float[Array, "n 3"]) -> tuple[Float[Array, " n"], ...]:
    theta, phi = angles_of(axes)
    return np.cos(theta), np.sin(theta), np.cos(phi), np.sin(phi)


def to_axis_frames(points: Float[Array, "n 3"], axes: Float[Array, "n 3"]) -> Float[Array, "n 3"]:
    """Each point in the frame whose z is its axis.

    Args:
        points: mm, from the origin of the new frame.
        axes: of each point.
    """
    cos_theta, sin_theta, cos_phi, sin_phi = _turns(axes)
    x, y, z = np.asarray(points, float).T
    across = cos_phi * x + sin_phi * y
    return np.stack(
        [cos_theta * across - sin_theta * z, cos_phi * y - sin_phi * x, sin_theta * across + cos_theta * z], 1
    )


def from_axis_frame(points: Float[Array, "n 3"], axes: Float[Array, "n 3"]) -> Float[Array, "n 3"]:
    """The inverse of `to_axis_frames`.

    Args:
        points: mm, in the frame whose z is the axis.
        axes: of each point.
    """
    cos_theta, sin_theta, cos_phi, sin_phi = _turns(axes)
    x, y, z = np.asarray(points, float).T
    across = cos_theta * x + sin_theta * z
    return np.stack([cos_phi * across - sin_phi * y, sin_phi * across + cos_phi * y, cos_theta * z - sin_theta * x], 1)
