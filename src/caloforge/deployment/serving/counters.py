"""What a server has done, in the text format that Prometheus reads."""

__all__ = ["Counters"]

from collections import Counter
from threading import Lock

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # upper ends of the bins of times


class Counters:
    """Counts since the start; any thread may count."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.requests: Counter[int] = Counter()
        self._times: Counter[float] = Counter()
        self.seconds = 0.0
        self.showers = self.batches = self.waiting = 0

    def request(self, status: int, seconds: float) -> None:
        """One was answered.

        Args:
            status: of HTTP.
            seconds: from its arrival to the end of its answer.
        """
        with self._lock:
            self.requests[status] += 1
            self.seconds += seconds
            self._times.update(end for end in _SECONDS if seconds <= end)

    def batch(self, showers: int) -> None:
        """One was computed.

        Args:
            showers: in it.
        """
        with self._lock:
            self.batches += 1
            self.showers += showers

    @property
    def text(self) -> str:
        """All counts."""
        with self._lock:
            total = self.requests.total()
            lines = ["# TYPE caloforge_requests_total counter"]
            lines += [f'caloforge_requests_total{{status="{s}"}} {n}' for s, n in sorted(self.requests.items())]
            lines += ["# TYPE caloforge_request_seconds histogram"]
            lines += [f'caloforge_request_seconds_bucket{{le="{end:g}"}} {self._times[end]}' for end in _SECONDS]
            lines += [
                f'caloforge_request_seconds_bucket{{le="+Inf"}} {total}',
                f"caloforge_request_seconds_sum {self.seconds:.6f}",
                f"caloforge_request_seconds_count {total}",
                "# TYPE caloforge_showers_total counter",
                f"caloforge_showers_total {self.showers}",
                "# TYPE caloforge_batches_total counter",
                f"caloforge_batches_total {self.batches}",
                "# TYPE caloforge_waiting_showers gauge",
                f"caloforge_waiting_showers {self.waiting}",
            ]
        return "\n".join([*lines, ""])
