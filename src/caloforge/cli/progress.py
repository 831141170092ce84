"""Progress of long work: a bar on a terminal, a log line every half minute in a batch job; stdout stays clean."""

__all__ = ["track"]

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

_LOG_INTERVAL = 30.0  # seconds

Report = Callable[..., None]


@contextmanager
def track(title: str, total: float) -> Iterator[Report]:
    """Yield ``report(done, text)``, to be called with the work done so far (same unit as ``total``)."""
    if sys.stderr.isatty():
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}"),
        )
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(title, total=total, text="")

            def report(done: float, text: str = "") -> None:
                bar.update(task, completed=done, text=text)

            yield report
    else:
        yield _Log(title, total)


class _Log:
    def __init__(self, title: str, total: float) -> None:
        self.title, self.total = title, total
        self.start = self.last = time.monotonic()

    def __call__(self, done: float, text: str = "") -> None:
        now = time.monotonic()
        if now - self.last < _LOG_INTERVAL or done <= 0:
            return
        self.last = now
        left = (now - self.start) * max(self.total - done, 0.0) / done
        print(f"{self.title}: {100 * done / self.total:.0f} %, {left:.0f} s left {text}".rstrip(), file=sys.stderr)
