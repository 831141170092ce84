"""The tables of the page: the checklist line by line, every metric in units of its floor, laws and culprits."""

__all__ = [
    "checklist_table",
    "models_table",
    "floors_table",
    "posterior_table",
    "laws_table",
    "culprits_list",
]

import math
from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from caloforge.metrics.bins import energy_label
from caloforge.metrics.compared import Law, PhysicsSummary
from caloforge.metrics.measured import Measured
from caloforge.metrics.permutation import Culprit, PermutationTest
from caloforge.reporting.markup import Cell, number, paragraphs, table, text
from caloforge.reporting.quoting import parameter_words, quality_words, quoted
from caloforge.validation.evidence import EACH_TEST, Evidence, columns_of
from caloforge.validation.finding import Finding, Status
from caloforge.validation.key import ALL_SHOWERS, Key
from caloforge.validation.spokes import Spoke

_OUTCOMES = {
    Status.PASS: ("✓ pass", "pass"),
    Status.FAIL: ("✗ fail", "fail"),
    Status.CANNOT_TELL: ("? cannot tell", "unsure"),
}
_LISTED = 10
_LARGE_PULL = 3.0
_BAR = 5.0  # rem a factor of ten


def checklist_table(findings: Sequence[Finding]) -> Markup:
    """Every requirement with its deciding number, its floor, its limit and the outcome.

    Args:
        findings: of one sample.
    """
    rows = ([Cell(f.test, note=f.why), text(f.evidence), text(f.floor), _limit(f), _outcome(f)] for f in findings)
    return table(("Requirement", "Found", "Floor", "Limit", "Outcome"), rows)


def _limit(finding: Finding) -> Cell:
    """The limit, and beyond it the standard deviations from which on a number fails, more where it is one of many."""
    sigmas, members = finding.numbers.get("deviations"), finding.numbers.get("checked", 0)
    many = f", one of {members}" if members > 1 else ""
    return Cell(finding.required, "n", note=f"fails {sigmas:.1f} σ beyond{many}" if sigmas else "")


def _outcome(finding: Finding) -> Cell:
    showers = f"{finding.needed:,} showers in each sample would tell" if finding.needed else ""
    return Cell(*_OUTCOMES[finding.status], note=showers)


def models_table(findings: Mapping[str, Sequence[Finding]], outcomes: Mapping[str, Status]) -> Markup:
    """A column for each generated sample, a row for each requirement that any of them was held against.

    Args:
        findings: of each sample by name.
        outcomes: what the whole checklist comes to for each.
    """
    limits = {finding.test: finding.required for items in findings.values() for finding in items}
    rows = [
        [text(name), number(limit), *(_of_model(items, name) for items in findings.values())]
        for name, limit in limits.items()
    ]
    overall = [text("Checklist"), text(""), *(Cell(*_OUTCOMES[status]) for status in outcomes.values())]
    return table(("Requirement", "Limit", *findings), [overall, *rows])


def _of_model(findings: Sequence[Finding], name: str) -> Cell:
    finding = next((finding for finding in findings if finding.test == name), None)
    if finding is None:
        return text("–")
    words, kind = _OUTCOMES[finding.status]
    return Cell(finding.evidence, note=f"floor {finding.floor}", outcome=words, outcome_kind=kind)


def floors_table(spokes: Mapping[str, Sequence[Spoke]]) -> Markup:
    """What the radar shows, as numbers: each metric of each sample in floors.

    Args:
        spokes: of each sample by name, the same metrics in all.
    """
    names = list(spokes)
    several = len(names) > 1
    rows = (_floor_row(list(of_all), several) for of_all in zip(*spokes.values(), strict=True))
    columns = (f"{name}, in floors" if several else "In floors" for name in names)
    return table(("Metric", "Floor", *(() if several else ("Found",)), *columns), rows)


def _floor_row(of_all: list[Spoke], several: bool) -> list[Cell]:
    first = of_all[0]
    row = [text(first.name), number(quoted(first.measured.floor, first.measured.floor_spread))]
    if not several:
        row.append(number(quoted(first.measured.value, first.measured.error)))
    return [*row, *(_bar(spoke) for spoke in of_all)]


def _bar(spoke: Spoke) -> Cell:
    if not math.isfinite(spoke.value):
        return text("not finite")
    length = _BAR * max(math.log10(max(spoke.value, 1e-3)), 0.0)
    return Cell(f"{spoke.value:.3g} ± {spoke.error:.2g}", "n", bar=length)


def posterior_table(posterior: Mapping[str, Measured]) -> Markup:
    """Several models by their mean log posterior on showers of the truth, the best first.

    Args:
        posterior: mean log posterior of each model by name.
    """
    ranked = sorted(posterior.items(), key=lambda item: -item[1].value)
    rows = (
        [text(name), number(quoted(m.value, m.error)), number(quoted(m.floor, m.floor_spread))] for name, m in ranked
    )
    chance = -math.log(len(ranked))
    caption = f"Which model a shower of Geant4 would be taken for: higher is better, chance is {chance:.3f}."
    return table(("Model", "Mean log posterior", "Where models cannot be told apart"), rows, caption)


def laws_table(summary: PhysicsSummary, name: str = "generated", particle: str = "") -> Markup:
    """Parameters of the fitted laws of one sample and particle.

    Args:
        summary: of one sample and particle.
        name: of the sample.
        particle: its name; empty where there is only one.
    """
    rows = [row for law, fit in summary.laws.items() for row in _law_rows(law, fit)]
    rows += _profile_rows(summary)
    formulas = "; ".join(fit.formula for fit in summary.laws.values())
    head = ("Parameter", "Geant4", name, "Pull", "Floor of the difference")
    title = "Fitted laws" + (f" of {particle}" if particle else "") + (f": {formulas}" if formulas else "")
    return table(head, rows, f"{title}.", summary.notes) if rows else paragraphs(*summary.notes)


def _law_rows(law: str, fit: Law) -> Iterator[list[Cell]]:
    """The parameters, and how well the law describes either sample."""
    for parameter, q in fit.parameters.items():
        limits = fit.limits_truth.get(parameter), fit.limits_generated.get(parameter)
        yield [
            text(f"{law}: {parameter}"),
            number(parameter_words(law, parameter, q.truth, q.truth_error, limits[0], q.unit)),
            number(parameter_words(law, parameter, q.generated, q.generated_error, limits[1], q.unit)),
            _pull(q.pull) if limits == (None, None) else text("–"),
            number(parameter_words(law, parameter, q.floor, q.floor_spread, unit=q.unit)),
        ]
    if fit.degrees_of_freedom > 0:
        qualities = (quality_words(chi2, fit.degrees_of_freedom) for chi2 in (fit.chi2_truth, fit.chi2_generated))
        yield [text(f"{law}: quality of the fit"), *map(number, qualities), text(""), text("")]


def _profile_rows(summary: PhysicsSummary) -> Iterator[list[Cell]]:
    """How well gamma distributions describe the mean profiles, bin by bin."""
    fits = summary.profiles or ()
    for i, b in enumerate(summary.bins):
        qualities = [quality_words(float(fit.chi2[i]), fit.degrees_of_freedom) for fit in fits]
        if any(qualities):
            title = f"gamma distribution, {energy_label(b.low, b.high)}: quality of the fit"
            yield [text(title), *map(number, qualities), text(""), text("")]


def _pull(pull: float) -> Cell:
    return Cell(f"{pull:+.1f}", "n fail" if abs(pull) > _LARGE_PULL else "n")


def culprits_list(test: PermutationTest, evidence: Mapping[Key, Evidence], name: str = "") -> Markup:
    """What the permutation test names in one sample.

    Args:
        test: permutation test of one sample.
        evidence: of the sample, by key.
        name: of the sample, where there are several.
    """
    rows = [
        [
            text(_place(Key.parse(c.name))),
            text(_column(evidence, c)),
            text(c.statistic),
            number(f"{c.significance:.1f}"),
            number(f"{c.p_value:.2g}"),
        ]
        for c in test.culprits[:_LISTED]
    ]
    more = f" The first {_LISTED} of {len(test.culprits)} are listed." if len(test.culprits) > _LISTED else ""
    caption = (
        f"{f'{name}: ' if name else ''}permutation test of {test.columns:,} histograms at once, {test.permutations} "
        f"permutations: p = {test.p_value:.2g}; p-values are corrected for all of them.{more}"
    )
    caption = caption[0].upper() + caption[1:]
    if not rows:
        return paragraphs(f"{caption} None is named: that takes {EACH_TEST:g}, half of what the two-sample test takes.")
    return table(("Observable", "Place", "How", "Standard deviations", "p, corrected"), rows, caption)


def _place(key: Key) -> str:
    return key.observable if key.place == ALL_SHOWERS else f"{key.observable} in {key.place.label}"


def _column(evidence: Mapping[Key, Evidence], culprit: Culprit) -> str:
    """Layer or ring of a culprit."""
    columns = columns_of(evidence, "separation", Key.parse(culprit.name).observable)
    return columns[culprit.column].key.place.label if len(columns) > 1 else "–"
