"""The report: one object, written as `report.json`, a self-contained `report.html` and `plots/` in PNG and PDF."""

__all__ = ["SCHEMA", "Report", "page"]

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from caloforge.errors import UnknownName, UnwritablePath
from caloforge.files import finite_json, require_writable, write_files
from caloforge.metrics.measured import Measured
from caloforge.reporting.markup import figure, folded, listing
from caloforge.reporting.section import Plot, Section
from caloforge.validation import tables
from caloforge.validation.checklist import Checklist
from caloforge.validation.compare import Details
from caloforge.validation.evidence import Evidence
from caloforge.validation.finding import Finding
from caloforge.validation.judgement import passes
from caloforge.validation.key import ALL_SHOWERS, Key
from caloforge.validation.verdict import Speed, headline, paragraph

SCHEMA = 3


_FLOOR = (
    "Floor: what two samples of Geant4 would give in the same test at the same sizes, mean ± standard deviation; no "
    "generator can do better than that with so many showers."
)


@dataclass(frozen=True, eq=False)
class Report:
    """What validation came to, ready to be written: of one generated sample, or of several side by side.

    ``report["auc/high"]`` is a number by the text form of its key.

    Args:
        name: of the model, or of its file.
        evidence: every number by its key; empty where there are several samples.
        findings: what became of each requirement of the checklist.
        checklist: that was asked.
        details: what figures show beside the numbers.
        samples: numbers of showers, ``truth`` and ``generated`` (or each file's name).
        sections: texts and figures in the order of reading.
        provenance: what was compared with what, and how: names and plain values.
        cautions: what weakens the comparison: differences of conditions that the user allowed, copied showers.
        speed: times of full and fast simulation, where they were measured.
        several: of several generated samples, the report of each, without sections.
        posterior: of several, the mean log posterior of each on showers of the truth.
        title: heading of the page.
    """

    name: str
    checklist: Checklist
    evidence: Mapping[Key, Evidence] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    details: Details | None = None
    samples: Mapping[str, int] = field(default_factory=dict)
    sections: tuple[Section, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    cautions: tuple[str, ...] = ()
    speed: Speed | None = None
    several: tuple["Report", ...] = ()
    posterior: Mapping[str, Measured] = field(default_factory=dict)
    title: str = "Validation of generated showers"

    def __getitem__(self, key: str | Key) -> Measured:
        """A number by its key or the key's text form, ``auc/high`` or ``ks/response @ energy bin: 1–5 GeV``.

        Raises:
            UnknownName: nothing was measured there.
        """
        wanted = Key.parse(key) if isinstance(key, str) else key
        if wanted not in self.evidence:
            alike = [k.text for k in self.evidence if k.metric == wanted.metric and k.place == ALL_SHOWERS]
            raise UnknownName("number of the report", wanted.text, alike or {k.metric for k in self.evidence})
        return self.evidence[wanted].measured

    @property
    def models(self) -> tuple["Report", ...]:
        """The report of each generated sample; of a single one itself."""
        return self.several or (self,)

    @property
    def headline(self) -> str:
        """One line: passed or failed, and the reasons."""
        return headline(self.checklist, self.findings)

    @property
    def verdict(self) -> str:
        """The numbers in plain words; one line for each where there are several."""
        if self.several:
            return "\n".join(f"{model.name}: {model.headline}" for model in self.several)
        return paragraph(self.checklist, self.findings, self.evidence, self.cautions, self.speed)

    @property
    def passed(self) -> bool:
        """Whether every sample passes its checklist."""
        return all(passes(model.findings, model.checklist) for model in self.models)

    def with_speed(self, geant4_ms_per_shower: float, generator_ms_per_shower: float) -> "Report":
        """The report with the two times of one shower, ms."""
        return replace(self, speed=Speed(geant4_ms_per_shower, generator_ms_per_shower))

    def with_sections(self, before: Sequence[Section] = (), after: Sequence[Section] = (), title: str = "") -> "Report":
        """The report with more sections, right after its first or at its end, and another heading if given."""
        first, *others = self.sections
        return replace(self, sections=(first, *before, *others, *after), title=title or self.title)

    def to_dict(self) -> dict[str, Any]:
        """What ``report.json`` holds; numbers that are not finite become null."""
        facts: dict[str, Any] = {
            "schema": SCHEMA,
            "samples": dict(self.samples),
            "provenance": dict(self.provenance),
            "verdict": self.verdict,
            "passed": self.passed,
            **({"log_posterior": {n: m.to_dict() for n, m in self.posterior.items()}} if self.posterior else {}),
            **({"models": {m.name: m.judgement() for m in self.several}} if self.several else self.judgement()),
        }
        sections = {s.name: dict(s.data) for s in self.sections if s.data is not None}
        plain: dict[str, Any] = finite_json(facts | ({"sections": sections} if sections else {}))
        return plain

    def judgement(self) -> dict[str, Any]:
        """The entries of ``report.json`` on one generated sample."""
        judged = {finding.test for finding in self.findings}
        return {
            "verdict": self.verdict,
            "headline": self.headline,
            "passed": self.passed,
            "checklist": {
                "name": self.checklist.name,
                "about": self.checklist.about,
                "findings": [finding.to_dict() for finding in self.findings],
                "left_out": [r.name for r in self.checklist.requirements if r.name not in judged],
            },
            "cautions": list(self.cautions),
            "evidence": {key.text: item.to_dict() for key, item in self.evidence.items()},
            **(self.details.to_dict() if self.details else {}),
            **({"speed": self.speed.to_dict()} if self.speed else {}),
        }

    @property
    def plots(self) -> tuple[Plot, ...]:
        """The figures of all sections."""
        return tuple(plot for section in self.sections for plot in section.plots)

    def to_html(self, images: Mapping[str, bytes]) -> str:
        """The page: one file that needs nothing else; ``images`` holds the PNG of each plot by name."""
        return page(self, images)

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


def page(report: Report, images: Mapping[str, bytes]) -> str:
    """The whole page; ``images`` holds the PNG of each plot by name."""
    several = len(report.several) > 1
    numbers = Section("All numbers", "".join(_numbers(model, several) for model in report.models))
    origin = Section("Provenance", listing(report.provenance))
    parts = (*report.sections, numbers, origin)
    style, script = ((files("caloforge.reporting") / f"page.{kind}").read_text() for kind in ("css", "js"))
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{style}</style>"
    )
    body = "\n".join([*_top(report), *(_section(part, images) for part in parts)])
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n<a class="skip" href="#main">To the verdict</a>'
        f'{_contents(parts)}\n<main id="main">\n{body}\n</main>\n<script>{script}</script></body></html>\n'
    )


def _contents(sections: Sequence[Section]) -> str:
    entries = [("main", "Verdict"), *((s.name, s.title) for s in sections)]
    items = "".join(f'<li><a href="#{escape(name)}">{escape(title)}</a></li>' for name, title in entries)
    return f'<nav aria-label="Contents"><ol>{items}</ol></nav>'


def _top(report: Report) -> Iterator[str]:
    """What is read in a minute."""
    yield f"<h1>{escape(report.title)}</h1>"
    counted = "; ".join(f"{escape(name)}: {count:,}" for name, count in report.samples.items())
    yield f'<p class="small">Showers: {counted}</p>'
    for model in report.models:
        yield _verdict(model, len(report.several) > 1)
    yield tables.models_table(report.several) if report.several else tables.checklist_table(report)
    yield f'<p class="small">{_FLOOR}</p>'


def _verdict(model: Report, named: bool) -> str:
    word, kind = ("PASS", "") if model.passed else ("FAIL", " failed")
    cautions = f" Caution: {'; '.join(model.cautions)}." if model.cautions else ""
    words = model.headline + cautions if named else model.verdict
    name = f"{escape(model.name)}: " if named else ""
    before = "" if words.startswith(word) else f"<b>{word}</b> "
    return f'<p class="verdict{kind}">{before}{name}{escape(words)}</p>'


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


def _numbers(model: Report, named: bool) -> str:
    heading = f"<h3>{escape(model.name)}</h3>" if named else ""
    return (
        f"{heading}<h3>Response in bins of incident energy</h3>{tables.response_table(model)}"
        f"<h3>Distances of every observable</h3>{tables.distances_table(model)}<p class='small'>Separation power: "
        "between 0 (same histogram) and 1 (no overlap). Means over layers or rings where there are several; the p "
        "is the smallest of them, not corrected for their number. Above floor: in standard deviations of Geant4 on "
        "Geant4. Generated showers that repeat the incident energies of the truth can lie a little below the floor.</p>"
        "<details><summary>Separation powers layer by layer</summary>"
        f"{''.join(tables.columns_list(model))}</details>"
    )
