"""The verdict in plain words: what the numbers support, requirement by requirement, and no more than that."""

__all__ = ["Speed", "headline", "paragraph"]

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from caloforge.metrics.measured import Measured
from caloforge.validation.checklist import Checklist
from caloforge.validation.evidence import Evidence, numbers_of
from caloforge.validation.finding import Finding, Status, with_status
from caloforge.validation.judgement import outcome
from caloforge.validation.key import Key

_NOTICEABLE = 5.0  # standard deviations of truth against truth
_LISTED = 3
_SEEN = {"high": "observables", "low": "cells", "low_normed": "cells within layers", "resnet": "cells (ResNet)"}


@dataclass(frozen=True)
class Speed:
    """Time of one shower on one machine.

    Args:
        geant4_ms_per_shower: in full simulation.
        generator_ms_per_shower: by the generator.
    """

    geant4_ms_per_shower: float
    generator_ms_per_shower: float

    @property
    def ratio(self) -> float:
        """How many times faster the generator is."""
        return self.geant4_ms_per_shower / self.generator_ms_per_shower

    def to_dict(self) -> dict[str, float]:
        """The entry ``speed`` of ``report.json``."""
        return {**asdict(self), "ratio": self.ratio}


def paragraph(
    checklist: Checklist,
    findings: Sequence[Finding],
    evidence: Mapping[Key, Evidence],
    cautions: Sequence[str] = (),
    speed: Speed | None = None,
) -> str:
    """One short paragraph on one generated sample.

    Args:
        checklist: what was asked.
        findings: of its requirements.
        evidence: all numbers by key.
        cautions: what the reader must know, a clause each.
        speed: times of one shower, where they were measured.
    """
    sentences = [headline(checklist, findings), _separations(evidence), _classifiers(evidence)]
    if cautions:
        sentences.append(f"Caution: {'; '.join(cautions)}.")
    if speed is not None:
        sentences.append(
            f"A shower takes {speed.generator_ms_per_shower:.2g} ms instead of "
            f"{speed.geant4_ms_per_shower:.3g} ms in Geant4: {_round(speed.ratio)} times faster."
        )
    return " ".join(sentence for sentence in sentences if sentence)


def headline(checklist: Checklist, findings: Sequence[Finding]) -> str:
    """One line: what passed, or what failed and why; what could not be told is never passed over.

    Args:
        checklist: what was asked.
        findings: of its requirements.
    """
    name, judged = checklist.name, len(findings)
    failed, undecided = (with_status(findings, status) for status in (Status.FAIL, Status.CANNOT_TELL))
    if not judged:
        return f"FAIL {name}: nothing was judged."
    if failed:
        return f"FAIL {name}: {_reasons(failed)}."
    omitted = len(checklist.requirements) - judged
    left_out = f", {omitted} left out" if omitted else ""
    if undecided:
        met = f"{judged - len(undecided)} of {judged} requirements met{left_out}"
        return f"{outcome(findings, checklist).upper()} {name}: {met}, cannot tell {_reasons(undecided)}."
    return f"PASS {name}: all {judged} requirements met{left_out}."


def _reasons(findings: Sequence[Finding]) -> str:
    more = f"; and {len(findings) - _LISTED} more" if len(findings) > _LISTED else ""
    return "; ".join(finding.reason for finding in findings[:_LISTED]) + more


def _round(ratio: float) -> str:
    return f"{float(f'{ratio:.2g}'):,.0f}" if ratio >= 10 else f"{ratio:.2g}"


def _separations(evidence: Mapping[Key, Evidence]) -> str:
    separations = {name: item.measured for name, item in numbers_of(evidence, "separation").items()}
    worst = sorted(separations.items(), key=lambda item: item[1].value - item[1].floor, reverse=True)
    noticed = [(name, m) for name, m in worst if m.significance > _NOTICEABLE]
    if not noticed:
        return f"No distribution among {len(worst)} observables differs noticeably from Geant4 at these sample sizes."
    listed = ", ".join(f"{name} ({m.value:.2g}, floor {m.floor:.2g})" for name, m in noticed[:_LISTED])
    return (
        f"{len(noticed)} of {len(worst)} observables differ noticeably in distribution; the largest separation powers: "
        f"{listed}."
    )


def _classifiers(evidence: Mapping[Key, Evidence]) -> str:
    areas = {_SEEN.get(name, name): item for name, item in numbers_of(evidence, "auc").items()}
    if not areas:
        return ""
    numbers = ", ".join(_auc(name, item.measured) for name, item in areas.items())
    if not any(_tells_apart(item.measured) for item in areas.values()):
        size = max(item.n for item in areas.values())
        return f"A classifier trained on {size} showers of each kind cannot tell them from Geant4 ({numbers})."
    return (
        f"A classifier still tells generated showers from Geant4 ({numbers}; 0.5 would be no difference, 1 certainty)."
    )


def _tells_apart(m: Measured) -> bool:
    """Whether it stands three standard errors above one half, where no difference puts it, and above its floor."""
    return m.value - 0.5 > 3 * m.error and m.value > m.floor


def _auc(name: str, m: Measured) -> str:
    return f"on {name}: AUC {m.value:.3f} ± {m.error:.3f}, floor {m.floor:.3f}"
