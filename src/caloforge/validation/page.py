"""The report as one HTML page: verdict, numbers with floors, plots, details; images inside, no script, no links out."""

__all__ = ["Block", "page"]

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from caloforge.validation.compare import Comparison, Distance
from caloforge.validation.judgement import Line
from caloforge.validation.metrics import Measured
from caloforge.validation.verdict import Verdict

Shown = tuple[str, str, bytes]  # title, caption, PNG

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#20242c;max-width:1100px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1.2rem;margin:2.2rem 0 .4rem}h3{font-size:1rem;margin:1.6rem 0 .2rem}
.verdict{border-left:.4rem solid #2e7d4f;background:#eef6f0;padding:.7rem 1rem;font-size:1.05rem}
.verdict.failed{border-color:#b3402a;background:#faeeea}
table{border-collapse:collapse;margin:.5rem 0}td,th{padding:.25rem .8rem .25rem 0;text-align:left;vertical-align:top;
border-bottom:1px solid #dde1e7}th{font-weight:600}td.n{font-variant-numeric:tabular-nums;white-space:nowrap}
.yes{color:#2e7d4f;font-weight:600}.no{color:#b3402a;font-weight:600}
figure{margin:.4rem 0 1.6rem}figure img{max-width:100%;height:auto}figcaption,.small{color:#5a6270;font-size:.9rem}
details{margin:.6rem 0}summary{cursor:pointer;font-weight:600}pre{white-space:pre-wrap;font-size:.85rem}
"""


@dataclass(frozen=True)
class Block:
    """An extra part of the page, already in HTML."""

    title: str
    html: str
    figures: Sequence[Shown]


def page(
    facts: Mapping[str, Any],
    title: str,
    verdict: Verdict,
    before: Sequence[Block],
    figures: Sequence[Shown],
    after: Sequence[Block],
) -> str:
    """The whole page; ``facts`` is the content of ``report.json``."""
    comparison = verdict.comparison
    samples = facts["samples"]
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="small">{samples["generated"]:,} generated showers against {samples["truth"]:,} of Geant4</p>',
        f'<p class="verdict{"" if facts["passed"] else " failed"}">{escape(facts["verdict"])}</p>',
        _main_table(verdict.result.lines, comparison, facts.get("speed")),
        *map(_block, before),
        "<h2>Plots</h2>",
        *map(_figure, figures),
        *map(_block, after),
        "<h2>Details</h2>",
        _details(comparison),
        _provenance(facts["provenance"]),
    ]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _row(cells: Iterable[str], tag: str = "td") -> str:
    return "<tr>" + "".join(f'<{tag} class="n">{cell}</{tag}>' for cell in cells) + "</tr>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "<table>" + _row(head, "th") + "".join(map(_row, rows)) + "</table>"


def _main_table(found: Sequence[Line], comparison: Comparison, speed: Mapping[str, float] | None) -> str:
    rows = [(escape(c.name), escape(c.found), escape(c.floor), escape(c.required), _mark(c)) for c in found]
    for name, area in comparison.classifiers.items():
        rows.append((f"Classifier on {name}, AUC", _value(area.measured, 3), _floor(area.measured, 3), "–", "–"))
    name, worst = max(comparison.separation.items(), key=lambda item: item[1].mean.value)
    rows.append((f"Largest separation power ({name})", _power(worst.mean), _power_floor(worst.mean), "–", "–"))
    if speed is not None:
        times = f"{speed['generator_ms_per_shower']:.3g} ms against {speed['geant4_ms_per_shower']:.4g} ms"
        rows.append((f"Time per shower, {speed['ratio']:,.0f} times less", times, "–", "–", "–"))
    high = comparison.classifiers["high"]
    note = (
        "Floor: what two samples of Geant4 would give in the same test, at the same sample sizes; only for the "
        f"classifiers at smaller ones ({high.floor_size:,} showers of each kind instead of "
        f"{high.size:,}). An AUC of 0.5 means no difference, 1 certainty."
    )
    head = ("", "Found", "Floor", "Required", "")
    return f"<h2>Main numbers</h2>{_table(head, rows)}<p class='small'>{note}</p>"


def _mark(line: Line) -> str:
    words = {
        "pass": '<span class="yes">met</span>',
        "fail": '<span class="no">not met</span>',
        "cannot tell": "cannot tell",
    }
    return words[line.outcome] + (" (marginal)" if line.marginal else "")


def _value(m: Measured, digits: int) -> str:
    return f"{m.value:.{digits}f} ± {m.error:.{digits}f}"


def _floor(m: Measured, digits: int) -> str:
    return f"{m.floor:.{digits}f} ± {m.floor_spread:.{digits}f}"


def _power(m: Measured) -> str:
    return f"{m.value:.3g} ± {m.error:.1g}"


def _power_floor(m: Measured) -> str:
    return f"{m.floor:.2g} ± {m.floor_spread:.1g}"


def _figure(shown: Shown) -> str:
    title, caption, image = shown
    source = base64.b64encode(image).decode()
    return (
        f'<h3>{escape(title)}</h3><figure><img alt="{escape(title)}" src="data:image/png;base64,{source}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _block(block: Block) -> str:
    return f"<h2>{escape(block.title)}</h2>{block.html}" + "".join(map(_figure, block.figures))


def _details(comparison: Comparison) -> str:
    bins = (
        (
            b.label,
            f"{b.n_truth:,} | {b.n_generated:,}",
            f"{100 * b.bias:+.2f} ± {100 * b.bias_error:.2f} %",
            f"{100 * b.resolution_truth:.2f} | {100 * b.resolution_generated:.2f} %",
            f"{b.ratio:.3f} ± {b.ratio_error:.3f}",
        )
        for b in comparison.response.bins
    )
    head = ("Incident energy", "Showers (G4 | gen.)", "Response bias", "Resolution (G4 | gen.)", "Ratio of resolutions")
    rows = ((name, _power(s.mean), _power_floor(s.mean), _sigma(s.mean)) for name, s in comparison.separation.items())
    powers = _table(("Observable", "Separation power", "Floor", "Above floor"), rows)
    layers = "".join(_per_column(name, s) for name, s in comparison.separation.items() if len(s.columns) > 1)
    return (
        f"<h3>Response in bins of incident energy</h3>{_table(head, bins)}"
        f"<h3>Separation powers</h3>{powers}<p class='small'>Between 0 (same histogram) and 1 (no overlap); mean over "
        "layers or rings where there are several. Above floor: in standard deviations of Geant4 against Geant4. "
        "Generated showers that repeat the incident energies of the truth can lie a little below the floor.</p>"
        f"<details><summary>Separation powers layer by layer</summary>{layers}</details>"
    )


def _sigma(m: Measured) -> str:
    return f"{m.significance:+.1f} σ"


def _per_column(name: str, separation: Distance) -> str:
    numbers = ", ".join(f"{c.value:.4f} ({c.floor:.4f})" for c in separation.columns)
    return f"<p><b>{escape(name)}</b>, per {separation.per}, value (floor): {numbers}</p>"


def _provenance(facts: Mapping[str, Any]) -> str:
    rows = ((escape(str(key)), escape(_text(value))) for key, value in facts.items())
    body = "".join(f"<tr><td>{key}</td><td>{value}</td></tr>" for key, value in rows)
    return f"<h3>Provenance</h3><table>{body}</table>"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_text(item)}" for key, item in value.items())
    return ", ".join(map(_text, value)) if isinstance(value, list | tuple) else str(value)
