"""The report: one object, written as `report.json`, a self-contained `report.html` and `plots/` in PNG and PDF."""

__all__ = ["SCHEMA", "Report", "require_writable", "write_files", "finite_json"]

import json
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from caloforge.errors import UnwritablePath
from caloforge.metrics.separation import Measured
from caloforge.reporting.section import Plot, Section
from caloforge.validation.compare import Comparison
from caloforge.validation.page import page
from caloforge.validation.verdict import Speed, Verdict

SCHEMA = 2


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


def finite_json(value: Any) -> Any:
    """Values that JSON can hold: infinity and NaN become null."""
    if isinstance(value, Mapping):
        return {str(key): finite_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite_json(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def require_writable(folder: str | Path) -> None:
    """Fail before the work rather than after it, and leave nothing.

    Raises:
        UnwritablePath: the folder cannot be made or written.
    """
    nearest = next(place for place in (Path(folder).absolute(), *Path(folder).absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryDirectory(dir=nearest):
            pass
    except OSError as error:
        raise UnwritablePath(folder, error.strerror or "the folder is read-only") from error


def _remove_outdated(folder: Path, files: Mapping[str, bytes]) -> None:
    """An earlier report's PDF would contradict the PNG beside it."""
    for name in files:
        other = Path(name).with_suffix(".pdf")
        if name.endswith(".png") and str(other) not in files:
            (folder / other).unlink(missing_ok=True)


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Everything goes into a folder beside its place and is moved when complete, the JSON last.

    Raises:
        UnwritablePath: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".report-", dir=folder, ignore_cleanup_errors=True) as place:
            beside = Path(place)
            for directory in (beside, folder):
                (directory / "plots").mkdir(exist_ok=True)
            for name, content in files.items():
                (beside / name).write_bytes(content)
            for name in files:
                (beside / name).replace(folder / name)
    except OSError as error:
        raise UnwritablePath(folder, error.strerror or "writing failed") from error
