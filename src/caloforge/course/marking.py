"""Exercises marked: right, or in a sentence what is wrong."""

__all__ = ["Mark", "check"]

from dataclasses import dataclass
from html import escape
from importlib import import_module
from typing import Any

from caloforge.course.chapters import chapter
from caloforge.errors import NotYet


@dataclass(frozen=True)
class Mark:
    """What a checker says of an answer.

    Args:
        number: of the chapter.
        right: whether the exercise is solved.
        text: what the answer shows, or what is wrong.
    """

    number: int
    right: bool
    text: str

    def __repr__(self) -> str:
        return f"Exercise {self.number}: {'right' if self.right else 'not yet'}. {self.text}"

    def _repr_html_(self) -> str:
        word, colour = ("right", "#2e7d32") if self.right else ("not yet", "#c62828")
        head = f'<b style="color: {colour}">Exercise {self.number}: {word}.</b>'
        return f"<p>{head} {escape(self.text)}</p>"


def check(number: int, answer: Any) -> Mark:
    """Mark the exercise of a chapter.

    Args:
        number: of the chapter.
        answer: what the exercise asks for: a number, a dictionary, an array or a function.

    Returns:
        The mark, which a notebook shows where it is the last line of a cell.

    Raises:
        UnknownName: there is no such chapter.

    Example:
        >>> import caloforge as cf
        >>> cf.course.check(1, ...)
        Exercise 1: not yet. Replace the three dots by your answer.
    """
    chapter(number)
    if answer is ...:
        return Mark(number, False, "Replace the three dots by your answer.")
    try:
        text = import_module(f"caloforge.course.checks.chapter_{number:02}").check(answer)
    except NotYet as wrong:
        return Mark(number, False, " ".join(str(wrong).split()))
    except Exception as error:  # an answer that nobody has thought of
        return Mark(number, False, f"This answer cannot be read ({type(error).__name__}).")
    return Mark(number, True, text)
