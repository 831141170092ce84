"""Chapter 2: means with their standard errors, and differences from common random numbers."""

__all__ = ["check"]

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.course.answers import array_from, entries_of, function_of, number_of
from caloforge.errors import NotYet

_N = 400


def check(answer: Any) -> str:
    """Mark the exercise of chapter 2.

    Args:
        answer: the functions ``expectation``, ``difference_independent`` and ``difference_common``, and ``gain``.

    Raises:
        NotYet: what is wrong.
    """
    entries = entries_of(answer, ("expectation", "difference_independent", "difference_common", "gain"))
    rng = np.random.default_rng(2)
    shared = rng.normal(size=_N)
    first, second = 3 + shared, 5 + 1.1 * shared + 0.1 * rng.normal(size=_N)
    spread = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / _N)
    _mean(entries["expectation"], "expectation", (first,), first.mean(), first.std(ddof=1) / np.sqrt(_N))
    _mean(entries["difference_independent"], "difference_independent", (first, second), (second - first).mean(), spread)
    common = (second - first).std(ddof=1) / np.sqrt(_N)
    _mean(entries["difference_common"], "difference_common", (first, second), (second - first).mean(), common)
    gain = number_of(entries["gain"], "the gain")
    if gain < 1:
        raise NotYet(f"Your gain is {gain:.2f}: divide the error of independent noise by that of common noise.")
    if gain < 1.05:
        raise NotYet("A gain of one means that both lists have the same pairs: 1 compares at_30 with at_60_other.")
    return f"Common noise makes the error {gain:.1f} times smaller, as {gain**2:.0f} times as many showers would."


def _mean(
    function: Callable[..., Any], name: str, samples: tuple[Float[Array, " n"], ...], mean: float, error: float
) -> None:
    value = array_from(function_of(function, name)(*samples), (2,), f"mean and error from {name}")
    if np.isclose(value[0], -mean):
        raise NotYet(f"{name}: the sign is wrong, subtract the first list from the second.")
    if not np.isclose(value[0], mean):
        raise NotYet(f"{name}: the mean is {value[0]:.4g} where the checker expects {mean:.4g}.")
    if np.isclose(value[1], error * np.sqrt(_N), rtol=0.01):
        raise NotYet(f"{name}: this is the spread of single showers; the error of the mean is smaller by sqrt(n).")
    if np.isclose(value[1], error**2, rtol=0.01):
        raise NotYet(f"{name}: this is the variance of the mean; its square root is the error.")
    if np.isclose(value[1], error / np.sqrt(1 + 1 / (_N - 1)), rtol=1e-6):
        raise NotYet(f"{name}: divide by n - 1, not by n: np.std(..., ddof=1).")
    if not np.isclose(value[1], error):
        hint = "lists of the same noise go together pair by pair" if name == "difference_common" else ""
        hint = "errors of independent means add in squares" if name == "difference_independent" else hint
        raise NotYet(f"{name}: the error is {value[1]:.4g}, not {error:.4g} as expected{'; ' * bool(hint)}{hint}.")
