"""The mesh's symmetry about the axis: rotations by whole sectors and mirror images, as permutations of the features.

For particles along the axis every image of a shower is as likely as the shower itself, so training may show the model
all of them: with 8 sectors, 16 times the showers.
"""

__all__ = ["AxialSymmetry"]

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from caloforge.geometry.binning import Binning


class AxialSymmetry:
    """All images of a shower that the mesh has cells for; ``apply`` draws one for each shower."""

    def __init__(self, binning: Binning) -> None:
        turns = math.gcd(*(layer.n_alpha for layer in binning.layers))
        self.n_layers = binning.n_layers
        images = [self._image(binning, k / turns, mirror) for k in range(turns) for mirror in (False, True)]
        self.permutations: Int[Tensor, "S V"] = torch.stack(images)

    @staticmethod
    def _image(binning: Binning, turn: float, mirror: bool) -> Int[Tensor, " V"]:
        parts = []
        for layer, start in zip(binning.layers, binning.layer_starts, strict=False):
            cells = int(start) + torch.arange(layer.n_voxels).view(layer.n_alpha, layer.n_r)
            cells = cells.roll(round(turn * layer.n_alpha), 0)
            parts.append((cells.flip(0) if mirror else cells).reshape(-1))
        return torch.cat(parts)

    def apply(self, x: Float[Tensor, "N F"], generator: torch.Generator) -> Float[Tensor, "N F"]:
        """Features with the cells of each shower replaced by a random image; layer features stay."""
        choice = torch.randint(len(self.permutations), (len(x),), generator=generator)
        cells = x[:, self.n_layers :].gather(1, self.permutations[choice])
        return torch.cat([x[:, : self.n_layers], cells], 1)
