"""Chapter 12: information of normal numbers, a Sobol index by pick-freeze, and which columns of the noise are kept."""

__all__ = ["check"]

from typing import Any

import numpy as np

from caloforge.course.answers import array_from, entries_of, function_of, number_of
from caloforge.errors import NotYet


def check(answer: Any) -> str:
    """Mark the exercise of chapter 12.

    Args:
        answer: the functions ``information``, ``sobol`` and ``frozen``, and the number ``index``.

    Raises:
        NotYet: what is wrong.
    """
    entries = entries_of(answer, ("information", "sobol", "frozen", "index"))
    information = function_of(entries["information"], "information")
    for rho in (0.6, -0.6, 0.1):
        exact = -0.5 * np.log(1 - rho**2)
        value = number_of(information(rho), "the information")
        if np.isclose(value, -exact):
            raise NotYet("information: the sign is wrong; information is never negative.")
        if np.isclose(value, 2 * exact):
            raise NotYet("information: a factor of one half is missing.")
        if np.isclose(value, exact / np.log(2)) or np.isclose(value, exact / np.log(10)):
            raise NotYet("information: in nats, that is with the natural logarithm.")
        if np.isclose(value, -0.5 * np.log(1 - abs(rho))) or np.isclose(value, -0.5 * np.log(1 - rho)):
            raise NotYet("information: the correlation is squared.")
        if not np.isclose(value, exact):
            raise NotYet(f"information: at a correlation of {rho} it is {exact:.4f} nats; yours is {value:.4g}.")
    _sobol(entries["sobol"])
    z, fresh = np.random.default_rng(12).normal(size=(2, 6, 9))
    kept, given = (z.copy(), fresh.copy()), (z, fresh)
    pair = array_from(function_of(entries["frozen"], "frozen")(z, slice(2, 5), fresh), (6, 9), "the noise")
    if not all(np.array_equal(before, after) for before, after in zip(kept, given, strict=True)):
        raise NotYet("frozen: it has changed the noise that it was given; work on a copy.")
    swapped = z.copy()
    swapped[:, 2:5] = fresh[:, 2:5]
    if np.array_equal(pair, swapped):
        raise NotYet("frozen: the other way round: the columns stay, all others are drawn anew.")
    wanted = fresh.copy()
    wanted[:, 2:5] = z[:, 2:5]
    if not np.array_equal(pair, wanted):
        raise NotYet("frozen: in columns 2 to 4 the noise z, in all others fresh.")
    index = number_of(entries["index"], "the index")
    if not 0 <= index <= 1:
        raise NotYet(f"index: a share of a variance lies between 0 and 1; yours is {index:.3g}.")
    if index > 0.95:
        raise NotYet("index: this is nearly 1: the two showers of a pair have to differ in all noise but the latents.")
    if index < 0.15:
        raise NotYet("index: hardly anything; keep the latents, noise_columns['shape'], and draw the rest anew.")
    return f"The latents alone make {index:.0%} of the variance of the barycentre; the rest needs the noise of cells."


def _sobol(function: Any) -> None:
    rng = np.random.default_rng(13)
    shared, own = rng.normal(size=400), rng.normal(size=(2, 400))
    first, second = 5 + shared + 0.5 * own[0], 5 + shared + 0.5 * own[1]
    exact = float(np.corrcoef(first, second)[0, 1])
    value = number_of(function_of(function, "sobol")(first, second), "the Sobol index")
    if np.isclose(value, exact**2):
        raise NotYet("sobol: the correlation itself; it is not squared.")
    if np.isclose(value, np.cov(first, second)[0, 1], rtol=0.01):
        raise NotYet("sobol: divide the covariance by the variance.")
    if np.isclose(value, 1 - exact, rtol=0.02):
        raise NotYet("sobol: this is the share of all the others.")
    if not np.isclose(value, exact, atol=0.02):
        raise NotYet(f"sobol: the two samples have the correlation {exact:.3f}; yours is {value:.3g}.")
