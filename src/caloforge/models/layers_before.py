r"""What a layer sees of the layers before it: maps of their energy on its own rings.

Of the last K layers each: which places were hit, and half the logarithm of the energy there; of all layers before
together: the logarithm of the energy and the number of hits. Energy in rings that differ from the layer's own is shared
out by area,

.. math:: O_{rs} = \frac{|[r_s^2, r_{s+1}^2] \cap [r_r^2, r_{r+1}^2]|}{r_{s+1}^2 - r_s^2} .
"""

__all__ = ["LayersBefore", "log_size"]

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor, nn

from caloforge.geometry.binning import Binning

_FLOOR = 1e-3  # MeV: places below count as this in logarithms of sums
_Sums = list[tuple[Tensor, Tensor]]  # energy and hits of all layers so far, on the rings of each layout


class LayersBefore(nn.Module):
    """Maps (N, F, A) of what came before each layer, for all layers at once or for one after another.

    Args:
        binning: the mesh.
        rings: R, those of the canvas.
        back: K, how many layers are seen singly.

    Attributes:
        channels: F, 2 (K + 1) R.
    """

    overlap: Tensor

    def __init__(self, binning: Binning, rings: int, back: int) -> None:
        super().__init__()
        edges = [tuple(float(r) for r in layer.r_edges) for layer in binning.layers]
        layouts = list(dict.fromkeys(edges))
        self.layout = [layouts.index(layer) for layer in edges]
        self.n_layouts, self.n_layers, self.back = len(layouts), binning.n_layers, back
        self.channels = 2 * (back + 1) * rings
        overlap = np.zeros((len(layouts), len(layouts), rings, rings), np.float32)
        for i, to in enumerate(layouts):
            for j, of in enumerate(layouts):
                overlap[i, j, : len(to) - 1, : len(of) - 1] = _overlap(np.array(to), np.array(of))
        self.register_buffer("overlap", torch.from_numpy(overlap), persistent=False)

    def _onto(self, energy: Float[Tensor, "N R A"], to: int, of: int) -> Float[Tensor, "N R A"]:
        """Energy of a layer on the rings of another layout."""
        return energy if to == of else self.overlap[to, of] @ energy

    def _maps(self, singly: list[Tensor], energy: Tensor, hits: Tensor) -> Tensor:
        """(..., F, A) of the last K layers, the nearest first, and of the sums over all of them."""
        hit = [(e > 0).to(e) for e in singly]
        return torch.cat([*hit, *map(log_size, singly), (energy + _FLOOR).log() / 4, hits / 8], -2)

    def all_layers(self, energy: Float[Tensor, "N L R A"]) -> Float[Tensor, "N L F A"]:
        """The maps of every layer, where all cells are known.

        Args:
            energy: (N, L, R, A) at each place, MeV or in proportion to it.
        """
        layout = torch.tensor(self.layout, device=energy.device)
        before = nn.functional.pad(energy, (0, 0, 0, 0, self.back, 0))
        singly = []
        for k in range(1, self.back + 1):
            layer = before[:, self.back - k : self.back - k + self.n_layers]
            if self.n_layouts > 1:
                of = torch.cat([layout[:1].expand(k), layout])[: self.n_layers]
                layer = self.overlap[layout, of] @ layer
            singly.append(layer)
        total = hits = torch.zeros_like(energy)
        for to in range(self.n_layouts):
            here = energy if self.n_layouts == 1 else self.overlap[to, layout] @ energy
            mine = (layout == to)[:, None, None]
            total = torch.where(mine, _sum_before(here), total)
            hits = torch.where(mine, _sum_before((here > 0).to(here)), hits)
        return self._maps(singly, total, hits)

    def nothing(self, like: Float[Tensor, "N R A"]) -> _Sums:
        """The sums before the first layer.

        Args:
            like: zeros of the shape of a layer.
        """
        return [(like, like)] * self.n_layouts

    def one_layer(self, energies: list[Tensor], sums: _Sums, like: Float[Tensor, "N R A"]) -> Float[Tensor, "N F A"]:
        """The maps of the layer that comes after the given ones.

        Args:
            energies: (N, R, A) of each layer before it.
            sums: what `added` made of them.
            like: zeros of the shape of a layer.
        """
        layer = len(energies)
        singly = [
            self._onto(energies[layer - k], self.layout[layer], self.layout[layer - k]) if k <= layer else like
            for k in range(1, self.back + 1)
        ]
        return self._maps(singly, *sums[self.layout[layer]])

    def added(self, sums: _Sums, energy: Float[Tensor, "N R A"], layer: int) -> _Sums:
        """The sums with one layer more.

        Args:
            sums: before.
            energy: (N, R, A) of the layer.
            layer: which one.
        """
        onto = [self._onto(energy, to, self.layout[layer]) for to in range(self.n_layouts)]
        return [(total + e, hits + (e > 0).to(e)) for (total, hits), e in zip(sums, onto, strict=True)]


def log_size(energy: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """Half the logarithm of the energy at each place; 0 where there is none.

    Args:
        energy: MeV or in proportion to it.
    """
    return torch.where(energy > 0, 0.5 * energy.clamp_min(1e-30).log(), 0.0)


def _sum_before(x: Float[Tensor, "N L R A"]) -> Float[Tensor, "N L R A"]:
    """Sums over the layers before each."""
    return nn.functional.pad(x.cumsum(1)[:, :-1], (0, 0, 0, 0, 1, 0))


def _overlap(to: Float[Array, " r"], of: Float[Array, " s"]) -> Float[Array, "R S"]:
    """Part of each ring ``of`` that lies in each ring ``to``, by area; both given by their edges."""
    to, of = to**2, of**2
    upper = np.minimum(to[1:, None], of[None, 1:])
    lower = np.maximum(to[:-1, None], of[None, :-1])
    return (upper - lower).clip(0.0) / np.diff(of)[None]
