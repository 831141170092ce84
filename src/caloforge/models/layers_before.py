r"""What a layer sees of the layers before it: maps of their energy on its own rings.

Of the last K layers each: which places were hit, and half the logarithm of the energy there; of all layers before
together: the logarithm of the energy and the number of hits. Energy in rings that differ from the layer's own is shared
out by area,

.. math:: O_{rs} = \frac{|[r_s^2, r_{s+1}^2] \cap [r_r^2, r_{r+1}^2]|}{r_{s+1}^2 - r_s^2} .

Sectors are the first axis of all maps, then rings, and showers the last.
"""

__all__ = ["Before", "LayersBefore", "log_size", "of_rest"]

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Shaped
from numpy import ndarray as Array
from torch import Tensor, nn

from caloforge.geometry.binning import Binning
from caloforge.nn.sector_conv import product

_FLOOR = 1e-3  # MeV: places below count as this in logarithms of sums


class Before(NamedTuple):
    """The layers drawn so far, on the rings of each layout.

    Attributes:
        hit: of the last K layers, the nearest first, where they are hit.
        size: likewise their `log_size`.
        energy: sums of all.
        hits: numbers of hits of all.
    """

    hit: list[list[Tensor]]
    size: list[list[Tensor]]
    energy: list[Tensor]
    hits: list[Tensor]


class LayersBefore(nn.Module):
    """Maps (A, F, N) of what came before each layer, for all layers at once or for one after another.

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

    def _onto(self, energy: Float[Tensor, "A R N"], to: int, of: int) -> Float[Tensor, "A R N"]:
        """Energy of a layer on the rings of another layout."""
        return energy if to == of else product(self.overlap[to, of], energy)

    def all_layers(self, energy: Float[Tensor, "A R L N"]) -> Float[Tensor, "A F L N"]:
        """The maps of every layer, where all cells are known.

        Args:
            energy: (A, R, L, N) at each place, MeV or in proportion to it.
        """
        layout = torch.tensor(self.layout, device=energy.device)
        before = nn.functional.pad(energy, (0, 0, self.back, 0))
        singly = []
        for k in range(1, self.back + 1):
            layer = before[:, :, self.back - k : self.back - k + self.n_layers]
            if self.n_layouts > 1:
                of = torch.cat([layout[:1].expand(k), layout])[: self.n_layers]
                layer = _on_other_rings(layer, self.overlap[layout, of])
            singly.append(layer)
        total = hits = torch.zeros_like(energy)
        for to in range(self.n_layouts):
            here = energy if self.n_layouts == 1 else _on_other_rings(energy, self.overlap[to, layout])
            mine = (layout == to)[:, None]
            total = torch.where(mine, _sum_before(here), total)
            hits = torch.where(mine, _sum_before((here > 0).to(here)), hits)
        return _maps([(x > 0).to(x) for x in singly], [log_size(x) for x in singly], total, hits)

    def nothing(self, like: Float[Tensor, "A R N"]) -> Before:
        """Before the first layer.

        Args:
            like: zeros of the shape of a layer.
        """
        layouts = [like] * self.n_layouts
        return Before([layouts] * self.back, [layouts] * self.back, layouts, layouts)

    def one_layer(self, before: Before, layer: int) -> Float[Tensor, "A F N"]:
        """The maps of a layer.

        Args:
            before: the layers before it.
            layer: which one it is.
        """
        to = self.layout[layer]
        hit, size = ([of_layer[to] for of_layer in last] for last in before[:2])
        return _maps(hit, size, before.energy[to], before.hits[to])

    def added(self, before: Before, energy: Float[Tensor, "A R N"], layer: int) -> Before:
        """With one layer more.

        Args:
            before: the layers before it.
            energy: (A, R, N) of the layer.
            layer: which one it is.
        """
        onto = [self._onto(energy, to, self.layout[layer]) for to in range(self.n_layouts)]
        hit = [(e > 0).to(e) for e in onto]
        return Before(
            [hit, *before.hit][: self.back],
            [[log_size(e) for e in onto], *before.size][: self.back],
            [total + e for total, e in zip(before.energy, onto, strict=True)],
            [hits + h for hits, h in zip(before.hits, hit, strict=True)],
        )


def _maps(hit: list[Tensor], size: list[Tensor], energy: Tensor, hits: Tensor) -> Tensor:
    """(A, F, ...) of the last K layers, the nearest first, and of the sums over all of them."""
    return torch.cat([*hit, *size, (energy + _FLOOR).log() / 4, hits / 8], 1)


def log_size(energy: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """Half the logarithm of the energy at each place; 0 where there is none.

    Args:
        energy: MeV or in proportion to it.
    """
    return energy.masked_fill(energy <= 0, 1.0).log() / 2


def of_rest(energy: Float[Tensor, "*B"], hits: Shaped[Tensor, "*B"]) -> Float[Tensor, "3 *B"]:
    """What networks are told of the cells of a layer that are not drawn yet.

    Args:
        energy: of them together, as for `log_size`.
        hits: how many they are.
    """
    number = hits.to(energy)
    return torch.stack([log_size(energy), number / 8, (1 + number).log()])


def _on_other_rings(energy: Float[Tensor, "A R L N"], overlap: Float[Tensor, "L S R"]) -> Float[Tensor, "A S L N"]:
    """Energy of each layer shared out to other rings."""
    return torch.einsum("arln,lsr->asln", energy, overlap)


def _sum_before(x: Float[Tensor, "A R L N"]) -> Float[Tensor, "A R L N"]:
    """Sums over the layers before each."""
    return nn.functional.pad(x.cumsum(2)[:, :, :-1], (0, 0, 1, 0))


def _overlap(to: Float[Array, " r"], of: Float[Array, " s"]) -> Float[Array, "R S"]:
    """Part of each ring ``of`` that lies in each ring ``to``, by area; both given by their edges."""
    to, of = to**2, of**2
    upper = np.minimum(to[1:, None], of[None, 1:])
    lower = np.maximum(to[:-1, None], of[None, :-1])
    return (upper - lower).clip(0.0) / np.diff(of)[None]
