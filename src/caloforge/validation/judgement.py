r"""Judgement: each requirement passed, failed, or beyond what so few showers can tell, with the number that decided.

Requirements in units of the floor (``sigma``, ``times``) allow for the noise themselves. A limit of physics
:math:`\ell` on a number :math:`v \pm \sigma` means something only where truth itself, :math:`f \pm s`, would keep it:

- where :math:`f + 2 s > \ell` the showers are too few to pass, and a number may be over the limit for no other reason
  than that. Distances raised to :math:`1/p` rise with 1/n by the same amount for every sample, if their floor falls as
  :math:`n^{-p}`; so what the floor leaves of :math:`v`, less two standard deviations :math:`(\sigma^2 + s^2)^{1/2}`,

  .. math:: d = \Big(\big(v - 2 (\sigma^2 + s^2)^{1/2}\big)^{1/p} - f^{1/p}\Big)^p ,

  must exceed the limit for it to fail;
- a number within its error of the limit is undecided.

How many showers would do follows from the floor or from the error, which fall as powers of their number.
"""

__all__ = ["judge", "outcome", "require_known"]

import math
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from caloforge.classifiers.protocol import PROTOCOLS
from caloforge.errors import UnknownName
from caloforge.physics.observables import OBSERVABLES
from caloforge.validation.checklist import Checklist, Requirement
from caloforge.validation.evidence import METRICS, Evidence
from caloforge.validation.finding import Finding, Status, with_status
from caloforge.validation.key import ALL_SHOWERS
from caloforge.validation.univariate import UNIVARIATE

_WORST_FIRST = (Status.FAIL, Status.CANNOT_TELL, Status.PASS)
_WHOLE = ("overall", "layer", "ring", "column")  # where every shower counts
_FAR = 1000.0  # times as many showers: no number that helps
_SURE = 2.0  # standard deviations of truth against truth that must fit under a limit of physics


def judge(checklist: Checklist, evidence: Iterable[Evidence], narrowed: bool = False) -> tuple[Finding, ...]:
    """Hold every requirement against the evidence; a finding each.

    A requirement about a place that does not exist (angle bins of showers at one angle) has none. One about a number
    that was not measured cannot be told, unless that was wanted.

    Args:
        checklist: what is asked.
        evidence: every number.
        narrowed: only chosen observables were to be judged, so requirements about others have no finding, either.
    """
    numbers = tuple(evidence)
    places = {item.key.place.kind for item in numbers}
    covered = [(r, [item for item in numbers if r.covers(item.key)]) for r in checklist.requirements]
    return tuple(_finding(r, items) for r, items in covered if items or (r.where in places and not narrowed))


def outcome(findings: Sequence[Finding], checklist: Checklist) -> Status:
    """What the whole checklist comes to.

    Fail where a requirement failed, where one is undecided under ``undecided: fail``, and where nothing was judged.
    Else pass where at least one requirement passed: a list of which nothing could be told has told nothing.

    Args:
        findings: of the checklist's requirements.
        checklist: what was asked.
    """
    failed, undecided, passed = (with_status(findings, s) for s in (Status.FAIL, Status.CANNOT_TELL, Status.PASS))
    if not findings or failed or (undecided and checklist.undecided == "fail"):
        return Status.FAIL
    return Status.PASS if passed else Status.CANNOT_TELL


def _finding(requirement: Requirement, items: Sequence[Evidence]) -> Finding:
    """Fail if any number fails; else cannot tell if any cannot be told; else pass; the worst number decides."""
    name, why = requirement.name, requirement.why
    if not items:
        required = requirement.limit_text(False)
        reason = f"{requirement.metric} not measured, required {required}"
        return Finding(name, Status.CANNOT_TELL, "not measured", "–", required, reason, why, numbers={"checked": 0})
    judged = sorted(((*_judge(requirement, item), item) for item in items), key=lambda j: -j[2])
    status = next(status for status in _WORST_FIRST if any(j[0] is status for j in judged))
    _, limit, _, worst = next(j for j in judged if j[0] is status)
    failing = [item for s, *_, item in judged if s is Status.FAIL]
    needed = _needed(requirement, worst, limit) if status is Status.CANNOT_TELL else None
    wildcard, required = "*" in requirement.metric, requirement.limit_text(worst.reading.percent)
    evidence = (f"{worst.key.name} " if wildcard else "") + worst.words + _where(worst)
    more = f" and {len(failing) - 1} more of {len(items)}" if len(failing) > 1 else ""
    locality = "" if worst.key.place.kind in _WHOLE else " there"
    showers = f"; about {needed:,} showers{locality} in each sample would tell" if needed else ""
    subject = "" if wildcard else f"{requirement.metric} "
    reason = f"{subject}{evidence}{more}, required {required}{showers}"
    numbers = {
        "key": worst.key.text,
        "limit": limit,
        "checked": len(items),
        "failing": [item.key.text for item in failing],
        **worst.to_dict(),
    }
    return Finding(name, status, evidence, worst.floor, required, reason, why, needed=needed, numbers=numbers)


def _where(item: Evidence) -> str:
    place = "" if item.key.place == ALL_SHOWERS else f" in {item.key.place.label}"
    return place + (f" ({item.detail})" if item.detail else "")


def _judge(requirement: Requirement, item: Evidence) -> tuple[Status, float, float]:
    """Status, limit, and the number in units of the limit: more than 1 beyond."""
    (kind, size), m, reading = requirement.tolerance, item.measured, item.reading
    if not math.isfinite(m.value):
        return Status.FAIL, math.nan, math.inf
    if kind == "above":
        return _judge_above(size, item)
    around = kind in ("sigma", "within") and reading.sense == "agreement"
    distance, origin = (abs(m.value - m.floor), 0.0) if around else (m.value, reading.origin)
    limit = _limit(requirement, item, around)
    stress = (distance - origin) / max(limit - origin, 1e-300)
    if kind in ("sigma", "times"):
        return (Status.FAIL if distance > limit else Status.PASS), limit, stress
    base = 0.0 if around else m.floor
    if base + _SURE * m.floor_spread > limit:
        over = _without_floor(distance, base, origin, item) > limit
        return (Status.FAIL if over else Status.CANNOT_TELL), limit, stress
    if abs(distance - limit) < m.error:
        return Status.CANNOT_TELL, limit, stress
    return (Status.FAIL if distance > limit else Status.PASS), limit, stress


def _limit(requirement: Requirement, item: Evidence, around: bool) -> float:
    (kind, size), m = requirement.tolerance, item.measured
    if kind == "sigma":
        return size * m.floor_spread + (0.0 if around else m.floor)
    return size * abs(m.floor) if kind == "times" or around else size


def _judge_above(size: float, item: Evidence) -> tuple[Status, float, float]:
    """A p-value that permutations can reach, or an agreement that truth itself would keep."""
    m, stress = item.measured, size / max(item.measured.value, 1e-300)
    if item.reading.sense == "p-value":
        possible = m.value <= size or size >= item.reading.origin
    else:
        possible = m.floor - _SURE * m.floor_spread > size and abs(m.value - size) >= m.error
    status = (Status.PASS if m.value > size else Status.FAIL) if possible else Status.CANNOT_TELL
    return status, size, stress


def _without_floor(distance: float, floor: float, origin: float, item: Evidence) -> float:
    """What of a distance is surely not due to the sizes of the samples, see the module."""
    power = item.reading.power
    sure = distance - _SURE * math.hypot(item.measured.error, item.measured.floor_spread)
    above, below = (max(x - origin, 0.0) ** (1 / power) for x in (sure, floor))
    return origin + max(above - below, 0.0) ** power


def _needed(requirement: Requirement, item: Evidence, limit: float) -> int | None:
    """Showers with which truth against truth would stay under the limit, two standard deviations included.

    Where it does so already, those with which the error is as small as the distance from the limit.
    """
    m, reading = item.measured, item.reading
    if requirement.above is not None or item.n == 0 or not math.isfinite(m.floor + m.floor_spread):
        return None
    around = reading.sense == "agreement" and requirement.within is not None
    base, origin = (0.0, 0.0) if around else (m.floor - reading.origin, reading.origin)
    if limit <= origin:
        return None
    factor = ((base + _SURE * m.floor_spread) / (limit - origin)) ** (1 / reading.power)
    if factor <= 1:
        gap = abs((abs(m.value - m.floor) if around else m.value) - limit)
        factor = (m.error / gap) ** 2 if gap > 0 else math.inf
    return _rounded_up(item.n * factor) if factor < _FAR else None


def _rounded_up(number: float) -> int:
    """To two digits."""
    unit = 10 ** max(0, math.floor(math.log10(max(number, 1))) - 1)
    return math.ceil(number / unit) * unit


def require_known(checklist: Checklist) -> None:
    """Refuse a checklist that asks for a metric that nothing measures, before the work rather than after it.

    Args:
        checklist: to use.

    Raises:
        UnknownName: no metric has this name, or matches this pattern.
    """
    inputs = {name for protocol in PROTOCOLS.values() for name in protocol.inputs}
    of = {**dict.fromkeys(UNIVARIATE, OBSERVABLES), **dict.fromkeys(("auc", "jsd"), inputs)}
    names = {f"{metric}/{name}" for metric, observables in of.items() for name in observables}
    names |= set(METRICS) - {*of, "physics"}
    for requirement in checklist.requirements:
        pattern = requirement.metric
        if not pattern.startswith("physics/") and not any(fnmatchcase(name, pattern) for name in names):
            short = {name.partition("/")[0] + ("/..." if "/" in name else "") for name in names} | {"physics/..."}
            raise UnknownName(f"metric in checklist {checklist.name}:", pattern, short, "docs/metrics.md")
