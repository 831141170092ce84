"""The tables of the page: the checklist line by line, every metric in units of its floor, response and separations."""

__all__ = [
    "checklist_table",
    "models_table",
    "floors_table",
    "posterior_table",
    "laws_tables",
    "culprits_lists",
    "response_table",
    "distances_table",
    "columns_list",
]

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Protocol, runtime_checkable

from caloforge.metrics.measured import Measured
from caloforge.metrics.permutation import Culprit, PermutationTest
from caloforge.metrics.physics_summary import PhysicsSummary
from caloforge.reporting.markup import Cell, number, table, text
from caloforge.validation.compare import Details
from caloforge.validation.evidence import Evidence, columns_of, numbers_of
from caloforge.validation.finding import Finding, Status
from caloforge.validation.key import ALL_SHOWERS, Key
from caloforge.validation.spokes import Spoke


@runtime_checkable
class Judged(Protocol):
    """A generated sample with its numbers and findings: what of a `Report` the tables need."""

    @property
    def name(self) -> str: ...
    @property
    def evidence(self) -> Mapping[Key, Evidence]: ...
    @property
    def findings(self) -> tuple[Finding, ...]: ...
    @property
    def details(self) -> Details | None: ...
    @property
    def passed(self) -> bool: ...


_OUTCOMES = {
    Status.PASS: Cell("✓ pass", "pass"),
    Status.FAIL: Cell("✗ fail", "fail"),
    Status.CANNOT_TELL: Cell("? cannot tell", "unsure"),
}
_LISTED = 10
_LARGE_PULL = 3.0
_BAR = 5.0  # rem a factor of ten


def checklist_table(model: Judged) -> str:
    """Every requirement with its deciding number, its floor, its limit and the outcome."""
    rows = ([_name(f), text(f.evidence), number(f.floor), number(f.required), _outcome(f)] for f in model.findings)
    return table(("Requirement", "Found", "Floor", "Limit", "Outcome"), rows)


def _name(finding: Finding) -> Cell:
    why = f'<br><span class="small">{escape(finding.why)}</span>' if finding.why else ""
    return Cell(f"{escape(finding.test)}{why}")


def _outcome(finding: Finding) -> Cell:
    cell = _OUTCOMES[finding.status]
    more = f'<br><span class="small">{finding.needed:,} showers would tell</span>' if finding.needed else ""
    return Cell(cell.html + more, cell.kind)


def models_table(models: Sequence[Judged]) -> str:
    """A column for each generated sample, a row for each requirement that any of them was held against."""
    limits = {finding.test: finding.required for model in models for finding in model.findings}
    rows = [[text(name), number(limit), *(_of_model(m, name) for m in models)] for name, limit in limits.items()]
    status = (Status.PASS if model.passed else Status.FAIL for model in models)
    overall = [text("Checklist"), text(""), *(_OUTCOMES[s] for s in status)]
    return table(("Requirement", "Limit", *(m.name for m in models)), [overall, *rows])


def _of_model(model: Judged, name: str) -> Cell:
    finding = next((finding for finding in model.findings if finding.test == name), None)
    if finding is None:
        return text("–")
    cell = _OUTCOMES[finding.status]
    return Cell(
        f'<span class="{cell.kind}">{cell.html}</span><br>{escape(finding.evidence)}<br>'
        f'<span class="small">floor {escape(finding.floor)}</span>'
    )


def floors_table(spokes: Mapping[str, Sequence[Spoke]]) -> str:
    """What the radar shows, as numbers: each metric of each sample in floors."""
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
    width = _BAR * max(math.log10(max(spoke.value, 1e-3)), 0.0)
    bar = f'<span class="bar" style="width:{width:.2f}rem"></span>'
    return Cell(f"{bar}{spoke.value:.3g} ± {spoke.error:.2g}", "n")


def quoted(value: float, error: float) -> str:
    """Value and error with as many places as the error's two leading digits have."""
    if not (math.isfinite(value) and math.isfinite(error)) or error <= 0:
        return f"{value:.4g}"
    places = min(max(1 - math.floor(math.log10(error)), 0), 12)
    if max(abs(value), error) < 1e-3:
        power = math.floor(math.log10(max(abs(value), error)))
        places = max(places + power, 0)
        return f"({value / 10.0**power:.{places}f} ± {error / 10.0**power:.{places}f})e{power}"
    return f"{value:.{places}f} ± {error:.{places}f}"


def posterior_table(posterior: Mapping[str, Measured]) -> str:
    """Several models by their mean log posterior on showers of the truth, the best first."""
    ranked = sorted(posterior.items(), key=lambda item: -item[1].value)
    rows = (
        [text(name), number(quoted(m.value, m.error)), number(quoted(m.floor, m.floor_spread))] for name, m in ranked
    )
    chance = -math.log(len(ranked))
    caption = f"Which model a shower of Geant4 would be taken for: higher is better, chance is {chance:.3f}."
    return table(("Model", "Mean log posterior", "Where models cannot be told apart"), rows, caption)


def laws_tables(models: Sequence[Judged]) -> str:
    """Parameters of the fitted laws of each sample, particle by particle."""
    return "".join(
        _laws_table(summary, model.name if len(models) > 1 else "generated", particle)
        for model in models
        for particle, summary in (model.details.physics if model.details else {}).items()
    )


def _laws_table(summary: PhysicsSummary, name: str, particle: str) -> str:
    rows = [
        [
            text(f"{law}: {parameter}{f' [{q.unit}]' if q.unit else ''}"),
            number(quoted(q.truth, q.truth_error)),
            number(quoted(q.generated, q.generated_error)),
            _pull(q.pull),
            number(f"{q.floor:.2g} ± {q.floor_spread:.1g}"),
        ]
        for law, fit in summary.laws.items()
        for parameter, q in fit.parameters.items()
    ]
    formulas = "; ".join(fit.formula for fit in summary.laws.values())
    notes = "".join(f'<p class="small">{escape(note)}</p>' for note in summary.notes)
    head = ("Parameter", "Geant4", name, "Pull", "Floor of the difference")
    of = f" of {particle}" if particle else ""
    return (table(head, rows, f"Fitted laws{of}: {formulas}.") if rows else "") + notes


def _pull(pull: float) -> Cell:
    return Cell(f"{pull:+.1f}", "n fail" if abs(pull) > _LARGE_PULL else "n")


def culprits_lists(models: Sequence[Judged]) -> str:
    """What the permutation test names."""
    return "".join(_culprits(m, m.details.permutation, m.name if len(models) > 1 else "") for m in models if m.details)


def _culprits(model: Judged, test: PermutationTest, name: str) -> str:
    rows = [
        [
            text(_place(Key.parse(c.name))),
            text(_column(model, c)),
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
    if not rows:
        return f"<p>{escape(caption[0].upper() + caption[1:])} No difference is beyond chance.</p>"
    return table(
        ("Observable", "Place", "How", "Standard deviations", "p, corrected"), rows, caption[0].upper() + caption[1:]
    )


def _place(key: Key) -> str:
    return key.observable if key.place == ALL_SHOWERS else f"{key.observable} in {key.place.label}"


def _column(model: Judged, culprit: Culprit) -> str:
    """Layer or ring of a culprit."""
    columns = columns_of(model.evidence, "separation", Key.parse(culprit.name).observable)
    return columns[culprit.column].key.place.label if len(columns) > 1 else "–"


def response_table(model: Judged) -> str:
    """Bias and resolution in each energy bin."""
    rows = (
        (
            text(b.label),
            number(f"{b.n_truth:,} | {b.n_generated:,}"),
            number(f"{100 * b.bias:+.2f} ± {100 * b.bias_error:.2f} %"),
            number(f"{100 * b.resolution_truth:.2f} | {100 * b.resolution_generated:.2f} %"),
            number(f"{b.ratio:.3f} ± {b.ratio_error:.3f}"),
        )
        for b in (model.details.response.bins if model.details else ())
    )
    head = ("Incident energy", "Showers (G4 | gen.)", "Response bias", "Resolution (G4 | gen.)", "Ratio of resolutions")
    return table(head, rows)


def distances_table(model: Judged) -> str:
    """Every distance of every observable, the mean over its columns, with a link to its figure."""
    wasserstein, ks = (numbers_of(model.evidence, metric) for metric in ("wasserstein", "ks"))
    rows = (
        (
            Cell(f'<a href="#observable_{escape(name)}">{escape(name)}</a>'),
            number(f"{m.value:.3g} ± {m.error:.1g}"),
            number(f"{m.floor:.2g} ± {m.floor_spread:.1g}"),
            number(f"{m.significance:+.1f} σ"),
            *(_with_floor(family[name].measured) if name in family else text("–") for family in (wasserstein, ks)),
            number(f"{ks[name].p_value:.2g}") if name in ks else text("–"),
        )
        for name, m in ((o, item.measured) for o, item in numbers_of(model.evidence, "separation").items())
    )
    head = (
        "Observable",
        "Separation power",
        "Floor",
        "Above floor",
        "Wasserstein [std. dev.] (floor)",
        "Kolmogorov-Smirnov (floor)",
        "Smallest p",
    )
    return table(head, rows)


def _with_floor(m: Measured) -> Cell:
    return number(f"{m.value:.2g} ({m.floor:.2g})")


def columns_list(model: Judged) -> Iterator[str]:
    """Separation powers of single layers and rings, one paragraph an observable."""
    for name in numbers_of(model.evidence, "separation"):
        columns = columns_of(model.evidence, "separation", name)
        if len(columns) > 1:
            numbers = ", ".join(f"{c.measured.value:.4f} ({c.measured.floor:.4f})" for c in columns)
            per = columns[0].key.place.kind
            yield f"<p><b>{escape(name)}</b>, per {per}, value (floor): {numbers}</p>"
