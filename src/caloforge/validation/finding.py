"""What a test or a requirement came to: pass, fail, or cannot tell with the number of showers that would be needed."""

__all__ = ["Finding", "Status", "cannot_tell", "with_status"]

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """Outcome of a test."""

    PASS = "pass"
    FAIL = "fail"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class Finding:
    """One line of a validation or of a diagnosis.

    Args:
        test: what was tested or required.
        status: outcome; never pass for want of showers.
        evidence: the deciding number in words.
        floor: what truth against truth gives for it, in words.
        required: the limit in words.
        reason: one clause for a verdict.
        why: what the requirement is good for.
        remedy: what to do about it.
        needed: showers in each sample with which the test could tell.
        numbers: the same for machines.
    """

    test: str
    status: Status
    evidence: str
    floor: str = ""
    required: str = ""
    reason: str = ""
    why: str = ""
    remedy: str = ""
    needed: int | None = None
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; texts that the test has not are left out."""
        plain = {name: value for name, value in asdict(self).items() if value != ""}
        return {**plain, "status": str(self.status), "numbers": dict(self.numbers)}


def cannot_tell(test: str, reason: str, needed: int | None = None) -> Finding:
    """The finding of a test that does not apply, or lacks what it needs.

    Args:
        test: what was to be tested.
        reason: why it could not be.
        needed: showers in each sample that would do.
    """
    wanted = "" if needed is None else f"; it needs about {needed} showers"
    return Finding(test, Status.CANNOT_TELL, f"{reason}{wanted}", needed=needed)


def with_status(findings: Sequence[Finding], status: Status) -> tuple[Finding, ...]:
    """The findings that came to this.

    Args:
        findings: any.
        status: the outcome.
    """
    return tuple(finding for finding in findings if finding.status is status)
