"""A page of findings with pictures: one HTML file that needs nothing else, and the same as JSON."""

__all__ = ["Document", "counted", "remove_outdated_pdfs"]

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup

from caloforge.errors import UnwritablePath
from caloforge.files import finite_json, write_files
from caloforge.reporting.markup import listing, page
from caloforge.reporting.section import Plot


@dataclass(frozen=True, eq=False)
class Document:
    """A page with findings, pictures, and where all of it comes from.

    Args:
        title: heading.
        top: text and tables above the pictures.
        plots: the pictures.
        provenance: what was compared with what.
        sizes: numbers of showers by name.
        verdict: one sentence, if there is one.
        failed: whether it is bad news.
    """

    title: str
    top: Markup
    plots: tuple[Plot, ...]
    provenance: Mapping[str, Any]
    sizes: Mapping[str, int] = field(default_factory=dict)
    verdict: str = ""
    failed: bool = False

    def write(self, folder: Path, name: str, facts: Mapping[str, Any], pdf: bool = False) -> Path:
        """Write ``NAME.json``, ``NAME.html`` and ``plots/`` (``pdf``: also as PDF); each appears only when complete.

        Args:
            folder: of the report; made where it is missing.
            name: of the files.
            facts: what the JSON holds; numbers that are not finite become ``null``.
            pdf: plots as PDF, too.

        Raises:
            UnwritablePath: the folder cannot be made or written.
        """
        drawn = {plot.name: plot.render(("png", "pdf") if pdf else ("png",)) for plot in self.plots}
        contents = {f"plots/{plot}.{kind}": image for plot, kinds in drawn.items() for kind, image in kinds.items()}
        images = {plot: kinds["png"] for plot, kinds in drawn.items()}
        contents[f"{name}.html"] = self.to_html(images).encode()
        contents[f"{name}.json"] = json.dumps(finite_json(facts), indent=1, allow_nan=False).encode() + b"\n"
        write_files(folder, contents)
        return folder / f"{name}.html"

    def to_html(self, images: Mapping[str, bytes]) -> str:
        """The page: one file that needs nothing else.

        Args:
            images: PNG of each plot, by its name.
        """
        entries = ((plot.name, plot.title) for plot in self.plots)
        return page(
            "document.html",
            self.title,
            [("main", "Findings"), *entries, ("provenance", "Provenance")],
            counted=counted(self.sizes),
            words=self.verdict,
            failed=self.failed,
            top=self.top,
            plots=self.plots,
            images=images,
            provenance=listing(self.provenance),
        )


def counted(sizes: Mapping[str, int]) -> str:
    """Numbers of showers in words.

    Args:
        sizes: of each sample by name.
    """
    return "; ".join(f"{name}: {size:,}" for name, size in sizes.items())


def remove_outdated_pdfs(folder: Path, names: Iterable[str]) -> None:
    """The PDF of an earlier report would contradict the new PNG beside it.

    Args:
        folder: of the report.
        names: of the files that were written.

    Raises:
        UnwritablePath: it cannot be removed.
    """
    written = set(names)
    try:
        for name in written:
            outdated = Path(name).with_suffix(".pdf")
            if name.endswith(".png") and str(outdated) not in written:
                (folder / outdated).unlink(missing_ok=True)
    except OSError as error:
        raise UnwritablePath(folder, error.strerror or "writing failed") from error
