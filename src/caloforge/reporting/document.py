"""A page of findings with pictures: one HTML file that needs nothing else, and the same as JSON."""

__all__ = ["Document", "verdict"]

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from caloforge.files import finite_json, write_files
from caloforge.reporting.markup import figure, listing
from caloforge.reporting.section import Plot


@dataclass(frozen=True, eq=False)
class Document:
    """A page with what was found, the pictures, and where all of it comes from."""

    title: str
    top: str
    plots: tuple[Plot, ...]
    provenance: Mapping[str, Any]

    def write(self, folder: Path, name: str, facts: Mapping[str, Any], pdf: bool = False) -> Path:
        """Write ``NAME.json``, ``NAME.html`` and ``plots/`` (``pdf``: also as PDF); each appears only when complete.

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
        """The page: one file that needs nothing else."""
        style = (files("caloforge.reporting") / "page.css").read_text()
        names = [("main", "Findings"), *((plot.name, plot.title) for plot in self.plots), ("provenance", "Provenance")]
        contents = "".join(f'<li><a href="#{escape(name)}">{escape(title)}</a></li>' for name, title in names)
        pictures = "".join(
            f'<section id="{escape(p.name)}"><h2>{escape(p.title)}</h2>{figure(p, images[p.name])}</section>'
            for p in self.plots
        )
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{style}</style></head>\n<body>\n"
            f'<nav aria-label="Contents"><ol>{contents}</ol></nav>\n<main id="main"><h1>{escape(self.title)}</h1>'
            f'{self.top}\n{pictures}\n<section id="provenance">'
            f"<h2>Provenance</h2>{listing(self.provenance)}</section></main>\n</body></html>\n"
        )


def verdict(text: str, failed: bool) -> str:
    """The verdict as a paragraph."""
    return f'<p class="verdict{" failed" if failed else ""}">{escape(text)}</p>'
