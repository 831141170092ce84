r"""When a diagnostic test fails, passes, or cannot tell; never "pass" for want of showers.

A test measures an effect :math:`e \pm s` that is zero for a perfect model and positive in the harmful direction. With
the quantiles :math:`z_\alpha` (false alarm) and :math:`z_\beta` (missed defect) of the normal distribution,

.. math:: \text{fail} \iff e > t \text{ and } e > z_\alpha s, \qquad
          \text{cannot tell} \iff \text{no fail and } (z_\alpha + z_\beta)\, s > d :

an effect below the tolerance t is nobody's concern, and a model passes only if an effect of size d would have been
seen. As :math:`s \propto 1/\sqrt n`, that needs :math:`n\,((z_\alpha + z_\beta) s / d)^2` showers.
"""

__all__ = ["ALPHA", "POWER", "Effect", "findings_table", "judge"]

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from markupsafe import Markup
from scipy.stats import norm

from caloforge.reporting.markup import Cell, table, text
from caloforge.validation.finding import Finding, Status

ALPHA = 0.01
POWER = 0.95


@dataclass(frozen=True)
class Effect:
    """A deviation from a perfect model, positive in the harmful direction.

    Args:
        value: e, zero for a perfect model.
        error: its standard error s.
        n: showers it was measured with.
        tolerance: t, what nobody minds.
        concern: d, what must be seen.
    """

    value: float
    error: float
    n: int
    tolerance: float
    concern: float

    def significant(self, alpha: float = ALPHA) -> bool:
        """Whether it stands above the tolerance, and above zero at the level ``alpha`` (one-sided).

        Args:
            alpha: probability of a false alarm.
        """
        return self.value > self.tolerance and self.value > float(norm.isf(alpha)) * self.error

    def showers_needed(self, alpha: float = ALPHA, power: float = POWER) -> int:
        """Showers with which an effect of size ``concern`` is seen with probability ``power``.

        Args:
            alpha: probability of a false alarm.
            power: probability of seeing the effect.

        Source: n scales as the squared error, see the module.
        """
        quantiles = float(norm.isf(alpha) + norm.isf(1 - power))
        return math.ceil(self.n * (quantiles * self.error / self.concern) ** 2)


def judge(test: str, effect: Effect, evidence: str, remedy: str, alpha: float = ALPHA, **numbers: Any) -> Finding:
    """The finding that an effect supports.

    Args:
        test: its name.
        effect: what was measured.
        evidence: the numbers in words.
        remedy: what to do where it fails.
        alpha: probability of a false alarm, shared out already where several effects are tested together.
        numbers: further numbers for the finding.
    """
    facts = {**asdict(effect), "alpha": alpha, **numbers}
    if effect.significant(alpha):
        return Finding(test, Status.FAIL, evidence, remedy=remedy, numbers=facts)
    needed = effect.showers_needed(alpha)
    if needed > effect.n:
        short = f"{evidence}; an effect of {effect.concern:g} needs about {needed} showers, there are {effect.n}"
        return Finding(test, Status.CANNOT_TELL, short, needed=needed, numbers=facts)
    return Finding(test, Status.PASS, evidence, numbers=facts)


_KIND = {Status.PASS: "pass", Status.FAIL: "fail", Status.CANNOT_TELL: "unsure"}
_NOTE = (
    f"Each test is set to raise a false alarm for {100 * ALPHA:g} % of perfect models. Pass means that a defect of "
    "concern would have been seen; where it would not, the test cannot tell and says how many showers it would need."
)


def findings_table(findings: Sequence[Finding]) -> Markup:
    """Findings, failures first, and what they mean.

    Args:
        findings: of any tests, a row each.
    """
    rows = (
        (text(f.test), Cell(f.status, _KIND[f.status]), text(f.evidence), text(f.remedy or "-"))
        for f in sorted(findings, key=lambda f: f.status is not Status.FAIL)
    )
    return table(("Test", "Finding", "Evidence", "Remedy"), rows, notes=(_NOTE,))
