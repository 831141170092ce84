"""Chapter 14: directions evenly over a cone, what an inclined particle crosses, showers turned into the detector."""

__all__ = ["check"]

from typing import Any

import numpy as np

from caloforge.course.answers import array_from, entries_of, function_of, number_of
from caloforge.errors import NotYet

_THETA, _PHI = 0.6, 0.4
_FAR = 8.0  # standard deviations that no model of this course is off


def check(answer: Any) -> str:
    """Mark the exercise of chapter 14.

    Args:
        answer: the functions ``solid_angle``, ``radiation_lengths`` and ``turned``, and the number ``pull``.

    Raises:
        NotYet: what is wrong.
    """
    entries = entries_of(answer, ("solid_angle", "radiation_lengths", "turned", "pull"))
    u = np.linspace(0, 1, 6)
    angles = array_from(function_of(entries["solid_angle"], "solid_angle")(u, _THETA), (6,), "six angles")
    cosine = 1 - u * (1 - np.cos(_THETA))
    if np.allclose(angles, cosine):
        raise NotYet("solid_angle: this is the cosine; take arccos.")
    if np.allclose(angles, u * _THETA):
        raise NotYet("solid_angle: an angle that is uniform crowds at the axis; cos(theta) is uniform.")
    if np.allclose(angles, np.degrees(np.arccos(cosine))):
        raise NotYet("solid_angle: give rad.")
    if np.allclose(angles, np.arccos(np.cos(_THETA) + u * (1 - np.cos(_THETA)))):
        angles = angles[::-1]  # as even a cone, from its edge inwards
    if not np.allclose(angles, np.arccos(cosine)):
        raise NotYet("solid_angle: cos(theta) has to run evenly from 1 to cos(theta_max).")
    lengths = number_of(
        function_of(entries["radiation_lengths"], "radiation_lengths")(7.0, 3.5, np.pi / 3), "the radiation lengths"
    )
    if np.isclose(lengths, 1.0):
        raise NotYet("radiation_lengths: an inclined way is longer; divide by the cosine.")
    if np.isclose(lengths, 2.0):
        raise NotYet("radiation_lengths: the angle is missing.")
    if np.isclose(lengths, 2 / np.sin(np.pi / 3)) or np.isclose(lengths, 2 / np.cos(np.radians(np.pi / 3))):
        raise NotYet("radiation_lengths: 1 / cos(theta), with theta to the normal and in rad.")
    if not np.isclose(lengths, 4.0):
        raise NotYet(f"radiation_lengths: 2 of them at 60 degrees are 4; yours are {lengths:.3g}.")
    _turned(entries["turned"])
    pull = number_of(entries["pull"], "the pull")
    if abs(pull) > _FAR:
        raise NotYet(f"pull: {pull:.1f} is too far; divide by the error of the difference of the means, in mm as well.")
    return f"Model and Geant4 differ by {abs(pull):.1f} standard deviations in the depth of inclined photons."


def _turned(function: Any) -> None:
    turned = function_of(function, "turned")
    axis = np.array([np.sin(_THETA) * np.cos(_PHI), np.sin(_THETA) * np.sin(_PHI), np.cos(_THETA)])
    value = array_from(turned(np.array([[0.0, 0, 1], [0, 0, 2]]), _THETA, _PHI), (2, 3), "the points turned, (N, 3)")
    if np.allclose(value[0], axis * [1, -1, 1]) or np.allclose(value[0], axis * [-1, -1, 1]):
        raise NotYet("turned: one of the two turns goes the wrong way round: the axis has to point to theta, phi.")
    if not np.allclose(value, axis * [[1], [2]]):
        raise NotYet("turned: (0, 0, 1) has to become (sin t cos p, sin t sin p, cos t): first about y, then about z.")
    across = array_from(turned(np.array([[0.0, 1, 0]]), _THETA, _PHI), (1, 3), "the point turned, (1, 3)")
    if not np.allclose(across, [[-np.sin(_PHI), np.cos(_PHI), 0]]):
        raise NotYet("turned: (0, 1, 0) stays across the axis: the turn about y leaves it, that about z turns it.")
