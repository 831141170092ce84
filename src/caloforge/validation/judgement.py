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

__all__ = ["Outcome", "Line", "ChecklistResult", "judge", "require_known"]

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from caloforge.classifiers.protocol import PROTOCOLS
from caloforge.errors import UnknownName
from caloforge.physics.observables import OBSERVABLES
from caloforge.validation.checklist import Checklist, Requirement
from caloforge.validation.evidence import Evidence
from caloforge.validation.multivariate import MULTIVARIATE
from caloforge.validation.univariate import UNIVARIATE

Outcome = Literal["pass", "fail", "cannot tell"]
_WORST_FIRST: tuple[Outcome, ...] = ("fail", "cannot tell", "pass")
_WHOLE = ("overall", "layer", "ring", "column")  # where every shower counts
_FAR = 1000.0  # times as many showers: no number that helps
_SURE = 2.0  # standard deviations of truth against truth that must fit under a limit of physics


@dataclass(frozen=True)
class Line:
    """What became of one requirement.

    Args:
        requirement: as asked.
        outcome: fail if any number fails; else cannot tell if any cannot be told; else pass.
        worst: the number that decided, nearest to or furthest over its limit; None where nothing was measured.
        limit: what that number had to keep.
        checked: how many numbers the line covers.
        failing: those that fail, worst first.
        needed: showers in each sample with which the worst number could be told.
    """

    requirement: Requirement
    outcome: Outcome
    worst: Evidence | None
    limit: float
    checked: int
    failing: tuple[Evidence, ...] = ()
    needed: int | None = None

    @property
    def name(self) -> str:
        """The requirement in words."""
        return self.requirement.name

    @property
    def found(self) -> str:
        """The deciding number with its error, and where."""
        if self.worst is None:
            return "not measured"
        subject = f"{self.worst.metric} " if "*" in self.requirement.metric else ""
        place = "" if self.worst.where == "overall" else f" in {self.worst.label}"
        return f"{subject}{self.worst.found}{place}" + (f" ({self.worst.detail})" if self.worst.detail else "")

    @property
    def floor(self) -> str:
        """What truth against truth gives for that number."""
        return "–" if self.worst is None else self.worst.floor

    @property
    def required(self) -> str:
        """The tolerance in words."""
        return self.requirement.limit_text(self.worst is not None and self.worst.percent)

    @property
    def marginal(self) -> bool:
        """Whether the limit lies within one standard error of the number."""
        if self.worst is None or self.worst.sense != "distance":
            return False
        return abs(self.worst.measured.value - self.limit) < self.worst.measured.error

    @property
    def reason(self) -> str:
        """One clause for the verdict."""
        more = f" and {len(self.failing) - 1} more of {self.checked}" if len(self.failing) > 1 else ""
        there = "" if self.worst is None or self.worst.where in _WHOLE else " there"
        showers = f"; about {self.needed:,} showers{there} in each sample would tell" if self.needed else ""
        subject = "" if "*" in self.requirement.metric and self.worst else f"{self.requirement.metric} "
        return f"{subject}{self.found}{more}, required {self.required}{showers}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "outcome": self.outcome,
            "marginal": self.marginal,
            "found": self.found,
            "floor": self.floor,
            "required": self.required,
            "checked": self.checked,
            "limit": self.limit,
            "needed_showers": self.needed,
            "worst": None if self.worst is None else self.worst.to_dict(),
            "failing": [e.to_dict() for e in self.failing],
            "why": self.requirement.why,
        }


@dataclass(frozen=True)
class ChecklistResult:
    """A checklist held against a comparison."""

    checklist: Checklist
    lines: tuple[Line, ...]
    left_out: tuple[Requirement, ...] = ()

    def of(self, outcome: Outcome) -> tuple[Line, ...]:
        """The lines with this outcome."""
        return tuple(line for line in self.lines if line.outcome == outcome)

    @property
    def passed(self) -> bool:
        """Nothing failed; under ``undecided: fail`` nothing was undecided either, and something was judged."""
        undecided = bool(self.of("cannot tell")) and self.checklist.undecided == "fail"
        return bool(self.lines) and not self.of("fail") and not undecided

    def to_dict(self) -> dict[str, Any]:
        """The entry ``checklist`` of ``report.json``."""
        return {
            "name": self.checklist.name,
            "about": self.checklist.about,
            "passed": self.passed,
            "lines": [line.to_dict() for line in self.lines],
            "left_out": [requirement.name for requirement in self.left_out],
        }


def judge(checklist: Checklist, evidence: Iterable[Evidence], narrowed: bool = False) -> ChecklistResult:
    """Hold every requirement against the evidence.

    A line about a place that does not exist (angle bins of showers at one angle) is left out. A line about a number
    that was not measured cannot be told, unless that was wanted.

    Args:
        checklist: what is asked.
        evidence: what was found.
        narrowed: only chosen observables were to be judged, so lines about others are left out, too.
    """
    found = tuple(evidence)
    places = {e.where for e in found}
    lines, left_out = [], []
    for requirement in checklist.requirements:
        covered = [e for e in found if requirement.covers(e)]
        if covered or (requirement.where in places and not narrowed):
            lines.append(_line(requirement, covered))
        else:
            left_out.append(requirement)
    return ChecklistResult(checklist, tuple(lines), tuple(left_out))


@dataclass(frozen=True)
class _Judged:
    """One number under one requirement; ``stress`` is 1 at the limit and more beyond."""

    evidence: Evidence
    limit: float
    outcome: Outcome
    stress: float


def _line(requirement: Requirement, covered: Sequence[Evidence]) -> Line:
    if not covered:
        return Line(requirement, "cannot tell", None, math.nan, 0)
    judged = sorted((_judge(requirement, e) for e in covered), key=lambda j: -j.stress)
    groups = {outcome: [j for j in judged if j.outcome == outcome] for outcome in _WORST_FIRST}
    outcome = next(outcome for outcome in _WORST_FIRST if groups[outcome])
    worst = groups[outcome][0]
    needed = _needed(worst) if outcome == "cannot tell" else None
    failing = tuple(j.evidence for j in groups["fail"])
    return Line(requirement, outcome, worst.evidence, worst.limit, len(covered), failing, needed)


def _judge(requirement: Requirement, evidence: Evidence) -> _Judged:
    kind, size = requirement.tolerance
    m = evidence.measured
    if not math.isfinite(m.value):
        return _Judged(evidence, math.nan, "fail", math.inf)
    if kind == "above":
        return _judge_above(size, evidence)
    if kind in ("sigma", "times"):
        around = kind == "sigma" and evidence.sense == "agreement"
        distance = abs(m.value - m.floor) if around else m.value
        limit = size * m.floor if kind == "times" else size * m.floor_spread + (0.0 if around else m.floor)
        return _Judged(evidence, limit, "fail" if distance > limit else "pass", _stress(distance, limit, evidence))
    two_sided = evidence.sense == "agreement" and kind == "within"
    distance, base, limit = (abs(m.value - m.floor), 0.0, size * m.floor) if two_sided else (m.value, m.floor, size)
    possible = base + _SURE * m.floor_spread <= limit
    surplus = distance if possible else _without_floor(distance, base, evidence)
    if surplus > limit and not (possible and distance - limit < m.error):
        outcome: Outcome = "fail"
    else:
        outcome = "pass" if possible and limit - distance >= m.error else "cannot tell"
    return _Judged(evidence, limit, outcome, _stress(distance, limit, evidence))


def _judge_above(size: float, evidence: Evidence) -> _Judged:
    """A p-value that permutations can reach, or an agreement that truth itself would keep."""
    m, stress = evidence.measured, size / max(evidence.measured.value, 1e-300)
    if evidence.sense == "p-value":
        outcome: Outcome = "fail" if m.value <= size else "pass" if size >= evidence.origin else "cannot tell"
        return _Judged(evidence, size, outcome, stress)
    possible = m.floor - _SURE * m.floor_spread > size
    decided = possible and abs(m.value - size) >= m.error
    return _Judged(evidence, size, ("pass" if m.value > size else "fail") if decided else "cannot tell", stress)


def _without_floor(distance: float, floor: float, evidence: Evidence) -> float:
    """What of a distance is surely not due to the sizes of the samples, see the module."""
    sure = distance - _SURE * math.hypot(evidence.measured.error, evidence.measured.floor_spread)
    above, below = (max(x - evidence.origin, 0.0) for x in (sure, floor))
    left = max(above ** (1 / evidence.power) - below ** (1 / evidence.power), 0.0) ** evidence.power
    return evidence.origin + left


def _stress(distance: float, limit: float, evidence: Evidence) -> float:
    origin = 0.0 if evidence.sense == "agreement" else evidence.origin
    return (distance - origin) / max(limit - origin, 1e-300)


def _needed(judged: _Judged) -> int | None:
    """Showers with which truth against truth would stay under the limit, two standard deviations included.

    Where it does so already, those with which the error is as small as the distance from the limit.
    """
    e, m = judged.evidence, judged.evidence.measured
    agreement = e.sense == "agreement"
    base, origin = (0.0, 0.0) if agreement else (m.floor - e.origin, e.origin)
    room = judged.limit - origin
    if e.sense == "p-value" or room <= 0 or e.n == 0 or not math.isfinite(m.floor + m.floor_spread):
        return None
    factor = ((base + _SURE * m.floor_spread) / room) ** (1 / e.power)
    if factor <= 1:
        gap = abs((abs(m.value - m.floor) if agreement else m.value) - judged.limit)
        factor = (m.error / gap) ** 2 if gap > 0 else math.inf
    return _rounded_up(e.n * factor) if factor < _FAR else None


def _rounded_up(number: float) -> int:
    """To two digits."""
    unit = 10 ** max(0, math.floor(math.log10(max(number, 1))) - 1)
    return math.ceil(number / unit) * unit


def require_known(checklist: Checklist) -> None:
    """Refuse a checklist that asks for a metric that nothing measures, before the work rather than after it.

    Raises:
        UnknownName: no metric has this name, or matches this pattern.
    """
    seen = {name for protocol in PROTOCOLS.values() for name in protocol.inputs}
    families = {f"{family}/{name}" for family in UNIVARIATE for name in OBSERVABLES}
    classifiers = {f"{what}/{name}" for what in ("auc", "jsd") for name in seen}
    known = {"response_bias", "resolution_ratio", "permutation", *MULTIVARIATE, *families, *classifiers}
    for requirement in checklist.requirements:
        pattern = requirement.metric
        if not pattern.startswith("physics/") and not any(fnmatchcase(name, pattern) for name in known):
            short = {name.partition("/")[0] + ("/..." if "/" in name else "") for name in known} | {"physics/..."}
            raise UnknownName(f"metric in checklist {checklist.name}:", pattern, short)
