r"""Residual network of convolutions over (layer, alpha), rings side by side as channels, that hears of c by FiLM.

.. math:: h \to h + C_2\,\text{SiLU}\big((1 + \gamma(c)) \odot C_1\,\text{SiLU}(\hat h) + \delta(c)\big), \qquad
          \hat h = h / \text{rms}_{channels}(h)

:math:`C_1, C_2` reach over neighbouring layers and sectors and go round in alpha, so a turn of the shower by a sector
turns the output. Which layer it is, the network is told by a bias; layers beyond the ends count as zeros.
"""

__all__ = ["CanvasNetwork"]

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.nn.mesh_canvas import CircularConv


class CanvasNetwork(nn.Module):
    """Maps on the canvas -> one map; zero everywhere before training.

    Args:
        shape: (L, A, R) of the canvas.
        maps: K, numbers at each of its places.
        layer_maps: J, numbers of each layer and sector besides.
        n_conditions: C, numbers of c.
        width: channels.
        depth: residual blocks.
        hidden: units that all modulations share.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        maps: int,
        layer_maps: int,
        n_conditions: int,
        width: int,
        depth: int,
        hidden: int = 128,
    ) -> None:
        super().__init__()
        layers, sectors, rings = shape
        kernel = (3 if layers > 1 else 1, 3 if sectors > 1 else 1)
        self.first = CircularConv(maps * rings + layer_maps, width, kernel)
        self.place = nn.Parameter(0.02 * torch.randn(width, layers, 1))
        self.condition = nn.Sequential(nn.Linear(n_conditions, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.blocks = nn.ModuleList(_Block(width, kernel, hidden) for _ in range(depth))
        self.last = nn.Conv2d(width, rings, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(
        self, x: Float[Tensor, "N K L A R"], layers: Float[Tensor, "N J L A"], c: Float[Tensor, "N C"]
    ) -> Float[Tensor, "N L A R"]:
        """One number for each place.

        Args:
            x: (N, K, L, A, R) maps.
            layers: (N, J, L, A) maps without rings.
            c: (N, C) conditions.
        """
        channels = x.permute(0, 1, 4, 2, 3).flatten(1, 2)
        h = self.first(torch.cat([channels, layers], 1)) + self.place
        e = self.condition(c)
        for block in self.blocks:
            h = block(h, e)
        out: Tensor = self.last(nn.functional.silu(_normed(h)))
        return out.permute(0, 2, 3, 1)


class _Block(nn.Module):
    def __init__(self, width: int, kernel: tuple[int, int], hidden: int) -> None:
        super().__init__()
        self.modulation = nn.Linear(hidden, 2 * width)
        self.one, self.two = CircularConv(width, width, kernel), CircularConv(width, width, kernel)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        with torch.no_grad():
            for parameter in self.two.parameters():
                parameter.mul_(0.1)

    def forward(self, h: Float[Tensor, "N W L A"], e: Float[Tensor, "N H"]) -> Float[Tensor, "N W L A"]:
        scale, shift = self.modulation(e)[:, :, None, None].chunk(2, 1)
        inner = self.one(nn.functional.silu(_normed(h))) * (1 + scale) + shift
        return h + self.two(nn.functional.silu(inner))


def _normed(h: Float[Tensor, "N W L A"]) -> Float[Tensor, "N W L A"]:
    return h * (h.square().mean(1, keepdim=True) + 1e-4).rsqrt()
