"""Evidence: one number with its error and floor, of what and where, and how a metric of its kind is to be read."""

__all__ = [
    "DIFFERENT",
    "EACH_TEST",
    "METRICS",
    "PERMUTATIONS",
    "Evidence",
    "Reading",
    "Sense",
    "collect",
    "columns_of",
    "number_at",
    "numbers_of",
]

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from caloforge.errors import NotMeasured, UnknownName
from caloforge.metrics.measured import Measured
from caloforge.validation.key import ALL_SHOWERS, Key

Sense = Literal["distance", "agreement", "p-value"]


class Reading(NamedTuple):
    """How the numbers of a metric are read.

    Args:
        sense: a distance is best small; an agreement is best at its floor (the recall of truth against truth); a
            p-value is the chance that two samples of the truth differ as much.
        origin: what a distance between equal distributions tends to for many showers; of a p-value its smallest value.
        power: its floor falls towards the origin as the number of showers to minus this power.
        percent: quoted in percent.
    """

    sense: Sense = "distance"
    origin: float = 0.0
    power: float = 0.5
    percent: bool = False


PERMUTATIONS = 499
DIFFERENT = 0.01  # two samples of the truth have a p-value of `two_sample` as small in 1 % of all cases
EACH_TEST = DIFFERENT / 2  # which is halved between its two tests: what one of them names, the two together find
METRICS: Mapping[str, Reading] = {
    "response_bias": Reading(percent=True),
    "resolution_ratio": Reading(percent=True),
    "separation": Reading(power=1.0),
    "wasserstein": Reading(),
    "ks": Reading(),
    "correlation": Reading(),
    "fpd": Reading(power=1.0),
    "kpd": Reading(power=1.0),
    **dict.fromkeys(("precision", "recall", "density", "coverage", "physics"), Reading("agreement")),
    "freaks": Reading(power=1.0, percent=True),
    "permutation": Reading("p-value", origin=1 / (PERMUTATIONS + 1)),
    "classifier_test": Reading("p-value"),
    "two_sample": Reading("p-value", origin=2 / (PERMUTATIONS + 1)),
    "auc": Reading(origin=0.5),
    "jsd": Reading(),
}
"""Every metric that validation measures."""
_OF_CLASSIFIERS = ("auc", "jsd", "classifier_test")


@dataclass(frozen=True)
class Evidence:
    """One number at one place.

    Args:
        key: of what, and where.
        measured: the number with its error, and what truth against truth gives.
        n: showers of the smaller sample.
        detail: what stands out, in words.
        p_value: chance of a distance as large between two samples of the truth, where the metric knows it; not
            corrected for the number of numbers.
        by: the classifier that it comes from, in words.
    """

    key: Key
    measured: Measured
    n: int = 0
    detail: str = ""
    p_value: float | None = None
    by: str = ""

    @property
    def reading(self) -> Reading:
        """How a number of this metric is read."""
        return METRICS[self.key.metric]

    @property
    def words(self) -> str:
        """Value and error as text."""
        reading, m = self.reading, self.measured
        if reading.sense == "p-value":
            return f"p = {m.value:.2g}"
        if not math.isfinite(m.value):
            return "undefined"
        truth = f" (truth {self._number(m.floor)})" if reading.sense == "agreement" else ""
        return f"{self._number(m.value)} ± {self._number(m.error)}{' %' if reading.percent else ''}{truth}"

    @property
    def floor(self) -> str:
        """What truth against truth gives, as text."""
        if self.reading.sense == "p-value":
            return "uniform"
        m, unit = self.measured, " %" if self.reading.percent else ""
        return f"{self._number(m.floor)} ± {self._number(m.floor_spread)}{unit}"

    def _number(self, value: float) -> str:
        if not math.isfinite(value):
            return "unknown"
        return f"{100 * value:.2f}" if self.reading.percent else f"{value:.3g}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        detail = {"detail": self.detail} if self.detail else {}
        p_value = {} if self.p_value is None else {"p_value": self.p_value}
        by = {"by": self.by} if self.by else {}
        return {**self.measured.to_dict(), "n": self.n, **p_value, **detail, **by}


def collect(evidence: Iterable[Evidence]) -> dict[Key, Evidence]:
    """Evidence by its key.

    Args:
        evidence: each key once.
    """
    return {item.key: item for item in evidence}


def numbers_of(evidence: Mapping[Key, Evidence], metric: str) -> dict[str, Evidence]:
    """One metric over all showers, by observable.

    Args:
        evidence: by key.
        metric: such as ``ks``.
    """
    return {k.observable: item for k, item in evidence.items() if k.metric == metric and k.place == ALL_SHOWERS}


def columns_of(evidence: Mapping[Key, Evidence], metric: str, observable: str) -> list[Evidence]:
    """A number for each layer, ring or column of an observable, in their order; the only one where it has none.

    Args:
        evidence: by key.
        metric: such as ``ks``.
        observable: its name.

    Raises:
        KeyError: no such number.
    """
    parts = ("layer", "ring", "column")
    columns = [item for k, item in evidence.items() if k[:2] == (metric, observable) and k.place.kind in parts]
    return columns or [evidence[Key(metric, observable)]]


def number_at(evidence: Mapping[Key, Evidence], key: str | Key) -> Measured:
    """A number by its key or the key's text form.

    Args:
        evidence: numbers by key.
        key: ``auc/high`` or ``ks/response @ energy bin: 1–5 GeV``, say.

    Raises:
        UnknownName: there is no such number.
        NotMeasured: it is that of a classifier, and ``quick`` has left these out.
    """
    wanted = Key.parse(key) if isinstance(key, str) else key
    if wanted in evidence:
        return evidence[wanted].measured
    if wanted.metric in _OF_CLASSIFIERS and not any(k.metric == wanted.metric for k in evidence):
        raise NotMeasured(wanted.text, "quick leaves the classifiers out; validate without it")
    alike = [k.text for k in evidence if k.metric == wanted.metric and k.place == ALL_SHOWERS]
    raise UnknownName("number of the report", wanted.text, alike or {k.metric for k in evidence})
