"""Chapter 7: active units, the rate that narrow posteriors cannot fall below, and the model whose latent died."""

__all__ = ["check"]

import math
from typing import Any

import numpy as np

from caloforge.course.answers import entries_of, function_of, name_of, number_of
from caloforge.errors import NotYet

_NAMES = ("plain decoder", "sees layers before", "committed rate")


def check(answer: Any) -> str:
    """Mark the exercise of chapter 7.

    Args:
        answer: the functions ``active_units``, ``least_rate`` and ``widest``, and ``collapsed``, the name of a model.

    Raises:
        NotYet: what is wrong.
    """
    entries = entries_of(answer, ("active_units", "least_rate", "widest", "collapsed"))
    mean = np.random.default_rng(7).normal(size=(500, 4)) * [1, 0.5, 0.03, 0] + [0, 0, 0, 2]
    active = number_of(function_of(entries["active_units"], "active_units")(mean), "the number of active units")
    if active == 3:
        raise NotYet("active_units: count where the variance is above 0.01; a mean that is far from 0 does not move.")
    if active != 2:
        raise NotYet(f"active_units: of latents with the spreads 1, 0.5, 0.03 and 0 two are active, not {active:g}.")
    least = function_of(entries["least_rate"], "least_rate")
    for s in (0.3, 0.8):
        exact = 0.5 * (s**2 - 1) - math.log(s)
        value = number_of(least(s), "the least rate")
        if math.isclose(value, -exact, rel_tol=1e-6):
            raise NotYet("least_rate: the sign is wrong; a rate is never negative.")
        if math.isclose(value, 2 * exact, rel_tol=1e-6):
            raise NotYet("least_rate: a factor of one half is missing.")
        if math.isclose(value, 0.5 * (s**2 - 1 - math.log(s)), rel_tol=1e-6):
            raise NotYet("least_rate: ln s^2 is 2 ln s.")
        if not math.isclose(value, exact, rel_tol=1e-6):
            raise NotYet(f"least_rate: at s = {s} it is {exact:.4f}; yours is {value:.4f}.")
    for delta in (0.1, 1.0, 4.0):
        s = number_of(function_of(entries["widest"], "widest")(delta), "the widest posterior")
        if s > 1:
            raise NotYet("widest: you have the solution above 1; the posterior has to be narrower than the prior.")
        if s <= 0 or not math.isclose(0.5 * (s**2 - 1) - math.log(s), delta, rel_tol=1e-3):
            raise NotYet(f"widest: at s = {s:.4g} the least rate is not {delta} nats.")
    collapsed = name_of(entries["collapsed"], _NAMES, "collapsed")
    if collapsed != "sees layers before":
        raise NotYet(f"collapsed: the latents of {collapsed!r} have a rate well above zero; compare losses()['kl'].")
    return "A decoder that sees the layers before needs no latent; a committed rate keeps it from dying."
