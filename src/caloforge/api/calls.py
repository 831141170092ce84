"""What all calls share: counts that are checked, warnings and progress that go nowhere special."""

__all__ = ["Progress", "ignore", "require_one", "warn_in_python"]

import warnings
from collections.abc import Callable
from numbers import Integral

from caloforge.errors import BadValue

Progress = Callable[[int, int], None]


def require_one(what: str, count: object, remedy: str) -> None:
    """Refuse what is no whole number from one on.

    Args:
        what: is counted.
        count: how many.
        remedy: what to do.

    Raises:
        BadValue: no whole number, or less than one.
    """
    if isinstance(count, bool) or not isinstance(count, Integral) or count < 1:
        raise BadValue(what, count, remedy)


def warn_in_python(text: str) -> None:
    """What to do with a warning when nobody asks.

    Args:
        text: the warning.
    """
    warnings.warn(text, UserWarning, stacklevel=3)


def ignore(done: int, total: int) -> None:
    """What to do with the progress when nobody asks.

    Args:
        done: number of showers made.
        total: of all.
    """
