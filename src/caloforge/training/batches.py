"""Batches of training showers: what the loop asks for them, and those of showers that lie in memory."""

__all__ = ["Batches", "Features", "InMemory"]

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

from caloforge.training.balance import Balance

Features = tuple[Tensor, Tensor]  # x (N, F) and c (N, C)


class Batches(ABC):
    """Training showers, drawn a batch at a time; the same batch for the same number and stream, however often.

    Attributes:
        conditions: (N, C) of all training showers.
        seconds: what the training has waited for its batches.
    """

    conditions: Float[Tensor, "N C"]
    seconds: float = 0.0

    @abstractmethod
    def draw(self, number: int, size: int, generator: torch.Generator) -> Features:
        """One batch.

        Args:
            number: batches that the training has drawn before this one.
            size: showers in the batch.
            generator: of the step, may draw the rows.
        """

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Adds the time of its block to ``seconds``."""
        start = time.monotonic()
        yield
        self.seconds += time.monotonic() - start


class InMemory(Batches):
    """Showers in memory, drawn with replacement.

    Args:
        x: (N, F) features.
        c: (N, C) conditions.
        balance: draws the rows; None: all alike.
    """

    def __init__(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], balance: Balance | None = None) -> None:
        self._x, self.conditions, self._balance = x, c, balance

    def draw(self, number: int, size: int, generator: torch.Generator) -> Features:
        """Rows drawn from the stream of the step.

        Args:
            number: of no consequence.
            size: showers in the batch.
            generator: draws the rows.
        """
        with self.timed():
            if self._balance is None:
                rows = torch.randint(len(self._x), (size,), generator=generator)
            else:
                rows = self._balance.rows(size, generator)
            return self._x[rows], self.conditions[rows]
