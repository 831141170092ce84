"""The report: one object, written as `report.json`, a self-contained `report.html` and `plots/` in PNG and PDF."""

__all__ = ["SCHEMA", "Report"]

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from caloforge.errors import BadValue
from caloforge.files import finite_json, require_new, require_writable, write_files
from caloforge.metrics.measured import Measured
from caloforge.reporting.document import counted, remove_outdated_pdfs
from caloforge.reporting.markup import listing, page
from caloforge.reporting.section import Plot, Section
from caloforge.validation import tables
from caloforge.validation.checklist import Checklist
from caloforge.validation.compare import Details
from caloforge.validation.evidence import Evidence, number_at
from caloforge.validation.finding import Finding, Status
from caloforge.validation.judgement import outcome
from caloforge.validation.key import Key
from caloforge.validation.numbers import numbers
from caloforge.validation.trust import Trust, share
from caloforge.validation.verdict import Speed, headline, left_out, named, paragraph

SCHEMA = 3


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
            UnknownName: there is no such number.
            NotMeasured: it is that of a classifier, and ``quick`` has left these out.
        """
        return number_at(self.evidence, key)

    @property
    def models(self) -> tuple["Report", ...]:
        """The report of each generated sample; of a single one itself."""
        return self.several or (self,)

    def __repr__(self) -> str:
        return "\n".join(f"<Report of {model.name}: {model.headline}>" for model in self.models)

    def _repr_html_(self) -> str:
        """How a notebook shows it: the verdict, and the checklist with every finding."""
        return Markup("<p><b>{}</b></p>{}").format(self.verdict, _checklist(self))

    @property
    def headline(self) -> str:
        """One line: passed or failed, and the reasons."""
        return headline(self.checklist, self.findings)

    @property
    def verdict(self) -> str:
        """The numbers in plain words, one line for each sample where there are several; and what was left out."""
        if self.several:
            return "\n".join([*(f"{m.name}: {m.headline}" for m in self.several), *left_out(self.provenance)])
        words = paragraph(self.checklist, self.findings, self.evidence, self.cautions, self.speed)
        return " ".join([words, *left_out(self.provenance)])

    @property
    def passed(self) -> bool:
        """Whether every sample passes its checklist."""
        return all(outcome(model.findings, model.checklist) is Status.PASS for model in self.models)

    def trust(self, limit: float | str) -> Trust:
        """Which observables lie within a limit of Geant4: print it, or ask for ``within``, ``off``, ``undecided``.

        Args:
            limit: largest offset of a mean or width, relative: 0.02, or ``"2 %"``.

        Raises:
            BadValue: the limit is no positive share, or there are several samples: ask one of ``models``.
        """
        if self.details is None:
            raise BadValue("report of several samples", len(self.several), "ask each of report.models")
        return Trust.to(share(limit), self.details.trust)

    def with_speed(self, geant4_ms_per_shower: float, generator_ms_per_shower: float) -> "Report":
        """The report with the two times of one shower, ms.

        Args:
            geant4_ms_per_shower: in full simulation.
            generator_ms_per_shower: by the generator, on the same machine.
        """
        return replace(self, speed=Speed(geant4_ms_per_shower, generator_ms_per_shower))

    def with_sections(self, before: Sequence[Section] = (), after: Sequence[Section] = (), title: str = "") -> "Report":
        """The report with more sections, right after its first or at its end, and another heading if given.

        Args:
            before: sections to stand right after the first.
            after: sections to stand at the end.
            title: heading of the page.
        """
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
        """The page: one file that needs nothing else.

        Args:
            images: PNG of each plot, by its name.
        """
        all_numbers = (
            numbers(
                model.evidence, model.details.response if model.details else None, model.name if self.several else ""
            )
            for model in self.models
        )
        sections = (
            *self.sections,
            Section("All numbers", Markup().join(all_numbers)),
            Section("Provenance", listing(self.provenance)),
        )
        return page(
            "report.html",
            self.title,
            [("main", "Verdict"), *((part.name, part.title) for part in sections)],
            counted=counted(self.samples),
            subject=self.provenance.get("showers", ""),
            verdicts=[
                (named(m.name, m.headline, m.cautions) if self.several else m.verdict, not m.passed)
                for m in self.models
            ],
            checklist=_checklist(self),
            sections=sections,
            images=images,
        )

    def write(
        self,
        folder: str | Path,
        pdf: bool = True,
        progress: Callable[[float, str], None] = lambda done, text: None,
        overwrite: bool = False,
    ) -> Path:
        """Write ``report.json``, ``report.html`` and ``plots/`` into the folder; each appears only when complete.

        Args:
            folder: made if it is not there.
            pdf: each plot as PDF beside its PNG; costs about as much time again.
            progress: called with the share of the plots drawn and the name of the next.
            overwrite: replace a report that the folder holds.

        Raises:
            UnwritablePath: the folder holds a report and ``overwrite`` is off, or it cannot be made or written.
        """
        folder = Path(folder)
        require_new(folder / "report.json", overwrite)
        require_writable(folder)
        files = {}
        for i, plot in enumerate(self.plots):
            progress(i / len(self.plots), plot.name)
            for kind, content in plot.render(("png", "pdf") if pdf else ("png",)).items():
                files[f"plots/{plot.name}.{kind}"] = content
        files["report.html"] = self.to_html({p.name: files[f"plots/{p.name}.png"] for p in self.plots}).encode()
        files["report.json"] = json.dumps(self.to_dict(), indent=2, allow_nan=False).encode() + b"\n"
        write_files(folder, files)
        remove_outdated_pdfs(folder, files)
        return folder / "report.html"


def _checklist(report: Report) -> Markup:
    """Every requirement, line by line; of several samples a column for each."""
    if not report.several:
        return tables.checklist_table(report.findings)
    findings = {model.name: model.findings for model in report.several}
    return tables.models_table(findings, {m.name: outcome(m.findings, m.checklist) for m in report.several})
