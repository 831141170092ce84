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

from caloforge.metrics.measured import Measured
from caloforge.metrics.permutation import Culprit
from caloforge.reporting.markup import Cell, number, table, text
from caloforge.validation.compare import Comparison
from caloforge.validation.judgement import Line
from caloforge.validation.spokes import Spoke
from caloforge.validation.univariate import Distance
from caloforge.validation.verdict import Verdict

_OUTCOMES = {
    "pass": Cell("✓ pass", "pass"),
    "fail": Cell("✗ fail", "fail"),
    "cannot tell": Cell("? cannot tell", "unsure"),
}
_LISTED = 10
_LARGE_PULL = 3.0
_BAR = 5.0  # rem a factor of ten


def checklist_table(verdict: Verdict) -> str:
    """Every requirement with what was found, its floor, its limit and the outcome."""
    rows = (
        [_name(line), text(line.found), number(line.floor), number(line.required), _outcome(line)]
        for line in verdict.result.lines
    )
    return table(("Requirement", "Found", "Floor", "Limit", "Outcome"), rows)


def _name(line: Line) -> Cell:
    why = f'<br><span class="small">{escape(line.requirement.why)}</span>' if line.requirement.why else ""
    return Cell(f"{escape(line.name)}{why}")


def _outcome(line: Line) -> Cell:
    cell = _OUTCOMES[line.outcome]
    more = " (within its error)" if line.marginal else ""
    if line.needed:
        more += f'<br><span class="small">{line.needed:,} showers would tell</span>'
    return Cell(cell.html + more, cell.kind)


def models_table(verdicts: Sequence[Verdict]) -> str:
    """A column for each generated sample, a row for each requirement that any of them was held against."""
    limits = {line.name: line.required for v in verdicts for line in v.result.lines}
    rows = [[text(name), number(limit), *(_found(v, name) for v in verdicts)] for name, limit in limits.items()]
    overall = [text("Checklist"), text(""), *(_OUTCOMES["pass" if v.passed else "fail"] for v in verdicts)]
    return table(("Requirement", "Limit", *(v.name for v in verdicts)), [overall, *rows])


def _found(verdict: Verdict, name: str) -> Cell:
    line = next((line for line in verdict.result.lines if line.name == name), None)
    if line is None:
        return text("–")
    cell = _OUTCOMES[line.outcome]
    return Cell(
        f'<span class="{cell.kind}">{cell.html}</span><br>{escape(line.found)}<br>'
        f'<span class="small">floor {escape(line.floor)}</span>'
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


def laws_tables(verdicts: Sequence[Verdict]) -> str:
    """Parameters of the fitted laws of each sample."""
    return "".join(_laws_table(v, v.name if len(verdicts) > 1 else "generated") for v in verdicts)


def _laws_table(verdict: Verdict, name: str) -> str:
    summary = verdict.comparison.physics
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
    return (table(head, rows, f"Fitted laws: {formulas}.") if rows else "") + notes


def _pull(pull: float) -> Cell:
    return Cell(f"{pull:+.1f}", "n fail" if abs(pull) > _LARGE_PULL else "n")


def culprits_lists(verdicts: Sequence[Verdict]) -> str:
    """What the permutation test names."""
    return "".join(_culprits(v, v.name if len(verdicts) > 1 else "") for v in verdicts)


def _culprits(verdict: Verdict, name: str) -> str:
    test = verdict.comparison.permutation
    rows = [
        [
            text(c.name),
            text(_column(verdict.comparison, c)),
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


def _column(comparison: Comparison, culprit: Culprit) -> str:
    """Layer or ring of a culprit."""
    labels = comparison.distances[f"separation/{culprit.name.partition(' in ')[0]}"].labels
    return labels[culprit.column] if len(labels) > 1 else "–"


def response_table(comparison: Comparison) -> str:
    """Bias and resolution in each energy bin."""
    rows = (
        (
            text(b.label),
            number(f"{b.n_truth:,} | {b.n_generated:,}"),
            number(f"{100 * b.bias:+.2f} ± {100 * b.bias_error:.2f} %"),
            number(f"{100 * b.resolution_truth:.2f} | {100 * b.resolution_generated:.2f} %"),
            number(f"{b.ratio:.3f} ± {b.ratio_error:.3f}"),
        )
        for b in comparison.response.bins
    )
    head = ("Incident energy", "Showers (G4 | gen.)", "Response bias", "Resolution (G4 | gen.)", "Ratio of resolutions")
    return table(head, rows)


def distances_table(comparison: Comparison) -> str:
    """Every distance of every observable, the mean over its columns, with a link to its figure."""
    wasserstein, ks = comparison.family("wasserstein"), comparison.family("ks")
    rows = (
        (
            Cell(f'<a href="#observable_{escape(name)}">{escape(name)}</a>'),
            number(_power(d.mean)),
            number(f"{d.mean.floor:.2g} ± {d.mean.floor_spread:.1g}"),
            number(f"{d.mean.significance:+.1f} σ"),
            *(_with_floor(family[name].mean) if name in family else text("–") for family in (wasserstein, ks)),
            number(f"{min(ks[name].p_values):.2g}") if name in ks and ks[name].p_values else text("–"),
        )
        for name, d in comparison.separation.items()
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


def _power(m: Measured) -> str:
    return f"{m.value:.3g} ± {m.error:.1g}"


def columns_list(separation: Mapping[str, Distance]) -> Iterator[str]:
    """Separation powers of single layers and rings, one paragraph an observable."""
    for name, d in separation.items():
        if len(d.columns) > 1:
            numbers = ", ".join(f"{c.value:.4f} ({c.floor:.4f})" for c in d.columns)
            yield f"<p><b>{escape(name)}</b>, per {escape(d.per)}, value (floor): {numbers}</p>"
