"""Chapter 13: the velocity to regress on, Euler's and the midpoint method on fields with known solutions, the order."""

__all__ = ["check"]

from typing import Any

import numpy as np

from caloforge.course.answers import array_from, entries_of, function_of, number_of
from caloforge.errors import NotYet

_STEPS = 5


def check(answer: Any) -> str:
    """Mark the exercise of chapter 13.

    Args:
        answer: the functions ``target``, ``euler``, ``midpoint`` and ``order``.

    Raises:
        NotYet: what is wrong.
    """
    entries = entries_of(answer, ("target", "euler", "midpoint", "order"))
    x0, x1 = np.random.default_rng(13).normal(size=(2, 6, 2))
    velocity = array_from(
        function_of(entries["target"], "target")(x0, x1, np.full((6, 1), 0.3)), (6, 2), "the velocities"
    )
    if np.allclose(velocity, x0 - x1):
        raise NotYet("target: the way leads from noise x0 to the shower x1, yours leads back.")
    if np.allclose(velocity, 0.7 * x0 + 0.3 * x1):
        raise NotYet("target: this is the point x_t; asked for is its derivative by t.")
    if not np.allclose(velocity, x1 - x0):
        raise NotYet("target: the derivative of (1 - t) x0 + t x1 by t.")
    h = 1 / _STEPS
    growth = {"euler": 1 + h, "midpoint": 1 + h + h**2 / 2}
    moments = {"euler": 0.5 - 0.5 * h, "midpoint": 0.5}  # of the field v = t: the integral of t
    for name in ("euler", "midpoint"):
        solve = function_of(entries[name], name)
        start = x0.copy()
        end = array_from(solve(lambda x, t: x, x0, _STEPS), (6, 2), f"the points after {name}")
        if not np.array_equal(x0, start):
            raise NotYet(f"{name}: it has changed the points that it was given; write x = x + ..., not x += ...")
        if np.allclose(end, x0 * (1 + 1) ** _STEPS):
            raise NotYet(f"{name}: the steps are 1/steps long.")
        if np.allclose(end, x0 * (1 + h)):
            raise NotYet(f"{name}: only one step is taken; repeat it `steps` times.")
        if name == "midpoint" and np.allclose(end, x0 * growth["euler"] ** _STEPS):
            raise NotYet("midpoint: this is Euler's method; take the velocity half a step ahead.")
        if name == "midpoint" and np.allclose(end, x0 * (1 + h + h**2) ** _STEPS):
            raise NotYet("midpoint: half a step ahead, not a whole one.")
        if not np.allclose(end, x0 * growth[name] ** _STEPS):
            raise NotYet(f"{name}: for the field v = x each step has to multiply by {growth[name]:.4f}.")
        moved = array_from(solve(lambda x, t: np.full_like(x, t), x0, _STEPS), (6, 2), f"the points after {name}") - x0
        if not np.allclose(moved, moments[name]):
            raise NotYet(
                f"{name}: for the field v = t, {_STEPS} steps go {moments[name]:.1f} far, yours {moved.mean():.2f}; "
                "look at the times at which you ask for the velocity."
            )
    return _order(entries["order"])


def _order(function: Any) -> str:
    steps = np.array([2, 4, 8, 16])
    value = number_of(function_of(function, "order")(steps, 0.7 * steps**-2.0), "the order")
    if np.isclose(value, -2):
        raise NotYet("order: the sign is wrong; take ln(1/steps).")
    if np.isclose(value, 0.5):
        raise NotYet("order: the errors stand upright and the steps lie flat; you have exchanged the two.")
    if not np.isclose(value, 2):
        raise NotYet(f"order: for errors that fall with the square of the steps it is 2, not {value:.3g}.")
    return "Euler's error falls like 1/n, the midpoint's like 1/n²: twice the work a step, and soon worth it."
