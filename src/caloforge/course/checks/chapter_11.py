"""Chapter 11: Monte-Carlo and model error of an ensemble, Student's interval, and coverage with its error."""

__all__ = ["check"]

from typing import Any

import numpy as np
from scipy.stats import norm, t

from caloforge.course.answers import array_from, entries_of, function_of, number_of
from caloforge.errors import NotYet

_K, _N, _ENERGIES = 5, 60, 8


def check(answer: Any) -> str:
    """Mark the exercise of chapter 11.

    Args:
        answer: the functions ``errors``, ``interval`` and ``coverage``, and ``held``, a number of intervals.

    Raises:
        NotYet: what is wrong.
    """
    entries = entries_of(answer, ("errors", "interval", "coverage", "held"))
    rng = np.random.default_rng(11)
    values = 3 + rng.normal(size=_N) + 0.3 * rng.normal(size=(_K, 1)) + 0.2 * rng.normal(size=(_K, _N))
    noise, means = values.mean(0), values.mean(1)
    monte_carlo, model = np.sqrt(noise.var(ddof=1) / _N), means.std(ddof=1)
    pair = array_from(function_of(entries["errors"], "errors")(values), (2,), "the two errors")
    if np.allclose(pair, [model, monte_carlo]):
        raise NotYet("errors: exchanged; give the Monte-Carlo error first.")
    if np.isclose(pair[0], monte_carlo * np.sqrt(_N)):
        raise NotYet("errors: the Monte-Carlo error is that of a mean over n showers; divide by sqrt(n).")
    if np.isclose(pair[0], values.std(ddof=1) / np.sqrt(values.size)):
        raise NotYet("errors: members share their noise, so there are n independent showers, not K times n.")
    if not np.isclose(pair[0], monte_carlo, rtol=2e-3):
        raise NotYet("errors: sigma_MC squared is the variance over noise of the means over members, divided by n.")
    if np.isclose(pair[1], model / np.sqrt(_K)):
        raise NotYet("errors: sigma_model is the spread of the members, not the error of their mean.")
    if np.isclose(pair[1], means.std()):
        raise NotYet("errors: divide by K - 1, np.std(..., ddof=1); with few members it matters.")
    if np.isclose(pair[1], model**2):
        raise NotYet("errors: this is the variance of the members; take the root.")
    if not np.isclose(pair[1], model):
        raise NotYet(f"errors: sigma_model is the spread of the members' means, {model:.4f} here; yours {pair[1]:.4f}.")
    _interval(entries["interval"], values, np.sqrt(model**2 * (1 + 1 / _K) + monte_carlo**2), model, monte_carlo)
    _coverage(entries["coverage"])
    held = number_of(entries["held"], "held")
    if held != round(held) or not 0 <= held <= _ENERGIES:
        raise NotYet(f"held: a whole number from 0 to {_ENERGIES}; yours is {held:g}.")
    if held < 2:
        raise NotYet("held: hardly any; take depth[k] and geant4[k] of the same energy, and level 0.95.")
    return f"{held:.0f} of {_ENERGIES} intervals hold Geant4; what all members get wrong together, none of them shows."


def _interval(function: Any, values: Any, error: float, model: float, monte_carlo: float) -> None:
    level = 0.8
    ends = array_from(function_of(function, "interval")(values, level), (2,), "the two ends of the interval")
    half, width = (ends[1] - ends[0]) / 2, t.ppf((1 + level) / 2, _K - 1)
    if not np.isclose(ends.mean(), values.mean()):
        raise NotYet("interval: its middle has to be the mean of all values.")
    if half < 0:
        raise NotYet("interval: give the lower end first.")
    if np.isclose(half, norm.ppf((1 + level) / 2) * error, rtol=2e-3):
        raise NotYet("interval: sigma_model is known from K members only; take Student's t with K - 1.")
    if np.isclose(half, t.ppf((1 + level) / 2, _K) * error, rtol=2e-3):
        raise NotYet("interval: K members have K - 1 degrees of freedom.")
    if np.isclose(half, t.ppf(level, _K - 1) * error, rtol=2e-3):
        raise NotYet("interval: at level 0.8, a tenth lies beyond each end: the quantile is that at (1 + level)/2.")
    if np.isclose(half, width * np.hypot(model, monte_carlo), rtol=2e-3):
        raise NotYet("interval: the mean of K members has an error of its own: 1 + 1/K.")
    if not np.isclose(half, width * error, rtol=2e-3):
        raise NotYet(f"interval: half of it is {width * error:.4f} here; yours is {half:.4f}.")


def _coverage(function: Any) -> None:
    low, high = np.arange(10.0), np.arange(10.0) + 2
    truth = low + np.array([1, 1, 1, 3, 1, -1, 1, 1, 1, 1])
    share, error = array_from(
        function_of(function, "coverage")(low, high, truth), (2,), "the coverage and its error"
    ).tolist()
    if share > 1:
        raise NotYet("coverage: divide by the number of intervals.")
    if np.isclose(share, 0.2):
        raise NotYet("coverage: count the intervals that hold the truth, not those that miss it.")
    if np.isclose(share, 0.9):
        raise NotYet("coverage: the truth can miss an interval above and below; ask for both ends.")
    if not np.isclose(share, 0.8):
        raise NotYet(f"coverage: 8 of 10 intervals hold the truth here, 0.8; yours is {share:.3g}.")
    if not np.isclose(error, np.sqrt(0.16 / 10)):
        raise NotYet(f"coverage: the error of a share of 0.8 of 10 is {np.sqrt(0.16 / 10):.3f}; yours is {error:.3g}.")
