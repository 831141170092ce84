"""Answers of students read with care: what is no number, misses a name or fails is said in a sentence."""

__all__ = ["array_from", "entries_of", "function_of", "name_of", "number_of"]

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.errors import NotYet


def number_of(answer: Any, what: str) -> float:
    """A finite number.

    Args:
        answer: of the student.
        what: is asked for, such as ``the mean response``.

    Raises:
        NotYet: it is none.
    """
    if answer is ...:
        raise NotYet(f"Replace the three dots of {what} by your answer.")
    try:
        value = float(answer)
    except (TypeError, ValueError, RuntimeError):
        raise NotYet(f"Give {what} as one number; yours is {_short(answer)}.") from None
    if not np.isfinite(value):
        raise NotYet(f"Give {what} as a finite number; yours is {value}.")
    return value


def name_of(answer: Any, names: Sequence[str], what: str) -> str:
    """One of some names.

    Args:
        answer: of the student.
        names: to choose from.
        what: is asked for.

    Raises:
        NotYet: it is none of them.
    """
    if not isinstance(answer, str) or answer not in names:
        raise NotYet(f"{what}: give one of the names {', '.join(names)}.")
    return answer


def entries_of(answer: Any, names: Sequence[str]) -> dict[str, Any]:
    """A dictionary that has an entry for each name.

    Args:
        answer: of the student.
        names: of the entries.

    Raises:
        NotYet: it is none, or a name is missing.
    """
    if not isinstance(answer, dict):
        raise NotYet(f"Give a dictionary with the names {', '.join(names)}; yours is {_short(answer)}.")
    for name in names:
        if name not in answer:
            raise NotYet(f"The dictionary has no entry {name!r}; it needs {', '.join(names)}.")
    return {name: answer[name] for name in names}


def array_from(answer: Any, shape: tuple[int, ...], what: str) -> Float[Array, "..."]:
    """A finite array.

    Args:
        answer: of the student.
        shape: that it must have.
        what: is asked for.

    Raises:
        NotYet: it is none, or of another shape.
    """
    if answer is None or answer is ...:
        raise NotYet(f"Give {what}; there is nothing yet.")
    try:
        values = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError):
        raise NotYet(f"Give {what} as an array of numbers; yours is {_short(answer)}.") from None
    if values.shape != shape:
        raise NotYet(f"Give {what} with the shape {shape}; yours has the shape {values.shape}.")
    if not np.isfinite(values).all():
        raise NotYet(f"Give {what} in finite numbers; yours has NaN or infinity in it.")
    return values


def function_of(answer: Any, what: str) -> Callable[..., Any]:
    """A function that can be tried, whose failure is a sentence.

    Args:
        answer: of the student.
        what: its name.

    Raises:
        NotYet: it is no function; the function that is returned raises it where the student's fails or returns nothing.
    """
    if not callable(answer):
        raise NotYet(f"Give {what} as a function; yours is {_short(answer)}.")

    def tried(*arguments: Any) -> Any:
        try:
            value = answer(*arguments)
        except Exception as error:  # of the student's code, whatever it is
            raise NotYet(f"{what} failed: {type(error).__name__}: {_cut(str(error), 160)}") from error
        if value is None or value is ...:
            raise NotYet(f"{what} returns nothing yet: replace its three dots, and end it with return.")
        return value

    return tried


def _short(answer: Any) -> str:
    return _cut(repr(answer), 60)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."
