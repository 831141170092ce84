"""What all calls share: warnings and progress that go nowhere special."""

__all__ = ["ignore", "warn_in_python"]

import warnings


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
