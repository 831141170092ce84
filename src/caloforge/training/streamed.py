"""Batches of showers that stay in their file: blocks in a shuffled order, read by a thread while the training computes.

In each epoch every training shower is shown once (or as often as the weights of a balance have it drawn). Its rows, in
the order of the file, are cut into blocks; the blocks are shuffled; so many of them as fit into the memory make a
window, whose showers are shuffled again and dealt out in batches. Everything follows from (seed, epoch, window), so
that batch k is the same whenever it is asked for. Memory holds two windows: the one in use and the next one.
"""

__all__ = ["Streamed"]

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from caloforge.data.showers import Showers
from caloforge.data.source import Rows
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import stream, torch_stream
from caloforge.training.batches import Batches, Features

_LEAST_BLOCK = 128  # showers that are read together
_PIECE = 512  # rows of the file that are in memory as showers


class Streamed(Batches):
    """Batches of a source that is read block by block; a context manager, which ends the thread.

    Args:
        source: all showers.
        rows: (N,) rows of the source to train on, rising; twice where a resample has them twice.
        pipeline: the preprocessing, fitted, on the CPU; it is read by another thread.
        conditions: (N, C) of these rows.
        batch: showers in a batch.
        window: showers in a window; at least one block.
        seed: of the orders.
        weight: (N,) of these rows, proportional to the probability to be drawn; None: each once an epoch.
        device: where batches are computed with.
    """

    def __init__(
        self,
        source: Rows,
        rows: Int[Array, " N"],
        pipeline: Pipeline,
        conditions: Float[Tensor, "N C"],
        batch: int,
        window: int,
        seed: int,
        weight: Float[Tensor, " N"] | None = None,
        device: torch.device | None = None,
    ) -> None:
        self._source, self._rows, self._pipeline, self._seed = source, rows, pipeline, seed
        self._weight: Float[Array, " N"] | None = None  # cumulative, up to 1
        if weight is not None:
            cumulative = np.cumsum(weight.double().numpy())
            self._weight = cumulative[:-1] / cumulative[-1]
        self._device = device or conditions.device
        self.conditions = conditions.to(self._device)
        self._batch, piece = batch, max(_LEAST_BLOCK, source.rows_at_once)
        self._block = batch * -(-min(piece, len(rows)) // batch)  # whole batches
        self._blocks = max(1, len(rows) // self._block)  # of an epoch
        self._per_window = min(max(1, window // self._block), self._blocks)  # blocks
        self._windows = -(-self._blocks // self._per_window)  # of an epoch
        self._thread = ThreadPoolExecutor(1, "caloforge-reader")
        self._stopped = threading.Event()
        self._ahead: dict[tuple[int, int], Future[Features]] = {}
        self._place: tuple[int, int] | None = None
        self._window: Features | None = None

    def draw(self, number: int, size: int, generator: torch.Generator) -> Features:
        """Batch ``number`` of the training; the generator is left alone.

        Args:
            number: batches that the training has drawn before this one.
            size: showers in the batch, as the constructor was told.
            generator: not needed.

        Raises:
            BadFile: the source cannot be read.
        """
        assert size == self._batch
        with self.timed():
            block_batches = self._block // self._batch
            epoch, place = divmod(number, self._blocks * block_batches)
            window, place = divmod(place, self._per_window * block_batches)
            x, c = self._at(epoch, window)
            own = slice(place * self._batch, (place + 1) * self._batch)
            return x[own].to(self._device, copy=True), c[own].to(
                self._device, copy=True
            )  # a view would hold the window

    def _at(self, epoch: int, window: int) -> Features:
        """The window, read ahead unless the training begins with it; has the next one read."""
        if self._window is None or self._place != (epoch, window):
            self._window = None  # before the next one is there
            wanted = self._ahead.pop((epoch, window), None) or self._thread.submit(self._read, epoch, window)
            self._window, self._place = wanted.result(), (epoch, window)
            following = (epoch, window + 1) if window + 1 < self._windows else (epoch + 1, 0)
            self._ahead = {following: self._thread.submit(self._read, *following)}
        return self._window

    def order(self, epoch: int) -> list[Int[Array, " block"]]:
        """Rows of the source in the blocks of an epoch, in the order in which they are read.

        Showers that fill no block stay out: others in each epoch, since the cut moves.

        Args:
            epoch: from 0.
        """
        rng, n = stream(self._seed, "order of showers", epoch), self._blocks * self._block
        if self._weight is None:
            rows = np.resize(np.roll(self._rows, -rng.integers(len(self._rows))), n)
        else:
            rows = self._rows[np.searchsorted(self._weight, np.sort(rng.random(n)), side="right")]
        blocks = rows.reshape(self._blocks, self._block)
        return [np.sort(blocks[k]) for k in rng.permutation(self._blocks)]

    @torch.no_grad()
    def _read(self, epoch: int, window: int) -> Features:
        """Features and conditions of a window, shuffled."""
        first = window * self._per_window
        blocks = self.order(epoch)[first : first + self._per_window]
        n = len(blocks) * self._block
        generator = torch_stream(self._seed, "window", epoch, window)
        places = torch.randperm(n, generator=generator)
        x, c = torch.empty(n, self._pipeline.n_features), torch.empty(n, self._pipeline.n_conditions)

        def keep(start: int, showers: Showers) -> None:
            to = places[start : start + len(showers)]
            x[to], c[to] = self._pipeline(showers, generator)[:2]

        for number, block in enumerate(blocks):
            if self._stopped.is_set():
                break
            read_rows(self._source, block, lambda start, part, at=number * self._block: keep(at + start, part))  # type: ignore[misc]
        return x, c

    def __enter__(self) -> "Streamed":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.shutdown(cancel_futures=True)


def read_rows(source: Rows, rows: Int[Array, " n"], take: Callable[[int, Showers], None]) -> None:
    """Read some rows, few enough at a time.

    Args:
        source: of the showers.
        rows: rising, perhaps repeated.
        take: called with the number of rows before these, and these.

    Raises:
        BadFile: the source cannot be read.
    """
    piece = max(1, _PIECE // source.rows_at_once) * source.rows_at_once
    starts = np.flatnonzero(np.diff(rows // piece, prepend=-1))
    for start, part in zip(starts, np.split(rows, starts[1:]), strict=True):
        take(int(start), source.between(int(part[0]), int(part[-1]) + 1)[part - part[0]])
