"""`caloforge check`: the exercise of a chapter of the course, marked from a notebook that is run afresh."""

__all__ = ["check"]

import sys
from pathlib import Path
from typing import Annotated

import typer

from caloforge.errors import NotYet


def check(
    number: Annotated[int, typer.Argument(help="of the chapter")],
    notebook: Annotated[
        Path | None, typer.Argument(help="your notebook, which is run; the chapter's in this folder if not given")
    ] = None,
) -> None:
    """Mark an exercise of the course: run your notebook in a fresh process, and say what is wrong.

    Only the notebook is run, from its first cell to its last, in its folder: it must be your own, or one you trust.
    """
    from caloforge.course.chapters import chapter
    from caloforge.course.notebook import code_of
    from caloforge.course.rerun import rerun

    path = notebook or Path(chapter(number).notebook_name)
    print(f"running the {len(code_of(path))} code cells of {path} in a process of their own", file=sys.stderr)
    outcome = rerun(path)
    marks = [mark for mark in outcome.marks if mark.number == number]
    if not marks:
        raise NotYet(f"Exercise {number}: {outcome.failure or f'no cell has a line cf.course.check({number}, answer)'}")
    print(marks[-1])
    if outcome.failure:
        print(f"after that, {outcome.failure}", file=sys.stderr)
    if not marks[-1].right:
        raise typer.Exit(1)
