"""Who simulates the shards: worker processes of this machine, or any ``concurrent.futures.Executor``."""

__all__ = ["Crew", "run_all"]

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from types import TracebackType

from caloforge.errors import Geant4Failed
from caloforge.truth.worker import Shard, Worker, run_shard

Report = Callable[[Shard, int], None]


class Crew:
    """Threads of this process, each with a Geant4 process that it keeps from shard to shard.

    Leaving the context by an exception (Ctrl-C, a dead process) kills all of them.
    """

    def __init__(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers)
        self._own = threading.local()
        self._hired: list[Worker] = []
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, shard: Shard, report: Report) -> "Future[Path]":
        """Queue a shard; ``report(shard, index)`` is called in a thread for every shower that is finished."""
        return self._threads.submit(self._run, shard, report)

    def _run(self, shard: Shard, report: Report) -> Path:
        return self._worker().run(shard, lambda index: report(shard, index))

    def _worker(self) -> Worker:
        if not hasattr(self._own, "worker"):
            with self._lock:
                if self._closed:
                    raise Geant4Failed("the production was stopped")
                self._own.worker = Worker()
                self._hired.append(self._own.worker)
        worker: Worker = self._own.worker
        return worker

    def __enter__(self) -> "Crew":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._closed = True
            if kind is not None:
                for worker in self._hired:
                    worker.kill()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._hired:
            worker.__exit__(kind, error, trace)


def run_all(shards: Sequence[Shard], workers: int, report: Report, executor: Executor | None = None) -> None:
    """Simulate all shards; the first failure stops the others.

    Args:
        shards: what to simulate.
        workers: number of processes on this machine.
        report: called for every shower that is finished; after each shard with an ``executor``.
        executor: where to simulate instead, for instance ``dask.distributed.Client.get_executor()``; it must see the
            folder of the shards.

    Raises:
        Geant4Failed: a process died.
    """
    if executor is not None:
        _run_elsewhere(shards, report, executor)
    elif shards:
        with Crew(min(workers, len(shards))) as crew:
            for done in as_completed([crew.submit(shard, report) for shard in shards]):
                done.result()


def _run_elsewhere(shards: Sequence[Shard], report: Report, executor: Executor) -> None:
    futures = {executor.submit(run_shard, shard): shard for shard in shards}
    try:
        for done in as_completed(futures):
            done.result()
            for index in range(len(futures[done].shots)):
                report(futures[done], index)
    finally:
        for future in futures:
            future.cancel()
