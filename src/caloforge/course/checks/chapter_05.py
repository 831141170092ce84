"""Chapter 5: slopes of a critic, the earth mover's distance that it reads, and the value of the game at the draw."""

__all__ = ["check"]

import math
from typing import Any

from caloforge.course.answers import array_from, entries_of, function_of, number_of
from caloforge.errors import NotYet

_N = 40


def check(answer: Any) -> str:
    """Mark the exercise of chapter 5.

    Args:
        answer: the functions ``slopes`` and ``distance``, and the numbers ``measured`` and ``value``.

    Raises:
        NotYet: what is wrong.
    """
    import torch  # only an answer needs it

    entries = entries_of(answer, ("slopes", "distance", "measured", "value"))
    generator = torch.Generator().manual_seed(5)
    points = torch.randn(_N, 2, generator=generator)
    slopes = function_of(entries["slopes"], "slopes")(lambda x: 0.5 * (x**2).sum(1, keepdim=True), points)
    if isinstance(slopes, torch.Tensor):
        slopes = slopes.detach().cpu()
    norms = points.norm(dim=1)
    values = array_from(slopes, (_N,), "a slope for each of the points")
    if torch.allclose(torch.from_numpy(values).float(), norms**2, rtol=1e-3):
        raise NotYet("slopes: this is the square of the gradient's norm; take the root.")
    if torch.allclose(torch.from_numpy(values).float(), norms / _N, rtol=1e-3):
        raise NotYet("slopes: the gradient of the mean score is N times too small; take that of the sum.")
    if not torch.allclose(torch.from_numpy(values).float(), norms, rtol=1e-3):
        raise NotYet("slopes: for the score |x|^2 / 2 the gradient is x, so its norm is |x|; yours differs.")
    _distance(entries["distance"], points)
    value = number_of(entries["value"], "the value at the draw")
    if abs(value - math.log(4)) < 0.01 or abs(value + math.log(2)) < 0.01:
        raise NotYet("value: both terms are log(1/2), which is negative; add them.")
    if abs(value + math.log(4)) > 0.01:
        raise NotYet(f"value: put D = 1/2 into V; yours is {value:.3f}.")
    measured = number_of(entries["measured"], "measured")
    if not 1.7 < measured < 2.2:
        raise NotYet(
            f"measured: {measured:.2f}, but the showers were moved by 2. Train the critic between real and moved for "
            "STEPS steps, pair each shower with the moved one of another, and divide by the mean slope between them."
        )
    return f"The critic reads {measured:.2f} for a way of 2, once its slope is known."


def _distance(function: Any, points: Any) -> None:
    """A critic of slope 2.5 along one axis, between points and the same ones moved by 3 along it, reads 3."""
    moved = points.clone()
    moved[:, 1] -= 3

    def critic(x: Any) -> Any:
        return 2.5 * x[:, 1:] + 7

    value = number_of(function_of(function, "distance")(critic, points, moved), "the distance")
    if abs(value + 3) < 0.01:
        raise NotYet("distance: the sign is wrong, the critic scores real showers higher.")
    if abs(value - 7.5) < 0.01:
        raise NotYet("distance: this is the difference of the scores; the critic's slope is 2.5 here, divide by it.")
    if abs(value - 3) > 0.01:
        raise NotYet(f"distance: a critic of slope 2.5 between showers 3 apart has to read 3; yours reads {value:.3g}.")
