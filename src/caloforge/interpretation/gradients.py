r"""Integrated gradients: the score of a shower shared out among its features.

The network scores a shower x with the logit s(x) that it is generated. Along the straight way from a baseline
:math:`\bar x`, the mean of Geant4's showers of nearly the same energy, each input gets

.. math:: a_j(x) = (x_j - \bar x_j) \int_0^1 \frac{\partial s}{\partial x_j}\big(\bar x + t(x - \bar x)\big)\,dt, \qquad
          \sum_j a_j(x) = s(x) - s(\bar x) \quad\text{(completeness)} .

Source: Sundararajan, Taly and Yan, arXiv:1703.01365.
"""

__all__ = ["POINTS", "Baselines", "integrated_gradients"]

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import nn

from caloforge.classifiers.features import Features

POINTS = 32  # of the integral, by the midpoint rule
_NEIGHBOURS = 50  # showers of nearly the same energy


class Baselines:
    """Mean features of the 50 true showers nearest in energy."""

    def __init__(self, truth: Features) -> None:
        order = np.argsort(truth.values[:, 0], kind="stable")
        self.energy, self.width = truth.values[order, 0], min(_NEIGHBOURS, len(order))
        sums = np.cumsum(truth.values[order], axis=0, dtype=np.float64)
        before = np.concatenate([np.zeros((1, sums.shape[1])), sums])
        self.means = (before[self.width :] - before[: -self.width]) / self.width

    def of(self, x: Float[Array, "n f"]) -> Float[Array, "n f"]:
        """One row for each shower; the energy itself stays the shower's own.

        Args:
            x: features, the incident energy in the first column.
        """
        start = np.searchsorted(self.energy, x[:, 0]) - self.width // 2
        baseline = self.means[np.clip(start, 0, len(self.means) - 1)].astype(np.float32)
        baseline[:, 0] = x[:, 0]
        return baseline


def integrated_gradients(
    network: nn.Module, x: Float[Array, "n f"], baseline: Float[Array, "n f"]
) -> Float[Array, "n f"]:
    """Part of each input in s(x) - s(baseline), for a network with one output.

    Args:
        network: (n, f) -> (n, 1), the logit that a shower is generated.
        x: features of n showers.
        baseline: where the way to each of them starts.
    """
    start, way = torch.from_numpy(baseline), torch.from_numpy(x - baseline)
    total = torch.zeros_like(way, dtype=torch.float64)
    for k in range(POINTS):
        at = (start + (k + 0.5) / POINTS * way).requires_grad_()
        total += torch.autograd.grad(network(at).sum(), at)[0]
    return (total * way / POINTS).numpy()
