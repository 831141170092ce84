"""Statistics of a minibatch as a feature: what a critic needs to see that a generator always draws the same."""

__all__ = ["MinibatchStd"]

import torch
from jaxtyping import Float
from torch import Tensor, nn


class MinibatchStd(nn.Module):
    """One more feature: the standard deviation over the batch, averaged over features. Source: arXiv:1710.10196."""

    def forward(self, x: Float[Tensor, "N F"]) -> Float[Tensor, "N F+1"]:
        """The features with one column more.

        Args:
            x: (N, F) features of one batch.
        """
        spread = (x.var(0, correction=0) + 1e-8).sqrt().mean()
        return torch.cat([x, spread.expand(x.shape[0], 1)], 1)
