"""The verdict in plain words: what the numbers support, requirement by requirement, and no more than that.

Every sentence comes from a test that stands on the page: the checklist, the two-sample test and its two parts, the
freak showers.
"""

__all__ = ["Speed", "headline", "left_out", "named", "paragraph"]

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from caloforge.data.unseen import left_out_sentences
from caloforge.validation.checklist import Checklist
from caloforge.validation.evidence import DIFFERENT, EACH_TEST, Evidence, numbers_of
from caloforge.validation.finding import Finding, Status, with_status
from caloforge.validation.judgement import outcome
from caloforge.validation.key import Key

_LISTED = 3


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
    sentences = [headline(checklist, findings), _difference(evidence), _classifiers(evidence), _freaks(evidence)]
    if cautions:
        sentences.append(f"Caution: {'; '.join(cautions)}.")
    if speed is not None:
        sentences.append(
            f"A shower takes {speed.generator_ms_per_shower:.2g} ms instead of "
            f"{speed.geant4_ms_per_shower:.3g} ms in Geant4: {_round(speed.ratio)} times faster."
        )
    return " ".join(sentence for sentence in sentences if sentence)


def named(name: str, line: str, cautions: Sequence[str]) -> str:
    """The headline of one of several samples, with what weakens it.

    Args:
        name: of the sample.
        line: its headline.
        cautions: a clause each.
    """
    return f"{name}: {line}" + (f" Caution: {'; '.join(cautions)}." if cautions else "")


def left_out(provenance: Mapping[str, Any]) -> list[str]:
    """A sentence on the showers of the truth that the model was trained on; none where there were none.

    Args:
        provenance: of a report; its entry ``truth`` has their number.
    """
    truth = provenance.get("truth")
    count = truth.get("left_out", 0) if isinstance(truth, Mapping) else 0
    return [f"{sentence}." for sentence in left_out_sentences(count)]


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
        passed = judged - len(failed) - len(undecided)
        return f"FAIL {name}: {_reasons(failed)}. {passed} of {judged} requirements are met."
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


def _difference(evidence: Mapping[Key, Evidence]) -> str:
    """What the two-sample test finds, and what its permutations of histograms name."""
    test, histograms = (evidence.get(Key(metric)) for metric in ("two_sample", "permutation"))
    if test is None or histograms is None:
        return ""
    result = f"{test.words} ({test.detail})"
    if test.measured.value > DIFFERENT:
        return f"The two-sample test finds no difference with {test.n:,} showers: {result}."
    named = f" Distributions that differ: {histograms.detail}." if histograms.detail else ""
    return f"The two-sample test finds a difference: {result}.{named}"


def _classifiers(evidence: Mapping[Key, Evidence]) -> str:
    """Whether the classifiers, all of them together, tell the samples apart, and by what."""
    test, areas = evidence.get(Key("classifier_test")), numbers_of(evidence, "auc")
    if test is None or not areas:
        return ""
    numbers = "; ".join(_auc(item) for item in areas.values())
    if test.measured.value > EACH_TEST:
        return f"Classifiers trained on {test.n:,} showers of each kind cannot tell them from Geant4 ({numbers})."
    return f"Classifiers tell them from Geant4 ({numbers}; 0.5 would be no difference, 1 certainty)."


def _freaks(evidence: Mapping[Key, Evidence]) -> str:
    """Showers unlike any of the truth, where there are more than chance makes."""
    item = evidence.get(Key("freaks"))
    if item is None or item.p_value is None or item.p_value > DIFFERENT:
        return ""
    return f"Freak showers, outside anything that Geant4 made: {item.detail}."


def _auc(item: Evidence) -> str:
    m = item.measured
    told = f", {item.detail}" if item.detail else ""
    numbers = f"AUC {m.value:.3f} ± {m.error:.3f}, floor {m.floor:.3f} ± {m.floor_spread:.3f}"
    return f"{item.by or item.key.observable}: {numbers}{told}"
