"""Requests that arrive together are computed together: a batch is taken when it is full, or when it has waited enough.

The noise of a shower depends on the seed of its request and its place in it alone, so that the company in which it is
computed changes no more than the rounding of float32.
"""

__all__ = ["Batcher"]

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.deployment.serving.counters import Counters
from caloforge.deployment.shower_model import NoiseModel


@dataclass(eq=False)
class _Part:
    """At most one block of a request, and who waits for it."""

    incident: Incident
    seed: int
    block: int
    answer: "asyncio.Future[Float[Array, 'n V']]"


class Batcher:
    """Computes in one thread, batch after batch.

    Args:
        model: that makes the showers.
        batch: showers computed at a time.
        wait: seconds for which a batch that is not full waits for more.
        counters: told of every batch.
    """

    def __init__(self, model: NoiseModel, batch: int, wait: float, counters: Counters) -> None:
        self.model, self.batch, self.wait, self.counters = model, batch, wait, counters
        self._queue: asyncio.Queue[_Part] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1, "model")
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Batcher":
        self._task = asyncio.create_task(self._work())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._thread.shutdown()

    async def sample(self, incident: Incident, seed: int, block: int) -> Float[Array, "n V"]:
        """Cell energies of one block of a request, MeV.

        Args:
            incident: at most `NoiseModel.block` particles.
            seed: of the request.
            block: number of the block in it.
        """
        answer: asyncio.Future[Float[Array, "n V"]] = asyncio.get_running_loop().create_future()
        await self._queue.put(_Part(incident, seed, block, answer))
        return await answer

    async def _work(self) -> None:
        while True:
            parts = await self._gather()
            try:
                cells = await asyncio.get_running_loop().run_in_executor(self._thread, self._computed, parts)
            except Exception as error:
                for part in parts:
                    if not part.answer.done():
                        part.answer.set_exception(error)
                continue
            for part, own in zip(parts, cells, strict=True):
                if not part.answer.done():  # who asked may be gone
                    part.answer.set_result(own)

    async def _gather(self) -> list[_Part]:
        """The next part, and those that come with it or soon after."""
        parts = [await self._queue.get()]
        loop = asyncio.get_running_loop()
        until = loop.time() + self.wait
        while sum(len(part.incident) for part in parts) < self.batch:
            try:
                parts.append(self._queue.get_nowait())
            except asyncio.QueueEmpty:
                left = until - loop.time()
                if left <= 0:
                    break
                try:
                    parts.append(await asyncio.wait_for(self._queue.get(), left))
                except TimeoutError:
                    break
        return [part for part in parts if not part.answer.cancelled()]

    def _computed(self, parts: list[_Part]) -> list[Float[Array, "n V"]]:
        if not parts:
            return []
        noise = [self.model.noise(part.seed, part.block, len(part.incident)) for part in parts]
        cells = self.model.sample_noise(Incident.concatenate([part.incident for part in parts]), np.concatenate(noise))
        ends = np.cumsum([len(part.incident) for part in parts])
        self.counters.batch(int(ends[-1]))
        return np.split(cells, ends[:-1])
