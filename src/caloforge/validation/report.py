"""The report: one object, written as `report.json`, a self-contained `report.html` and `plots/` in PNG and PDF."""

__all__ = ["SCHEMA", "Report", "page"]

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from caloforge.errors import UnwritablePath
from caloforge.files import finite_json, require_writable, write_files
from caloforge.metrics.measured import Measured
from caloforge.reporting.markup import figure, folded, listing
from caloforge.reporting.section import Plot, Section
from caloforge.validation import tables
from caloforge.validation.compare import Comparison
from caloforge.validation.verdict import Speed, Verdict

SCHEMA = 2


_FLOOR = (
    "Floor: what two samples of Geant4 would give in the same test at the same sizes, mean ± standard deviation; no "
    "generator can do better than that with so many showers."
)


@dataclass(frozen=True, eq=False)
class Report:
    """What validation found, ready to be written.

    Args:
        verdicts: every generated sample with its metrics and its checklist.
        samples: numbers of showers, ``truth`` and ``generated`` (or each file's name).
        sections: texts and figures in the order of reading.
        provenance: what was compared with what, and how: names and plain values.
        posterior: of several models, the mean log posterior of each on showers of the truth.
        title: heading of the page.
    """

    verdicts: tuple[Verdict, ...]
    samples: Mapping[str, int]
    sections: tuple[Section, ...]
    provenance: Mapping[str, Any]
    posterior: Mapping[str, Measured] = field(default_factory=dict)
    title: str = "Validation of generated showers"

    @property
    def comparison(self) -> Comparison:
        """Every metric of the first (or only) sample."""
        return self.verdicts[0].comparison

    @property
    def verdict(self) -> str:
        """The numbers in plain words; one line for each where there are several."""
        if len(self.verdicts) == 1:
            return self.verdicts[0].text
        return "\n".join(f"{v.name}: {v.headline}" for v in self.verdicts)

    @property
    def passed(self) -> bool:
        """Whether every sample passes its checklist."""
        return all(v.passed for v in self.verdicts)

    @property
    def speed(self) -> Speed | None:
        """Times of full and fast simulation, where they were measured."""
        return self.verdicts[0].speed

    def with_speed(self, geant4_ms_per_shower: float, generator_ms_per_shower: float) -> "Report":
        """The report with the two times of one shower, ms."""
        first = replace(self.verdicts[0], speed=Speed(geant4_ms_per_shower, generator_ms_per_shower))
        return replace(self, verdicts=(first, *self.verdicts[1:]))

    def with_sections(self, before: Sequence[Section] = (), after: Sequence[Section] = (), title: str = "") -> "Report":
        """The report with more sections, right after its first or at its end, and another heading if given."""
        first, *others = self.sections
        return replace(self, sections=(first, *before, *others, *after), title=title or self.title)

    def to_dict(self) -> dict[str, Any]:
        """What ``report.json`` holds; numbers that are not finite become null."""
        several = len(self.verdicts) > 1
        facts: dict[str, Any] = {
            "schema": SCHEMA,
            "samples": dict(self.samples),
            "provenance": dict(self.provenance),
            "verdict": self.verdict,
            "passed": self.passed,
            **({"log_posterior": {n: m.to_dict() for n, m in self.posterior.items()}} if self.posterior else {}),
            **({"models": {v.name: v.to_dict() for v in self.verdicts}} if several else self.verdicts[0].to_dict()),
        }
        sections = {s.name: dict(s.data) for s in self.sections if s.data is not None}
        plain: dict[str, Any] = finite_json(facts | ({"sections": sections} if sections else {}))
        return plain

    @property
    def plots(self) -> tuple[Plot, ...]:
        """The figures of all sections."""
        return tuple(plot for section in self.sections for plot in section.plots)

    def to_html(self, images: Mapping[str, bytes]) -> str:
        """The page: one file that needs nothing else; ``images`` holds the PNG of each plot by name."""
        return page(self.title, self.verdicts, self.samples, self.sections, self.provenance, images)

    def write(
        self, folder: str | Path, pdf: bool = True, progress: Callable[[float, str], None] = lambda done, text: None
    ) -> Path:
        """Write ``report.json``, ``report.html`` and ``plots/`` into the folder; each appears only when complete.

        Args:
            folder: made if it is not there.
            pdf: each plot as PDF beside its PNG; costs about as much time again.
            progress: called with the share of the plots drawn and the name of the next.

        Raises:
            UnwritablePath: the folder cannot be made or written.
        """
        folder = Path(folder)
        require_writable(folder)
        files = {}
        for i, plot in enumerate(self.plots):
            progress(i / len(self.plots), plot.name)
            for kind, content in plot.render(("png", "pdf") if pdf else ("png",)).items():
                files[f"plots/{plot.name}.{kind}"] = content
        images = {plot.name: files[f"plots/{plot.name}.png"] for plot in self.plots}
        files["report.html"] = self.to_html(images).encode()
        files["report.json"] = json.dumps(self.to_dict(), indent=2, allow_nan=False).encode() + b"\n"
        write_files(folder, files)
        try:
            _remove_outdated(folder, files)
        except OSError as error:
            raise UnwritablePath(folder, error.strerror or "writing failed") from error
        return folder / "report.html"


def _remove_outdated(folder: Path, files: Mapping[str, bytes]) -> None:
    """An earlier report's PDF would contradict the PNG beside it."""
    for name in files:
        other = Path(name).with_suffix(".pdf")
        if name.endswith(".png") and str(other) not in files:
            (folder / other).unlink(missing_ok=True)


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
