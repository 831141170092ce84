"""Small networks side by side, one for each feature, each with its own mask of what it hears."""

__all__ = ["ParallelMLP"]

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ParallelMLP(nn.Module):
    """D networks of two hidden layers: all at once, or one; they start at zero.

    Args:
        hears: (D, I) one where a network hears a number of the input, zero where not.
        width: hidden units of each.
        n_out: numbers that come out of each.
        n_lines: numbers that are linear in the input, besides.
    """

    hears: Tensor

    def __init__(self, hears: Float[Tensor, "D I"], width: int, n_out: int, n_lines: int = 1) -> None:
        super().__init__()
        n, n_in = hears.shape
        self.register_buffer("hears", hears[:, None], persistent=False)
        self.first, self.second, self.last = (
            nn.Parameter(torch.empty(n, rows, columns).uniform_(-1, 1) / math.sqrt(columns))
            for rows, columns in ((width, n_in), (width, width), (n_out, width))
        )
        self.straight = nn.Parameter(torch.zeros(n, n_lines, n_in))
        self.first_bias, self.second_bias, self.last_bias = (
            nn.Parameter(torch.zeros(n, 1, units)) for units in (width, width, n_out)
        )
        nn.init.zeros_(self.last)

    def forward(
        self, x: Float[Tensor, "*D N I"], of: int | None = None
    ) -> tuple[Float[Tensor, "N n B"], Float[Tensor, "N n O"]]:
        """Numbers that are linear in the input, (N, D, B), and what the networks make of it, (N, D, O).

        Args:
            x: (N, I) input of all networks, or (D, N, I) one each.
            of: one network, (N, 1, B) and (N, 1, O); None: all.
        """
        rows = slice(None) if of is None else slice(of, of + 1)
        mask = self.hears[rows]
        x = x.expand(len(mask), -1, -1)

        def layer(h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
            return torch.baddbmm(bias[rows], h, weight.transpose(1, 2))

        h = nn.functional.silu(layer(x, self.first[rows] * mask, self.first_bias))
        h = h + nn.functional.silu(layer(h, self.second[rows], self.second_bias))
        line = torch.bmm(x, (self.straight[rows] * mask).transpose(1, 2))
        return line.transpose(0, 1), layer(h, self.last[rows], self.last_bias).transpose(0, 1)

    def singly(self) -> Callable[[Float[Tensor, "N I"], int], tuple[Float[Tensor, "N B"], Float[Tensor, "N O"]]]:
        """A function of the input and of a network's number that gives what it says alone, weights as they are now."""
        lines = self.straight.shape[1]
        heard = (torch.cat([self.straight, self.first], 1) * self.hears).transpose(1, 2)
        bias = nn.functional.pad(self.first_bias, (lines, 0))
        second, last = self.second.transpose(1, 2), self.last.transpose(1, 2)

        def network(x: Tensor, i: int) -> tuple[Tensor, Tensor]:
            h = torch.addmm(bias[i, 0], x, heard[i])
            line, h = h[:, :lines], nn.functional.silu(h[:, lines:])
            h = h + nn.functional.silu(torch.addmm(self.second_bias[i, 0], h, second[i]))
            return line, torch.addmm(self.last_bias[i, 0], h, last[i])

        return network
