"""Parts of a report: plots that are drawn when they are wanted, and sections that hold them with text and data."""

__all__ = ["Plot", "Section"]

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.figure import Figure

from caloforge.reporting.style import pdf, png

Kind = Literal["png", "pdf"]


@dataclass(frozen=True, eq=False)
class Plot:
    """A figure of the report.

    Args:
        name: its file name without ``.png``.
        title: heading.
        caption: what is seen, also read out where nothing can be seen.
        draw: makes the figure; called when the report is written, so that few figures exist at a time.
        note: the number that goes with it, beside its title.
        excess: how far that number lies above what truth against truth gives, in standard deviations.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[], Figure]
    note: str = ""
    excess: float | None = None

    def render(self, kinds: tuple[Kind, ...] = ("png",)) -> dict[Kind, bytes]:
        """The figure as files of these kinds, drawn once.

        Args:
            kinds: of files.
        """
        figure = self.draw()
        return {kind: {"png": png, "pdf": pdf}[kind](figure) for kind in kinds}


@dataclass(frozen=True, eq=False)
class Section:
    """A block of the page: a title, text, figures.

    Args:
        title: heading, and entry of the table of contents.
        html: text above the figures; Markup (of `caloforge.reporting.markup`) as it is, a plain string escaped.
        plots: figures.
        data: enters ``report.json`` under the section's name.
        gallery: whether each figure is folded away under its title, to be found with the filter.
    """

    title: str
    html: str = ""
    plots: tuple[Plot, ...] = ()
    data: Mapping[str, Any] | None = None
    gallery: bool = False

    @property
    def name(self) -> str:
        """The title as an identifier."""
        return re.sub(r"\W+", "_", self.title.lower()).strip("_")
