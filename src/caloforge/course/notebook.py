"""Pages of the course as cells, and cells as notebooks of Jupyter (nbformat 4).

A fence of Python is a code cell, what stands between two of them a Markdown cell. A solution is folded away in
``<details>``; it stays Markdown, so that "run all" does not solve the exercise.
"""

__all__ = ["EXERCISE", "Cell", "cells_of", "code_of", "notebook_of", "smaller", "solution_of"]

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from caloforge.errors import BadFile
from caloforge.yaml_model import read_text

EXERCISE = "# Exercise"  # the first words of the cell that the student completes
_PAGE = re.compile(r"\[([^\]]+)\]\((?:\.\./)+([\w/-]+\.md)\)")  # leads nowhere from where a notebook is copied to
_SIZE = re.compile(r"^(\w+ = )\S+( +# small: ([^\s,]+).*)$", re.MULTILINE)


class Cell(NamedTuple):
    """A cell of a notebook.

    Args:
        kind: ``code`` or ``markdown``.
        source: its text.
    """

    kind: str
    source: str


def cells_of(page: str) -> list[Cell]:
    """The cells of a page.

    Args:
        page: Markdown.
    """
    cells: list[Cell] = []
    lines: list[str] = []
    kind, folded = "markdown", False

    def close(following: str) -> None:
        nonlocal kind
        if source := "\n".join(lines).strip():
            cells.append(Cell(kind, source))
        lines.clear()
        kind = following

    for line in page.splitlines():
        folded = (folded or line.startswith("<details")) and not line.startswith("</details>")
        if kind == "code" and line == "```":
            close("markdown")
        elif kind == "markdown" and line == "```python" and not folded:
            close("code")
        else:
            lines.append(line)
    close("markdown")
    return cells


def solution_of(page: str) -> str:
    """The code that is folded away on a page.

    Args:
        page: Markdown.
    """
    return page.partition("<details")[2].partition("```python\n")[2].partition("\n```")[0]


def smaller(source: str) -> str:
    """Code with the sizes of a quick trial: ``STEPS = 600  # small: 20`` becomes ``STEPS = 20``.

    Args:
        source: code.
    """
    return _SIZE.sub(r"\g<1>\g<3>\g<2>", source)


def notebook_of(cells: list[Cell]) -> str:
    """The cells as a notebook, without outputs; links to other pages become their names.

    Args:
        cells: of a page.
    """

    def plain(index: int, cell: Cell) -> dict[str, Any]:
        source = cell.source if cell.kind == "code" else _PAGE.sub(r"\1 (`docs/\2`)", cell.source)
        content = {"cell_type": cell.kind, "id": f"cell-{index}", "metadata": {}, "source": source}
        return content | ({"execution_count": None, "outputs": []} if cell.kind == "code" else {})

    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    content = {
        "cells": [plain(index, cell) for index, cell in enumerate(cells)],
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def code_of(path: Path) -> list[str]:
    """The code cells of a notebook; lines that are for Jupyter alone (``%matplotlib``, ``!ls``) become comments.

    Args:
        path: of the notebook.

    Raises:
        BadFile: missing, or no notebook of format 4.
    """
    try:
        content = json.loads(read_text(path, "a notebook, which `caloforge course NUMBER` makes"))
        cells = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
        sources = ["".join(cell["source"]) for cell in cells]  # a text, or a list of its lines
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadFile(path, "no notebook of Jupyter (format 4)", "`caloforge course NUMBER` makes a new one") from error
    return [re.sub(r"^([%!?])", r"# \1", source, flags=re.MULTILINE) for source in sources]
