"""The report as one HTML page: verdict, checklist, radar, then all there is to explore; nothing comes from outside."""

__all__ = ["page"]

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from caloforge.reporting.markup import figure, folded, listing
from caloforge.reporting.section import Plot, Section
from caloforge.validation import tables
from caloforge.validation.verdict import Verdict

_FLOOR = (
    "Floor: what two samples of Geant4 would give in the same test at the same sizes, mean ± standard deviation; no "
    "generator can do better than that with so many showers."
)


def page(
    title: str,
    verdicts: Sequence[Verdict],
    samples: Mapping[str, int],
    sections: Sequence[Section],
    provenance: Mapping[str, Any],
    images: Mapping[str, bytes],
) -> str:
    """The whole page; ``images`` holds the PNG of each plot by name."""
    numbers = Section("All numbers", "".join(_numbers(verdict, len(verdicts) > 1) for verdict in verdicts))
    origin = Section("Provenance", listing(provenance))
    parts = (*sections, numbers, origin)
    style, script = ((files("caloforge.reporting") / f"page.{kind}").read_text() for kind in ("css", "js"))
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style>"
    )
    body = "\n".join([*_top(title, verdicts, samples), *(_section(part, images) for part in parts)])
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n<a class="skip" href="#main">To the verdict</a>'
        f'{_contents(parts)}\n<main id="main">\n{body}\n</main>\n<script>{script}</script></body></html>\n'
    )


def _contents(sections: Sequence[Section]) -> str:
    entries = [("main", "Verdict"), *((s.name, s.title) for s in sections)]
    items = "".join(f'<li><a href="#{escape(name)}">{escape(title)}</a></li>' for name, title in entries)
    return f'<nav aria-label="Contents"><ol>{items}</ol></nav>'


def _top(title: str, verdicts: Sequence[Verdict], samples: Mapping[str, int]) -> Iterator[str]:
    """What is read in a minute."""
    yield f"<h1>{escape(title)}</h1>"
    counted = "; ".join(f"{escape(name)}: {count:,}" for name, count in samples.items())
    yield f'<p class="small">Showers: {counted}</p>'
    for verdict in verdicts:
        yield _verdict(verdict, len(verdicts) > 1)
    yield tables.checklist_table(verdicts[0]) if len(verdicts) == 1 else tables.models_table(verdicts)
    yield f'<p class="small">{_FLOOR}</p>'


def _verdict(verdict: Verdict, named: bool) -> str:
    word, kind = ("PASS", "") if verdict.passed else ("FAIL", " failed")
    cautions = f" Caution: {'; '.join(verdict.cautions)}." if verdict.cautions else ""
    said = verdict.headline + cautions if named else verdict.text
    name = f"{escape(verdict.name)}: " if named else ""
    before = "" if said.startswith(word) else f"<b>{word}</b> "
    return f'<p class="verdict{kind}">{before}{name}{escape(said)}</p>'


def _section(section: Section, images: Mapping[str, bytes]) -> str:
    """A section; in a gallery each figure is folded away."""
    if section.gallery:
        body = _controls() + "".join(folded(plot, images[plot.name]) for plot in section.plots)
    else:
        body = "".join(_plain(plot, images[plot.name]) for plot in section.plots)
    kind = ' class="gallery"' if section.gallery else ""
    return f'<section id="{section.name}"{kind}><h2>{escape(section.title)}</h2>{section.html}{body}</section>'


def _plain(plot: Plot, image: bytes) -> str:
    return f'<h3 id="{escape(plot.name)}">{escape(plot.title)}</h3>{figure(plot, image)}'


def _controls() -> str:
    """Hidden where there is no script to serve them."""
    return (
        '<div class="controls" hidden><label>Filter <input type="search" placeholder="layer, width, hits ..."></label>'
        '<label><input type="checkbox"> only those more than 5 σ above their floor</label>'
        "<button>Open all</button><button>Close all</button><output></output></div>"
    )


def _numbers(verdict: Verdict, named: bool) -> str:
    comparison = verdict.comparison
    heading = f"<h3>{escape(verdict.name)}</h3>" if named else ""
    return (
        f"{heading}<h3>Response in bins of incident energy</h3>{tables.response_table(comparison)}"
        f"<h3>Distances of every observable</h3>{tables.distances_table(comparison)}<p class='small'>Separation power: "
        "between 0 (same histogram) and 1 (no overlap). Means over layers or rings where there are several; the p "
        "is the smallest of them, not corrected for their number. Above floor: in standard deviations of Geant4 on "
        "Geant4. Generated showers that repeat the incident energies of the truth can lie a little below the floor.</p>"
        "<details><summary>Separation powers layer by layer</summary>"
        f"{''.join(tables.columns_list(comparison.separation))}</details>"
    )
