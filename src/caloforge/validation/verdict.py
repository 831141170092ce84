"""The verdict in plain words: what the numbers support, requirement by requirement, and no more than that."""

__all__ = ["Speed", "Verdict", "headline"]

from dataclasses import asdict, dataclass
from typing import Any

from caloforge.metrics.measured import Measured
from caloforge.validation.compare import Comparison
from caloforge.validation.judgement import ChecklistResult, Line

_NOTICEABLE = 5.0  # standard deviations of truth against truth
_LISTED = 3
_SEEN = {"high": "observables", "low": "cells", "low_normed": "cells within layers", "resnet": "cells (ResNet)"}


@dataclass(frozen=True)
class Speed:
    """Time of one shower, ms, in full simulation and by the generator, on the same machine."""

    geant4_ms_per_shower: float
    generator_ms_per_shower: float

    @property
    def ratio(self) -> float:
        """How many times faster the generator is."""
        return self.geant4_ms_per_shower / self.generator_ms_per_shower

    def to_dict(self) -> dict[str, float]:
        """The entry ``speed`` of ``report.json``."""
        return {**asdict(self), "ratio": self.ratio}


@dataclass(frozen=True, eq=False)
class Verdict:
    """One generated sample, judged.

    Args:
        name: of the model, or of its file.
        comparison: every metric.
        result: the checklist, line by line.
        cautions: what weakens the comparison: differences of conditions that the user allowed, copied showers.
        speed: times of full and fast simulation, where they were measured.
    """

    name: str
    comparison: Comparison
    result: ChecklistResult
    cautions: tuple[str, ...] = ()
    speed: Speed | None = None

    @property
    def passed(self) -> bool:
        """Whether the checklist passes."""
        return self.result.passed

    @property
    def headline(self) -> str:
        """One line: passed or failed, and the reasons."""
        return headline(self.result)

    @property
    def text(self) -> str:
        """One short paragraph."""
        sentences = [self.headline, _separations(self.comparison), _classifiers(self.comparison)]
        if self.cautions:
            sentences.append(f"Caution: {'; '.join(self.cautions)}.")
        if self.speed is not None:
            sentences.append(
                f"A shower takes {self.speed.generator_ms_per_shower:.2g} ms instead of "
                f"{self.speed.geant4_ms_per_shower:.3g} ms in Geant4: {_round(self.speed.ratio)} times faster."
            )
        return " ".join(sentence for sentence in sentences if sentence)

    def to_dict(self) -> dict[str, Any]:
        """Its part of ``report.json``."""
        facts: dict[str, Any] = {
            "verdict": self.text,
            "headline": self.headline,
            "passed": self.passed,
            "checklist": self.result.to_dict(),
            "metrics": self.comparison.to_dict(),
            "cautions": list(self.cautions),
        }
        return facts | ({} if self.speed is None else {"speed": self.speed.to_dict()})


def headline(result: ChecklistResult) -> str:
    """One line: what passed, or what failed and why; what could not be told is never passed over."""
    name, failed, undecided = result.checklist.name, result.of("fail"), result.of("cannot tell")
    counted = len(result.lines)
    if not counted:
        return f"Checklist {name}: nothing was judged."
    if failed:
        return f"FAIL {name}: {_reasons(failed)}."
    left_out = f", {len(result.left_out)} left out" if result.left_out else ""
    if undecided:
        start = "FAIL" if not result.passed else "PASS"
        met = f"{counted - len(undecided)} of {counted} requirements met{left_out}"
        return f"{start} {name}: {met}, cannot tell {_reasons(undecided)}."
    return f"PASS {name}: all {counted} requirements met{left_out}."


def _reasons(lines: tuple[Line, ...]) -> str:
    more = f"; and {len(lines) - _LISTED} more" if len(lines) > _LISTED else ""
    return "; ".join(line.reason for line in lines[:_LISTED]) + more


def _round(ratio: float) -> str:
    return f"{float(f'{ratio:.2g}'):,.0f}" if ratio >= 10 else f"{ratio:.2g}"


def _separations(comparison: Comparison) -> str:
    worst = sorted(
        comparison.separation.items(), key=lambda item: item[1].mean.value - item[1].mean.floor, reverse=True
    )
    noticed = [(name, s.mean) for name, s in worst if s.mean.significance > _NOTICEABLE]
    if not noticed:
        return f"No distribution among {len(worst)} observables differs noticeably from Geant4 at these sample sizes."
    listed = ", ".join(f"{name} ({m.value:.2g}, floor {m.floor:.2g})" for name, m in noticed[:_LISTED])
    return (
        f"{len(noticed)} of {len(worst)} observables differ noticeably in distribution; the largest separation powers: "
        f"{listed}."
    )


def _classifiers(comparison: Comparison) -> str:
    seen = [(_SEEN.get(name, name), c.auc) for name, c in comparison.classifiers.items()]
    if not seen:
        return ""
    if not any(_tells_apart(area) for _, area in seen):
        numbers = ", ".join(_auc(name, a) for name, a in seen)
        size = max(c.size for c in comparison.classifiers.values())
        return f"A classifier trained on {size} showers of each kind cannot tell them from Geant4 ({numbers})."
    numbers = ", ".join(_auc(name, a) for name, a in seen)
    return (
        f"A classifier still tells generated showers from Geant4 ({numbers}; 0.5 would be no difference, 1 certainty)."
    )


def _tells_apart(m: Measured) -> bool:
    """Whether it stands three standard errors above one half, where no difference puts it, and above its floor."""
    return m.value - 0.5 > 3 * m.error and m.value > m.floor


def _auc(name: str, m: Measured) -> str:
    return f"on {name}: AUC {m.value:.3f} ± {m.error:.3f}, floor {m.floor:.3f}"
