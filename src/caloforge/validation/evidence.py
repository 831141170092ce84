"""Evidence: every number that a comparison found, in one flat list that requirements can be held against."""

__all__ = ["Evidence", "Sense", "Where", "WHERE"]

from dataclasses import dataclass
from typing import Any, Literal

from caloforge.metrics.separation import Measured

Where = Literal["overall", "energy bin", "angle bin", "particle", "layer", "ring", "column"]
WHERE: tuple[Where, ...] = ("overall", "energy bin", "angle bin", "particle", "layer", "ring", "column")
Sense = Literal["distance", "agreement", "p-value"]


@dataclass(frozen=True)
class Evidence:
    """One number.

    Args:
        metric: ``response_bias``, ``separation/layer_energy``, ``auc/high``, ...
        where: which part of the samples, or of the shower.
        label: that part in words.
        measured: the number with its error, and what truth against truth gives.
        sense: a distance is best small; an agreement is best at its floor (the recall of truth against truth); a
            p-value is the chance that two samples of the truth differ as much.
        n: showers of the smaller sample.
        origin: what a distance between equal distributions tends to for many showers (0.5 for an AUC); the smallest
            value that a p-value can have.
        power: its floor falls towards the origin as :math:`n^{-\\text{power}}`.
        percent: quoted in percent.
        detail: what stands out, in words.
    """

    metric: str
    where: Where
    label: str
    measured: Measured
    sense: Sense = "distance"
    n: int = 0
    origin: float = 0.0
    power: float = 0.5
    percent: bool = False
    detail: str = ""

    @property
    def found(self) -> str:
        """Value and error as text."""
        if self.sense == "p-value":
            return f"p = {self.measured.value:.2g}"
        truth = f" (truth {self.number(self.measured.floor)})" if self.sense == "agreement" else ""
        unit = " %" if self.percent else ""
        return f"{self.number(self.measured.value)} ± {self.number(self.measured.error)}{unit}{truth}"

    @property
    def floor(self) -> str:
        """What truth against truth gives, as text."""
        if self.sense == "p-value":
            return "uniform"
        return f"{self.number(self.measured.floor)} ± {self.number(self.measured.floor_spread)}" + (
            " %" if self.percent else ""
        )

    def number(self, value: float) -> str:
        """A value as text, without its unit."""
        return f"{100 * value:.2f}" if self.percent else f"{value:.3g}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = {"metric": self.metric, "where": self.where, "label": self.label, "n": self.n, "sense": self.sense}
        return {**plain, **self.measured.to_dict(), **({"detail": self.detail} if self.detail else {})}
