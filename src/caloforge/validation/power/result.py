r"""The power of metrics: which share of trials a spoil is seen in, and how many showers that takes.

A metric sees a spoil in a trial where its number is more extreme than in all `NULL_TRIALS` = 19 pairs of unspoiled
samples of the same size. For two unspoiled samples each of the 20 pairs is as likely to be the most extreme one, so the
false-alarm rate is exactly 1/20. Agreements (precision, recall, density, coverage) are extreme on either side of the
mean of the unspoiled pairs; a p-value needs no pairs, it sees where :math:`p \le 0.05`.

The **showers needed** are the smallest size of sample tried at which a spoil is seen in half of the trials: the median
expectation, as for the sensitivity of a search. Source: Barnard, J. R. Stat. Soc. B 25 (1963) 294.
"""

__all__ = ["FALSE_ALARMS", "NOTHING", "NULL_TRIALS", "Power", "TrialKey", "sense_of"]

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.validation.evidence import METRICS, Sense
from caloforge.validation.key import Key

FALSE_ALARMS = 0.05
NULL_TRIALS = 19
NOTHING = "nothing"
_ROUNDING = 1e-9


class TrialKey(NamedTuple):
    """One pair of samples.

    Args:
        spoil: name of what was done to the second; `NOTHING` for two samples of truth.
        size: showers of each.
        number: of the trial, from 0.
    """

    spoil: str
    size: int
    number: int


@dataclass(frozen=True, eq=False)
class Power:
    """All trials of a study.

    Args:
        scores: numbers of the metrics in each trial.
        metrics: those asked for, in order.
        spoils: those asked for, in order.
        sizes: of the samples, rising.
        trials: of each spoil and size.
        level: share of the trials in which a spoil must be seen to count as seen.
        provenance: of the truth, and how the trials were made.
        notes: what was left out, a sentence each.
    """

    scores: Mapping[TrialKey, Mapping[str, float]]
    metrics: tuple[str, ...]
    spoils: tuple[str, ...]
    sizes: tuple[int, ...]
    trials: int
    level: float = 0.5
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def _values(self, spoil: str, metric: str, size: int, trials: int) -> Float[Array, " t"] | None:
        """Scores of all trials; None where any of them was not run."""
        values = [self.scores.get(TrialKey(spoil, size, i), {}).get(metric) for i in range(trials)]
        return None if None in values else np.array(values, float)

    def power(self, spoil: str, metric: str, size: int) -> float | None:
        """Share of the trials in which the metric sees the spoil; None where it was not tried.

        Args:
            spoil: its name.
            metric: its name.
            size: showers of each sample.
        """
        values = self._values(spoil, metric, size, self.trials)
        if values is None:
            return None
        if sense_of(metric) == "p-value":
            return float(np.mean(values <= FALSE_ALARMS + _ROUNDING))
        null = self._values(NOTHING, metric, size, NULL_TRIALS)
        if null is None:
            return None
        if sense_of(metric) == "agreement":  # each unspoiled pair against the mean of the others
            middle = null.mean()
            values, null = np.abs(values - middle), np.abs(null - middle) * NULL_TRIALS / (NULL_TRIALS - 1)
        return float(np.mean(values > null.max()))

    def needed(self, spoil: str, metric: str) -> int | None:
        """The smallest size at which the metric sees the spoil; None where none of the sizes is enough.

        Args:
            spoil: its name.
            metric: its name.
        """
        powers = ((size, self.power(spoil, metric, size)) for size in self.sizes)
        return next((size for size, power in powers if power is not None and power >= self.level), None)

    def rows(self) -> list[dict[str, Any]]:
        """One row for each spoil, metric and size that was tried, as the CSV holds them."""
        return [
            {"spoil": spoil, "metric": metric, "showers": size, "trials": self.trials, "power": power}
            for spoil in self.spoils
            for metric in self.metrics
            for size in self.sizes
            if (power := self.power(spoil, metric, size)) is not None
        ]

    def to_csv(self) -> str:
        """`rows` as CSV."""
        text = io.StringIO()
        writer = csv.DictWriter(text, ("spoil", "metric", "showers", "trials", "power"), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows())
        return text.getvalue()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; ``needed`` is null where the largest sample is not enough."""
        return {
            "false_alarms": FALSE_ALARMS,
            "level": self.level,
            "sizes": list(self.sizes),
            "trials": self.trials,
            "null_trials": NULL_TRIALS,
            "needed": {s: {m: self.needed(s, m) for m in self.metrics} for s in self.spoils},
            "powers": self.rows(),
            "notes": list(self.notes),
            "provenance": dict(self.provenance),
        }

    def to_markdown(self) -> str:
        """The showers needed as a table in Markdown: a row for each metric, a column for each spoil."""
        lines = [f"| metric | {' | '.join(self.spoils)} |", f"| --- |{' ---: |' * len(self.spoils)}"]
        for metric in self.metrics:
            lines.append(f"| {metric} | {' | '.join(self.text(spoil, metric) for spoil in self.spoils)} |")
        return "\n".join(lines)

    def text(self, spoil: str, metric: str) -> str:
        """The showers needed as text: a dash where even the largest sample tried is not enough.

        Args:
            spoil: its name.
            metric: its name.
        """
        needed = self.needed(spoil, metric)
        return "–" if needed is None else f"{needed:,}"

    def __repr__(self) -> str:
        about = f"showers of each sample, {self.trials} trials, {100 * FALSE_ALARMS:.0f} % false alarms"
        return f"<Power: {about}>\n{self.to_markdown()}"


def sense_of(metric: str) -> Sense:
    """How a metric is read; a p-value needs no unspoiled pairs.

    Args:
        metric: its name.
    """
    name = Key.parse(metric).metric
    return METRICS[name].sense if name in METRICS else "distance"
