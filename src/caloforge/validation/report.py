"""The report: one object, written as `report.json`, a self-contained `report.html` and `plots/*.png`."""

__all__ = ["SCHEMA", "Plot", "Section", "Report", "require_writable"]

import json
import math
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from caloforge.errors import UnwritablePath
from caloforge.validation.compare import Comparison
from caloforge.validation.page import Block, page
from caloforge.validation.style import png
from caloforge.validation.verdict import Speed, Verdict

SCHEMA = 2


@dataclass(frozen=True, eq=False)
class Plot:
    """A figure of the report; ``name`` is its file name without ``.png``."""

    name: str
    title: str
    caption: str
    figure: Figure

    @cached_property
    def png(self) -> bytes:
        """The figure as a PNG file, drawn once."""
        return png(self.figure)


@dataclass(frozen=True, eq=False)
class Section:
    """An additional block of the page: a title, HTML written by the caller (escape foreign text), figures.

    ``data`` enters ``report.json`` under the section's name.
    """

    title: str
    html: str = ""
    plots: tuple[Plot, ...] = ()
    data: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """The title as an identifier."""
        return re.sub(r"\W+", "_", self.title.lower()).strip("_")


@dataclass(frozen=True, eq=False)
class Report:
    """What validation found, ready to be written.

    Args:
        verdicts: every generated sample with its metrics and its checklist.
        samples: numbers of showers, ``truth`` and ``generated`` (or each file's name).
        plots: figures in the order of reading.
        provenance: what was compared with what, and how: names and plain values.
        before: sections between the table of numbers and the plots.
        after: sections behind the plots.
        title: heading of the page.
    """

    verdicts: tuple[Verdict, ...]
    samples: Mapping[str, int]
    plots: tuple[Plot, ...]
    provenance: Mapping[str, Any]
    before: tuple[Section, ...] = ()
    after: tuple[Section, ...] = ()
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
        """The report with more blocks, and another heading if given."""
        first, last = (*self.before, *before), (*self.after, *after)
        return replace(self, before=first, after=last, title=title or self.title)

    def to_dict(self) -> dict[str, Any]:
        """What ``report.json`` holds; numbers that are not finite become null."""
        several = len(self.verdicts) > 1
        facts: dict[str, Any] = {
            "schema": SCHEMA,
            "samples": dict(self.samples),
            "provenance": dict(self.provenance),
            "verdict": self.verdict,
            "passed": self.passed,
            **({"models": {v.name: v.to_dict() for v in self.verdicts}} if several else self.verdicts[0].to_dict()),
        }
        sections = {s.name: dict(s.data) for s in (*self.before, *self.after) if s.data is not None}
        plain: dict[str, Any] = _finite(facts | ({"sections": sections} if sections else {}))
        return plain

    @property
    def all_plots(self) -> tuple[Plot, ...]:
        """The plots, also those of the sections."""
        return (*self.plots, *(plot for section in (*self.before, *self.after) for plot in section.plots))

    def to_html(self) -> str:
        """The page: one file that needs nothing else."""

        def blocks(sections: Sequence[Section]) -> list[Block]:
            return [Block(s.title, s.html, _shown(s.plots)) for s in sections]

        return page(
            self.to_dict(),
            self.title,
            self.verdicts[0],
            blocks(self.before),
            _shown(self.plots),
            blocks(self.after),
        )

    def write(self, folder: str | Path) -> Path:
        """Write ``report.json``, ``report.html`` and ``plots/`` into the folder; each appears only when complete.

        Raises:
            UnwritablePath: the folder cannot be made or written.
        """
        folder = Path(folder)
        require_writable(folder)
        files = {f"plots/{plot.name}.png": plot.png for plot in self.all_plots}
        files["report.html"] = self.to_html().encode()
        files["report.json"] = json.dumps(self.to_dict(), indent=2, allow_nan=False).encode() + b"\n"
        try:
            _write_all(folder, files)
        except OSError as error:
            raise UnwritablePath(folder, error.strerror or "writing failed") from error
        return folder / "report.html"


def _shown(plots: Sequence[Plot]) -> list[tuple[str, str, bytes]]:
    return [(plot.title, plot.caption, plot.png) for plot in plots]


def _finite(value: Any) -> Any:
    """JSON has no infinity and no NaN."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
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


def _write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """Everything goes into a folder beside its place and is moved when complete, the JSON last."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".report-", dir=folder))
    try:
        for directory in (beside, folder):
            (directory / "plots").mkdir(exist_ok=True)
        for name, content in files.items():
            (beside / name).write_bytes(content)
        for name in files:
            (beside / name).replace(folder / name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
