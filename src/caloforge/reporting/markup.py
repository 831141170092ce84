"""HTML from the templates of `caloforge.reporting`: tables, text, pages; what is not Markup is escaped."""

__all__ = ["Cell", "listing", "number", "page", "paragraphs", "plain_words", "render", "table", "text"]

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_LETTERS = {r"\sigma": "σ", r"\alpha": "α", r"\beta": "β", r"\langle": "⟨", r"\rangle": "⟩"}
_NOTICEABLE = 5.0  # standard deviations of truth against truth


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Args:
        text: its words.
        kind: class of the cell: ``n`` must not break, ``pass``, ``fail`` and ``unsure`` have colours.
        note: a second line in small letters.
        link: of the words, to a place of the page.
        bar: length of a bar before the words, rem.
        outcome: a line above the words, coloured by ``outcome_kind``.
    """

    text: str
    kind: str = ""
    note: str = ""
    link: str = ""
    bar: float | None = None
    outcome: str = ""
    outcome_kind: str = ""


def text(content: object) -> Cell:
    """A cell of plain text.

    Args:
        content: whatever has a text form.
    """
    return Cell(str(content))


def number(content: object) -> Cell:
    """A cell of plain text that must not break.

    Args:
        content: whatever has a text form.
    """
    return Cell(str(content), "n")


def plain_words(label: str) -> str:
    r"""A label of matplotlib without its markup: ``$E_\mathrm{tot}$`` is E_tot.

    Args:
        label: as matplotlib takes it.
    """
    words = re.sub(r"\\(?:mathrm|bar|mathit) ?\{?(\w+)\}?", r"\1", label)
    for symbol, letter in _LETTERS.items():
        words = words.replace(symbol, letter)
    return re.sub(r"[${}\\]", "", words)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("caloforge.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["base64"] = lambda content: base64.b64encode(content).decode()
    environment.globals["noticeable"] = _NOTICEABLE
    return environment


def render(template: str, **context: Any) -> Markup:
    """A template of the package with its blanks filled; text is escaped, Markup is not.

    Args:
        template: name of its file.
        context: the blanks by name.
    """
    return Markup(_environment().get_template(template).render(**context))


def page(template: str, title: str, contents: Sequence[tuple[str, str]], **context: Any) -> str:
    """A whole page in one file that needs nothing else.

    Args:
        template: extends ``page.html``.
        title: heading.
        contents: entries of the table of contents: identifier, and words.
        context: what the template asks for.
    """
    style, script = (Markup((files("caloforge.reporting") / f"page.{kind}").read_text()) for kind in ("css", "js"))
    return str(render(template, title=title, contents=contents, style=style, script=script, **context))


def table(head: Sequence[str], rows: Iterable[Iterable[Cell]], caption: str = "", notes: Sequence[str] = ()) -> Markup:
    """A table; the first cell of each row is its heading; ``notes`` stand below in small letters.

    Args:
        head: titles of the columns.
        rows: cells, as many as columns.
        caption: above the table.
        notes: a line each.
    """
    return render("table.html", head=head, rows=rows, caption=caption, notes=notes)


def paragraphs(*words: str, heading: str = "", items: Iterable[str] = ()) -> Markup:
    """Paragraphs under a heading, and a list below.

    Args:
        words: the paragraphs.
        heading: above them.
        items: of the list.
    """
    return render("text.html", paragraphs=words, heading=heading, items=list(items))


def listing(facts: Mapping[str, Any]) -> Markup:
    """Names and values as a table.

    Args:
        facts: plain values by name.
    """
    return table(("", ""), ((text(key), text(_plain(value))) for key, value in facts.items()))


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_plain(item)}" for key, item in value.items())
    return ", ".join(map(_plain, value)) if isinstance(value, list | tuple) else str(value)
