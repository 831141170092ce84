"""`caloforge course`: the chapters of the hands-on course, and one of them as a notebook."""

__all__ = ["course"]

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from caloforge.errors import BadFile, BadValue, MissingExtra


def course(
    number: Annotated[int | None, typer.Argument(help="of a chapter, to copy it here as a notebook")] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="open it in Jupyter, also one that you have worked on already")
    ] = False,
    language: Annotated[str, typer.Option(help="of the chapter: en, or one that it was translated to")] = "en",
) -> None:
    """List the chapters of the hands-on course, or copy one into the current folder as a notebook."""
    from caloforge.course.chapters import chapter, chapters
    from caloforge.course.notebook import cells_of, notebook_of
    from caloforge.files import replace_when_complete, require_new

    if number is None:
        if open_:
            raise BadValue("--open", "no chapter", "give the number of one: caloforge course 1 --open")
        for page in chapters(language):
            print(f"{page.number:2}  {page.title}")
        print("\ncaloforge course NUMBER makes the notebook of a chapter; caloforge check NUMBER marks its exercise")
        return
    page = chapter(number, language)
    notebook = Path(page.notebook_name)
    if open_ and find_spec("jupyterlab") is None:
        raise MissingExtra("JupyterLab", "course")
    if notebook.is_file() and not open_:
        remedy = f"`caloforge course {number} --open` opens it; for a fresh one move it away"
        raise BadFile(notebook, "the file exists, perhaps with your work", remedy)
    if not notebook.is_file():
        require_new(notebook, overwrite=False)
        text = notebook_of(cells_of(page.text))
        replace_when_complete(notebook, lambda beside: beside.write_text(text, encoding="utf-8"))
        print(f"{notebook}: {page.title}")
    if open_:
        subprocess.run([sys.executable, "-m", "jupyterlab", str(notebook)], check=False)
        return
    opening = f"`caloforge course {number} --open` opens it in JupyterLab"
    if find_spec("jupyterlab") is None:
        opening += ", once it is installed: pip install 'caloforge[course]'; any notebook program will do"
    print(f"{opening}; `caloforge check {number}` marks its exercise")
