"""Judgement: each requirement passed, failed, or beyond what so few showers can tell, with the number that decided.

A requirement over many observables or places is judged as a family, see `caloforge.validation.decision`.
"""

__all__ = ["judge", "outcome", "require_known"]

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from caloforge.classifiers.auc import FAST
from caloforge.classifiers.data import SMALLEST
from caloforge.classifiers.protocol import PROTOCOLS
from caloforge.errors import UnknownName
from caloforge.physics.observables import OBSERVABLES
from caloforge.validation.checklist import Checklist, Requirement
from caloforge.validation.decision import decide, deviations, factor_needed
from caloforge.validation.evidence import METRICS, Evidence
from caloforge.validation.finding import Finding, Status, with_status
from caloforge.validation.key import ALL_SHOWERS
from caloforge.validation.univariate import UNIVARIATE

_WORST_FIRST = (Status.FAIL, Status.CANNOT_TELL, Status.PASS)
_OF_CLASSIFIERS = ("auc/", "jsd/")
_FEWEST = SMALLEST * FAST.folds  # showers of each class that a classifier takes; its floor halves the truth
_SOME_SHOWERS = ("energy bin", "angle bin", "particle")


def judge(
    checklist: Checklist, evidence: Iterable[Evidence], sizes: tuple[int, int], narrowed: bool = False
) -> tuple[Finding, ...]:
    """Hold every requirement against the evidence; a finding each.

    A requirement about a place that does not exist (angle bins of showers at one angle) has none, nor has one about a
    law that showers at one energy have not, or about a number that was not taken again in the only bin, which is the
    whole. One about a number that was not measured cannot be told, unless that was wanted.

    Args:
        checklist: what is asked.
        evidence: every number.
        sizes: showers of truth and of the sample that is judged, from which follows how many would do.
        narrowed: only chosen observables were to be judged, so requirements about others have no finding, either.
    """
    numbers = tuple(evidence)
    bins = Counter(place.kind for place in {item.key.place for item in numbers})
    places = {kind for kind, n in bins.items() if n > 1 or kind not in _SOME_SHOWERS}
    covered = [(r, [item for item in numbers if r.covers(item.key)]) for r in checklist.requirements]
    showers = 2 / sum(1 / n for n in sizes)  # of two equal samples that tell as much
    fitted = any(item.key.metric == "physics" for item in numbers)
    return tuple(
        _finding(r, items, showers) if items else _not_measured(r, sizes)
        for r, items in covered
        if items or (r.where in places and not narrowed and not (fitted and r.metric.startswith("physics/")))
    )


def outcome(findings: Sequence[Finding], checklist: Checklist) -> Status:
    """What the whole checklist comes to.

    Fail where a requirement failed, and where nothing was judged. Else pass where at least as many passed as cannot be
    told, or all of them under ``undecided: fail``. A list of which most could not be told has told nothing.

    Args:
        findings: of the checklist's requirements.
        checklist: what was asked.
    """
    failed, undecided, passed = (with_status(findings, s) for s in (Status.FAIL, Status.CANNOT_TELL, Status.PASS))
    if not findings or failed:
        return Status.FAIL
    enough = not undecided if checklist.undecided == "fail" else len(passed) >= len(undecided)
    return Status.PASS if enough else Status.CANNOT_TELL


def _finding(requirement: Requirement, items: Sequence[Evidence], showers: float) -> Finding:
    """Fail if any number fails; else cannot tell if any cannot be told; else pass; the worst number decides."""
    name, why = requirement.name, requirement.why
    members, in_floors = len(items), requirement.tolerance[0] in ("sigma", "times")
    decided = [(decide(requirement, item, members), item) for item in items]
    status = next(status for status in _WORST_FIRST if any(d.status is status for d, _ in decided))
    alike = sorted(((d, item) for d, item in decided if d.status is status), key=lambda pair: -pair[0].stress)
    decision, worst = alike[0]
    factor = factor_needed(requirement, worst, members) if status is Status.CANNOT_TELL else None
    needed = _rounded_up(showers * factor) if factor else None
    wildcard, required = "*" in requirement.metric, requirement.limit_text(worst.reading.percent)
    evidence = (f"{worst.key.name} " if wildcard else "") + worst.words + _where(worst)
    more = f" and {len(alike) - 1} more of {members}" if len(alike) > 1 else f", worst of {members}"
    evidence += (more if status is not Status.PASS else f", worst of {members}") if members > 1 else ""
    would_tell = f"; about {needed:,} showers in each sample would tell" if needed else ""
    reason = f"{'' if wildcard else f'{requirement.metric} '}{evidence}, required {required}{would_tell}"
    numbers = {
        "key": worst.key.text,
        "limit": decision.limit,
        "checked": members,
        **({"deviations": deviations(members)} if worst.reading.sense != "p-value" and not in_floors else {}),
        "failing": [item.key.text for d, item in decided if d.status is Status.FAIL],
        **worst.to_dict(),
    }
    return Finding(name, status, evidence, _floor(worst), required, reason, why, needed=needed, numbers=numbers)


def _not_measured(requirement: Requirement, sizes: tuple[int, int]) -> Finding:
    """Cannot be told; a classifier says how many showers it needs, where there are fewer."""
    required = requirement.limit_text(False)
    reason = f"{requirement.metric} not measured, required {required}"
    needed = None
    if requirement.metric.startswith(_OF_CLASSIFIERS) and (sizes[0] < 2 * _FEWEST or sizes[1] < _FEWEST):
        needed = 2 * _FEWEST
        reason += f"; a classifier needs {needed} showers of the truth and {_FEWEST} generated"
    why, numbers = requirement.why, {"checked": 0}
    return Finding(
        requirement.name, Status.CANNOT_TELL, "not measured", "–", required, reason, why, "", needed, numbers
    )


def _floor(item: Evidence) -> str:
    """With its reason where it is not that of all showers."""
    return item.floor + (f" in this {item.key.place.kind}" if item.key.place.kind in _SOME_SHOWERS else "")


def _where(item: Evidence) -> str:
    place = "" if item.key.place == ALL_SHOWERS else f" in {item.key.place.label}"
    return place + (f" ({item.detail})" if item.detail else "")


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
