r"""Rare particles shown more often at first: probabilities with which showers are drawn for a batch.

With the fraction :math:`f_k` of particle k among the training showers, a shower of it is drawn with

.. math:: p \propto f_k^{-b(1 - t)}, \qquad t = \min(1, \text{progress}/0.7),

so that b = 1 starts with every particle equally often. The weight fades to the true fractions, which the last 30 % of
the training sees: what is learned in the end has the rare mode as rare as it is.
"""

__all__ = ["Balance"]

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

_FADED = 0.7  # of the training


@dataclass(frozen=True, eq=False)
class Balance:
    """Draws rows of the training showers; ``log_fraction`` of each shower's own particle."""

    log_fraction: Float[Tensor, " N"]
    strength: float

    @classmethod
    def of(cls, pdg: Int[Array, " N"], strength: float) -> "Balance | None":
        """From the labels of the file; nothing where all showers are to be drawn alike."""
        _, index, counts = np.unique(pdg, return_inverse=True, return_counts=True)
        if strength == 0 or len(counts) < 2:
            return None
        return cls(torch.tensor(np.log(counts / len(pdg))[index]), strength)

    def probabilities(self, progress: float) -> Float[Tensor, " N"]:
        """Of each shower, summing to one."""
        fading = 1 - min(1.0, progress / _FADED)
        return torch.softmax(-self.strength * fading * self.log_fraction, 0)

    def rows(self, size: int, progress: float, generator: torch.Generator) -> Int[Tensor, " size"]:
        """Rows of one batch, drawn with replacement."""
        return torch.multinomial(self.probabilities(progress), size, replacement=True, generator=generator)
