r"""The mesh's symmetry about the axis: rotations by whole sectors and mirror images, as permutations of the features.

The mesh lies about the particle's direction, over slabs that look the same everywhere. For particles along the normal
every image of a shower is as likely as the shower itself: with 8 sectors, training sees 16 times the showers. An
inclined particle meets the slabs at an angle, which tells the sectors apart; what is left is the mirror image in the
plane of direction and normal, :math:`\alpha \to -\alpha` together with :math:`\phi \to -\phi`. Rotations are then not
used.
"""

__all__ = ["AxialSymmetry"]

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from caloforge.data.showers import Showers
from caloforge.geometry.binning import Binning
from caloforge.preprocessing.pipeline import Pipeline


class AxialSymmetry:
    """All images of a shower that are as likely as it is; ``apply`` draws one for each shower."""

    def __init__(
        self, binning: Binning, perpendicular: bool = True, mirrored: Float[Tensor, " C"] | None = None
    ) -> None:
        turns = math.gcd(*(layer.n_alpha for layer in binning.layers)) if perpendicular else 1
        self.n_layers = binning.n_layers
        images = [self._image(binning, k / turns, mirror) for k in range(turns) for mirror in (False, True)]
        self.permutations: Int[Tensor, "S V"] = torch.stack(images)
        self.mirrored = torch.ones(1) if mirrored is None else mirrored

    @classmethod
    def of(cls, showers: Showers, pipeline: Pipeline) -> "AxialSymmetry":
        """The symmetry that these showers and their conditions have."""
        return cls(showers.binning, not (showers.theta != 0).any(), pipeline.condition.mirrored)

    @staticmethod
    def _image(binning: Binning, turn: float, mirror: bool) -> Int[Tensor, " V"]:
        parts = []
        for layer, start in zip(binning.layers, binning.layer_starts, strict=False):
            cells = int(start) + torch.arange(layer.n_voxels).view(layer.n_alpha, layer.n_r)
            cells = cells.roll(round(turn * layer.n_alpha), 0)
            parts.append((cells.flip(0) if mirror else cells).reshape(-1))
        return torch.cat(parts)

    def apply(
        self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "N F"], Float[Tensor, "N C"]]:
        """A random image of each shower, with its conditions; layer energies stay."""
        choice = torch.randint(len(self.permutations), (len(x),), generator=generator)
        cells = x[:, self.n_layers :].gather(1, self.permutations[choice])
        image = torch.where((choice % 2 == 1)[:, None], c * self.mirrored, c)
        return torch.cat([x[:, : self.n_layers], cells], 1), image
