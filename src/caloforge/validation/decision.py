r"""Whether one number of a family keeps its limit: pass, fail, or not to be told from so few showers.

A limit of physics :math:`\ell` on a number :math:`v \pm \sigma` beside truth against truth, :math:`f \pm s`. Of m
numbers under one limit the largest is far out oftener than a single one is, which the two answers treat differently.

**Fail** claims that one of them is over its limit. So that a family raises no more false alarms than a single number,
each must be over by

.. math:: z_m = \Phi^{-1}(1 - \alpha/m), \qquad \alpha = 1 - \Phi(3) = 0.13\,\%

standard deviations (Bonferroni: valid however the numbers depend on each other): 3 for one number, 4.1 for 71. And by
more than its floor explains: distances raised to :math:`1/p` rise by the same amount for every sample, if their floor
falls as :math:`n^{-p}`; so what must exceed the limit is

.. math:: d = \Big(\big(v - z_m \max(\sigma, s)\big)^{1/p} - f^{1/p}\Big)^p .

**Pass** claims that all of them are under, which needs no such correction: a union of doubts is refused where any one
of them stands (intersection-union test: Berger, Technometrics 24 (1982) 295). Each must lie under the limit by its
error, and truth itself must keep the limit with showers as few as these, :math:`f + 2 s \le \ell`.

**Cannot tell** is between the two. Requirements in units of the floor (``sigma``, ``times``) allow for the noise
themselves: always pass or fail, at a limit that rises with m.
"""

__all__ = ["BEYOND", "SURE", "Decision", "decide", "deviations", "factor_needed"]

import math
from dataclasses import replace
from typing import NamedTuple

from scipy.special import ndtr, ndtri

from caloforge.metrics.measured import Measured
from caloforge.validation.checklist import Requirement
from caloforge.validation.evidence import Evidence
from caloforge.validation.finding import Status

BEYOND = 3.0  # standard deviations, one-sided, by which one number is over a limit to fail
SURE = 2.0  # standard deviations of truth against truth that must fit under a limit
_FAR = 1000.0  # times as many showers: no number that helps
_STEP = 1.01  # between the numbers of showers that are tried


class Decision(NamedTuple):
    """What one number came to.

    Args:
        status: outcome.
        limit: of its requirement, in its own unit.
        stress: the number in units of the limit: more than 1 beyond.
    """

    status: Status
    limit: float
    stress: float


def deviations(members: int, single: float = BEYOND) -> float:
    r"""Standard deviations that the largest of m numbers exceeds as rarely as one exceeds ``single``.

    Args:
        members: m, numbers under one limit.
        single: standard deviations for one number.

    Example:
        >>> deviations(1), round(deviations(71), 2)
        (3.0, 4.12)
    """
    return single if members <= 1 else float(-ndtri(ndtr(-single) / members))


def decide(requirement: Requirement, item: Evidence, members: int = 1) -> Decision:
    """Hold one number against its requirement.

    Args:
        requirement: what is asked.
        item: the number.
        members: numbers that the requirement covers, this one included.
    """
    (kind, size), m = requirement.tolerance, item.measured
    if not math.isfinite(m.value):
        return Decision(Status.FAIL, math.nan, math.inf)
    if kind == "above":
        return _decide_above(size, item, members)
    around = _is_around(requirement, item)
    distance, origin = (abs(m.value - m.floor), 0.0) if around else (m.value, item.reading.origin)
    limit = _limit(requirement, item, members)
    stress = (distance - origin) / max(limit - origin, 1e-300)
    if kind in ("sigma", "times"):
        return Decision(Status.FAIL if distance > limit else Status.PASS, limit, stress)
    base = 0.0 if around else m.floor
    if _without_floor(distance - deviations(members) * _noise(m), base, item) > limit:
        return Decision(Status.FAIL, limit, stress)
    kept = base + SURE * m.floor_spread <= limit and distance + m.error <= limit
    return Decision(Status.PASS if kept else Status.CANNOT_TELL, limit, stress)


def _is_around(requirement: Requirement, item: Evidence) -> bool:
    """Whether deviations to either side of truth's value count."""
    return requirement.tolerance[0] in ("sigma", "within") and item.reading.sense == "agreement"


def _noise(m: Measured) -> float:
    """How far a number may be off by chance: its own error, or the spread of truth against truth."""
    return max(m.error, m.floor_spread)


def _limit(requirement: Requirement, item: Evidence, members: int) -> float:
    (kind, size), m = requirement.tolerance, item.measured
    around = _is_around(requirement, item)
    if kind == "sigma":
        return deviations(members, size) * m.floor_spread + (0.0 if around else m.floor)
    if kind == "times":
        return size * abs(m.floor) + (deviations(members) - BEYOND) * m.floor_spread
    return size * abs(m.floor) if around else size


def _decide_above(size: float, item: Evidence, members: int) -> Decision:
    """A p-value that permutations can reach, or an agreement that truth itself would keep."""
    m, limit = item.measured, size
    if item.reading.sense == "p-value":
        limit = size / members
        possible = m.value <= limit or limit >= item.reading.origin
        status = (Status.PASS if m.value > limit else Status.FAIL) if possible else Status.CANNOT_TELL
    elif m.floor - SURE * m.floor_spread < limit:
        status = Status.CANNOT_TELL
    elif m.value + deviations(members) * _noise(m) < limit:
        status = Status.FAIL
    else:
        status = Status.PASS if m.value - m.error >= limit else Status.CANNOT_TELL
    return Decision(status, limit, limit / max(m.value, 1e-300))


def _without_floor(distance: float, floor: float, item: Evidence) -> float:
    """What of a distance is not due to the sizes of the samples, see the module."""
    power, origin = item.reading.power, item.reading.origin
    above, below = (max(x - origin, 0.0) ** (1 / power) for x in (distance, floor))
    return origin + float(max(above - below, 0.0) ** power)


def factor_needed(requirement: Requirement, item: Evidence, members: int = 1) -> float | None:
    """How many times as many showers would decide; none where no number helps.

    Those with which truth itself would pass, its largest number of so many included. Where it does so already, those
    that decide if the same difference stays.

    Args:
        requirement: that could not be decided.
        item: the number that decided that.
        members: numbers that the requirement covers.
    """
    m = item.measured
    if requirement.above is not None or item.n == 0 or not all(map(math.isfinite, (m.floor, m.floor_spread, m.error))):
        return None
    largest = replace(item, measured=replace(m, value=m.floor + deviations(members, SURE) * m.floor_spread))
    for number in (largest, item):
        factor = 1.0
        while factor < _FAR:
            scaled = _truth_with_more if number is largest else _with_more
            if decide(requirement, scaled(number, factor), members).status is not Status.CANNOT_TELL:
                break
            factor *= _STEP
        if factor > 1:
            return factor if factor < _FAR else None
    return None


def _truth_with_more(item: Evidence, factor: float) -> Evidence:
    """Truth against truth with so many times as many showers: all of it shrinks to what equal distributions tend to."""
    m, (sense, origin, power, _) = item.measured, item.reading
    centre, error, falls = (m.floor if sense == "agreement" else origin), m.error * factor**-0.5, factor**-power
    value, floor = (centre + (x - centre) * falls for x in (m.value, m.floor))
    return replace(item, measured=Measured(value, error, floor, m.floor_spread * falls))


def _with_more(item: Evidence, factor: float) -> Evidence:
    """The number to expect from so many times as many showers: errors shrink, the floor's part of it shrinks."""
    m, (sense, origin, power, _) = item.measured, item.reading
    error, falls = m.error * factor**-0.5, factor**-power
    if sense == "agreement":
        return replace(item, measured=Measured(m.value, error, m.floor, m.floor_spread * falls))
    floor = origin + (m.floor - origin) * falls
    real, above = ((max(x - origin, 0.0)) ** (1 / power) for x in (_without_floor(m.value, m.floor, item), floor))
    value = origin + float((real + above) ** power)
    return replace(item, measured=Measured(value, error, floor, m.floor_spread * falls))
