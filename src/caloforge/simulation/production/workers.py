"""Who makes the shards: worker processes of this machine, or any ``concurrent.futures.Executor``."""

__all__ = ["WorkerPool", "dask_executor", "run_all", "run_elsewhere"]

import importlib.util
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from caloforge.errors import BadValue, CaloforgeError, ClusterFailed, Geant4Failed, MissingExtra
from caloforge.simulation.production.worker import Shard, Worker, run_shard

Report = Callable[[Shard, int], None]
Task = TypeVar("Task")
_PATIENCE = 30  # seconds


class _Stopped(Geant4Failed):
    """Another shard failed before this one was begun."""


class WorkerPool:
    """Threads of this process, each with a Geant4 process that it keeps from shard to shard.

    After a failure the shards under way are finished and no further one is begun.
    Leaving the context by an exception (Ctrl-C, a dead process) kills all of them.
    """

    def __init__(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers)
        self._own = threading.local()
        self._hired: list[Worker] = []
        self._lock = threading.Lock()
        self._closed = False
        self._failed = False

    def submit(self, shard: Shard, report: Report) -> "Future[Path]":
        """Queue a shard.

        Args:
            shard: what to simulate.
            report: called in a thread with the shard and the index of every finished shower.
        """
        return self._threads.submit(self._run, shard, report)

    def _run(self, shard: Shard, report: Report) -> Path:
        if self._failed:
            raise _Stopped("the production was stopped")
        try:
            return self._worker().run(shard, lambda index: report(shard, index))
        except BaseException:
            self._failed = True
            raise

    def _worker(self) -> Worker:
        if not hasattr(self._own, "worker"):
            with self._lock:
                if self._closed:
                    raise _Stopped("the production was stopped")
                self._own.worker = Worker()
                self._hired.append(self._own.worker)
        worker: Worker = self._own.worker
        return worker

    def __enter__(self) -> "WorkerPool":
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
    """Simulate all shards; after a failure no other shard is begun, and those under way are finished.

    Args:
        shards: what to simulate.
        workers: number of processes on this machine.
        report: called for every shower that is finished; after each shard with an ``executor``.
        executor: where to simulate instead, for instance ``dask.distributed.Client.get_executor()``; it must see the
            folder of the shards.

    Raises:
        Geant4Failed: a process died.
        ClusterFailed: the executor lost a shard.
    """
    if executor is not None:

        def finished(shard: Shard) -> None:
            for index in range(len(shard.primaries)):
                report(shard, index)

        run_elsewhere(shards, run_shard, finished, executor)
    elif shards:
        with WorkerPool(min(workers, len(shards))) as crew:
            _gather([crew.submit(shard, report) for shard in shards])


def _gather(futures: "Iterable[Future[Path]]", finished: "Callable[[Future[Path]], None] | None" = None) -> None:
    """Wait; the first failure cancels what has not begun and is raised when all that has begun is over."""
    pending, failure = set(futures), None
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        for future in done:
            error = future.exception()
            if error is None and finished is not None:
                finished(future)
            if failure is None or isinstance(failure, _Stopped):
                failure = error or failure
        if failure is not None:
            pending = {future for future in pending if not future.cancel()}
    if failure is not None:
        raise failure


def run_elsewhere(
    tasks: Sequence[Task], run: Callable[[Task], Path], finished: Callable[[Task], None], executor: Executor
) -> None:
    """Have an executor write files; after a failure nothing else is begun, and what is under way is finished.

    Args:
        tasks: one for each file; they and ``run`` are pickled.
        run: called there with each task.
        finished: called here with each task that is done.
        executor: where.

    Raises:
        ClusterFailed: the executor lost a task.
        CaloforgeError: ``run`` raised it.
    """
    futures = {executor.submit(run, task): task for task in tasks}
    try:
        _gather(futures, lambda future: finished(futures[future]))
    except CaloforgeError:
        raise
    except Exception as error:
        how = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ClusterFailed(how) from error
    finally:
        for future in futures:
            future.cancel()


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """The executor of a cluster of dask.

    Its workers need caloforge (with Geant4 to simulate), and the folder of the output at the same path.

    Args:
        address: where its scheduler listens, such as ``tcp://node:8786``.

    Raises:
        MissingExtra: dask is not installed.
        BadValue: nobody answers at that address.
    """
    if importlib.util.find_spec("distributed") is None:
        raise MissingExtra("dask", "cluster")
    from distributed import Client

    try:
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise BadValue("dask address", address, f"no scheduler answers there ({type(error).__name__})") from error
    with client:
        yield client.get_executor(pure=False)
