"""First layer of a network: features in units of their own spread on the showers that it is trained on."""

__all__ = ["Standardise"]

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor, nn

from caloforge.classifiers.data import ClassifierData


class Standardise(nn.Module):
    """Zero mean and unit variance on a reference; undefined values become its mean, outliers stop at ten sigma.

    Args:
        mean: of each feature.
        variance: of each feature; zero where it is constant.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Float[Array, " f"], variance: Float[Array, " f"]) -> None:
        super().__init__()
        scale = np.sqrt(np.where(variance > 0, variance, 1))
        self.register_buffer("mean", torch.from_numpy(mean.astype(np.float32)))
        self.register_buffer("scale", torch.from_numpy(scale.astype(np.float32)))

    @classmethod
    def fit(cls, classes: ClassifierData, index: Int[Array, " n"]) -> "Standardise":
        """Moments of the defined values, summed in float64, some thousand showers at a time.

        Args:
            classes: showers of all classes.
            index: those to take the moments of.
        """
        count, total = np.zeros(classes.width), np.zeros(classes.width)
        for x in classes.pieces(index):
            count += (~np.isnan(x)).sum(axis=0)
            total += np.nansum(x, axis=0, dtype=np.float64)
        mean, square = total / np.maximum(count, 1), np.zeros(classes.width)
        for x in classes.pieces(index):
            square += np.nansum((x - mean) ** 2, axis=0)
        return cls(mean, square / np.maximum(count, 1))

    def forward(self, x: Float[Tensor, "N f"]) -> Float[Tensor, "N f"]:
        r"""Standardised features, :math:`(x - \mu)/\sigma` between -10 and 10.

        Args:
            x: features of N showers; NaN where undefined.
        """
        return torch.nan_to_num((x - self.mean) / self.scale, nan=0.0).clamp(-10, 10)
