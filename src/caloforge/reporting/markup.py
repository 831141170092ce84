"""Pieces of HTML: tables, figures with their image inside, foldable blocks; foreign text is escaped here."""

__all__ = ["Cell", "text", "number", "plain_words", "table", "figure", "folded", "listing"]

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from caloforge.reporting.section import Plot

_LETTERS = {r"\sigma": "σ", r"\alpha": "α", r"\beta": "β", r"\langle": "⟨", r"\rangle": "⟩"}
_NOTICEABLE = 5.0  # standard deviations of truth against truth


@dataclass(frozen=True)
class Cell:
    """A cell of a table: HTML, and its class."""

    html: str
    kind: str = ""


def text(content: object) -> Cell:
    """A cell of plain text."""
    return Cell(escape(str(content)))


def number(content: object) -> Cell:
    """A cell of plain text that must not break."""
    return Cell(escape(str(content)), "n")


def plain_words(label: str) -> str:
    r"""A label of matplotlib without its markup: ``$E_\mathrm{tot}$`` is E_tot."""
    said = re.sub(r"\\(?:mathrm|bar|mathit) ?\{?(\w+)\}?", r"\1", label)
    for symbol, letter in _LETTERS.items():
        said = said.replace(symbol, letter)
    return re.sub(r"[${}\\]", "", said)


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]], caption: str = "") -> str:
    """A table; the first cell of each row is its heading."""
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    said = f"<caption>{escape(caption)}</caption>" if caption else ""
    body = "".join(f"<tr>{_row(row)}</tr>" for row in rows)
    return f'<div class="wide"><table>{said}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _row(cells: Sequence[Cell]) -> str:
    first, *rest = cells
    others = "".join(f"<td{_kind(cell)}>{cell.html}</td>" for cell in rest)
    return f'<th scope="row"{_kind(first)}>{first.html}</th>{others}'


def _kind(cell: Cell) -> str:
    return f' class="{cell.kind}"' if cell.kind else ""


def figure(plot: Plot, image: bytes) -> str:
    """A figure with its caption; the image is decoded when it comes into sight."""
    source = base64.b64encode(image).decode()
    return (
        f'<figure><img loading="lazy" decoding="async" alt="{escape(_spoken(plot))}" '
        f'src="data:image/png;base64,{source}"><figcaption>{escape(plot.caption)}</figcaption></figure>'
    )


def _spoken(plot: Plot) -> str:
    return f"Plot: {plot.title}. {plot.caption}" + (f" Separation power: {plot.note}." if plot.note else "")


def folded(plot: Plot, image: bytes) -> str:
    """A figure under its title; marked where its number stands out."""
    high = plot.excess is not None and plot.excess > _NOTICEABLE
    note = f'<span class="note{" high" if high else ""}">{escape(plot.note)}</span>' if plot.note else ""
    mark = ' data-high=""' if high else ""
    return (
        f'<details id="{escape(plot.name)}"{mark}><summary><b>{escape(plot.title)}</b>{note}</summary>'
        f"{figure(plot, image)}</details>"
    )


def listing(facts: Mapping[str, Any]) -> str:
    """Names and values as a table."""
    return table(("", ""), ((text(key), text(_plain(value))) for key, value in facts.items()))


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_plain(item)}" for key, item in value.items())
    return ", ".join(map(_plain, value)) if isinstance(value, list | tuple) else str(value)
