"""Progress of long work: a bar on a terminal, a log line every half minute in a batch job; stdout stays clean."""

__all__ = ["track"]

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from caloforge.api.progress import Report, bar

_LOG_INTERVAL = 30.0  # seconds


@contextmanager
def track(title: str, total: float) -> Iterator[Report]:
    """Yield ``report(done, text)``, to be called with the work done so far (same unit as ``total``)."""
    if sys.stderr.isatty():
        with bar(title, total) as report:
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
