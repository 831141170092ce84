r"""Several processes that train one model together, as torchrun starts them: data-parallel, gradients averaged by gloo.

With R processes a step draws R times ``training.batch`` showers; process r takes every R-th of them, from the r-th on,
and the gradient is the mean :math:`\frac1R\sum_r g_r`: that of one process with R times the batch wherever a loss is a
mean over showers. All start from the same weights and take the same steps, so they stay the same.
"""

__all__ = ["ALONE", "ProcessLost", "Processes", "one_sentence", "processes_of_environment"]

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.rendezvous import rendezvous

from caloforge.errors import BadValue, CaloforgeError

_PATIENCE = timedelta(hours=2)  # for the slowest: a large set is read through before the first step


class ProcessLost(CaloforgeError):
    """Another process of the training has ended."""

    def __init__(self) -> None:
        super().__init__("another process of this training ended, so this one cannot go on; start all of them again")


@dataclass(frozen=True)
class Processes:
    """One of the processes that train together.

    Args:
        rank: of this process, from 0; the first one writes.
        count: R, of all.
        store: that all of them see; None for one alone.
    """

    rank: int = 0
    count: int = 1
    store: Any = None

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and speaks."""
        return self.rank == 0

    def share(self, batch: Tensor) -> Tensor:
        """The rows of a batch of all that are this process's.

        Args:
            batch: (R n, ...) the same in all processes.
        """
        return batch[self.rank :: self.count]

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace the gradients by their means over the processes.

        Args:
            parameters: in the same order everywhere.

        Raises:
            ProcessLost: another one has ended.
        """
        if self.count > 1:
            gradients = [p.grad for p in parameters if p.grad is not None]
            mean = self._sum(torch.cat([gradient.reshape(-1) for gradient in gradients])) / self.count
            parts = torch.split(mean, [gradient.numel() for gradient in gradients])
            for gradient, part in zip(gradients, parts, strict=True):
                gradient.copy_(part.view_as(gradient))

    def mean(self, values: dict[str, float]) -> dict[str, float]:
        """Means over the processes.

        Args:
            values: by the same names everywhere.

        Raises:
            ProcessLost: another one has ended.
        """
        if self.count == 1:
            return values
        means = self._sum(torch.tensor(list(values.values()), dtype=torch.float64)) / self.count
        return dict(zip(values, means.tolist(), strict=True))

    def any(self, flag: bool) -> bool:
        """Whether it holds in any process.

        Args:
            flag: of this process.

        Raises:
            ProcessLost: another one has ended.
        """
        return flag if self.count == 1 else bool(self._sum(torch.tensor(float(flag))) > 0)

    def share_buffers(self, model: nn.Module) -> None:
        """Statistics that layers learn from their batches: those of the first process, everywhere.

        Args:
            model: that is trained.

        Raises:
            ProcessLost: another one has ended.
        """
        if self.count > 1:
            for name, buffer in model.named_buffers():
                if not name.startswith("pipeline."):  # never changes
                    with _others_alive():
                        distributed.broadcast(buffer, 0)

    def wait(self) -> None:
        """Until all processes have come here.

        Raises:
            ProcessLost: another one has ended.
        """
        self.any(False)

    def _sum(self, values: Tensor) -> Tensor:
        with _others_alive():
            distributed.all_reduce(values)
        return values


ALONE = Processes()


@contextmanager
def _others_alive() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise ProcessLost from error


def processes_of_environment() -> Processes:
    """This process among those that torchrun has started; one alone without it. Waits until all are there.

    Raises:
        BadValue: what torchrun leaves in the environment is not complete.
        ProcessLost: the others cannot be reached.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return ALONE
    try:
        store, rank, count = next(rendezvous("env://"))
    except (ValueError, RuntimeError) as error:
        text = "start with torchrun --nproc-per-node N -m caloforge train ..."
        raise BadValue("WORLD_SIZE", os.environ["WORLD_SIZE"], f"{text} ({str(error).splitlines()[0]})") from error
    shared = distributed.distributed_c10d.PrefixStore("caloforge", store)
    with _others_alive():
        distributed.init_process_group("gloo", store=shared, rank=rank, world_size=count, timeout=_PATIENCE)
    return Processes(rank, count, shared)


@contextmanager
def one_sentence(processes: Processes) -> Iterator[None]:
    """Of several processes that end with an error only the first to do so says why; the others end in silence.

    Args:
        processes: that train together.

    Raises:
        SystemExit: another one has said why.
    """
    try:
        yield
    except CaloforgeError:
        try:
            alone = processes.store is None or processes.store.add("caloforge ends", 1) == 1
        except RuntimeError:  # the store went with the process that held it
            alone = False
        if alone:
            raise
        raise SystemExit(1) from None
