"""Progress of long work: a bar where stderr is a terminal, nothing elsewhere."""

__all__ = ["Report", "bar"]

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

Report = Callable[..., None]


@contextmanager
def bar(title: str, total: float) -> Iterator[Report]:
    """Yield ``report(done, text)``, to be called with the work done so far.

    Args:
        title: what is done.
        total: all of the work, in the same unit.
    """
    if not sys.stderr.isatty():
        yield lambda done, text="": None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), TextColumn("{task.fields[text]}"))
    with Progress(*columns, console=Console(stderr=True)) as drawn:
        task = drawn.add_task(title, total=total, text="")

        def report(done: float, text: str = "") -> None:
            drawn.update(task, completed=done, text=text)

        yield report
