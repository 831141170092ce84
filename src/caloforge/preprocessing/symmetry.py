r"""The mesh's symmetry about the axis: rotations by whole sectors and mirror images, as permutations of the features.

The mesh lies about the particle's direction, over slabs that look the same everywhere. For particles along the normal
every image of a shower is as likely as the shower itself: with 8 sectors, training sees 16 times the showers. A turn
has to carry the sectors of every layer into each other: layers of n sectors are kept by turns of 2 pi k / n, those of a
single sector by any, so the turns are the common divisors of the layers that are divided at all. An
inclined particle meets the slabs at an angle, which tells the sectors apart; what is left is the mirror image in the
plane of direction and normal, :math:`\alpha \to -\alpha` together with :math:`\phi \to -\phi`. Rotations are then not
used.
"""

__all__ = ["AxialSymmetry"]

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from caloforge.data.showers import Showers
from caloforge.geometry.binning import Binning
from caloforge.geometry.images import image, whole_turns
from caloforge.preprocessing.parts import ConditionColumns, Features
from caloforge.preprocessing.pipeline import Pipeline


class AxialSymmetry:
    """All images of a shower that are as likely as it is; ``apply`` draws one for each shower.

    Args:
        binning: the mesh.
        perpendicular: whether the particles come along the normal.
        columns: the parts of the conditions; their direction turns over in mirror images.

    Attributes:
        permutations: (S, V) cells of each image; every second one is a mirror image.
    """

    def __init__(self, binning: Binning, perpendicular: bool = True, columns: ConditionColumns | None = None) -> None:
        turns = whole_turns(binning) if perpendicular else 1
        self.n_layers = binning.n_layers
        images = [image(binning, k / turns, mirror) for k in range(turns) for mirror in (False, True)]
        self.permutations: Int[Tensor, "S V"] = torch.from_numpy(np.stack(images))
        self.columns = ConditionColumns() if columns is None else columns

    @classmethod
    def of(cls, showers: Showers, pipeline: Pipeline) -> "AxialSymmetry":
        """The symmetry that these showers and their conditions have.

        Args:
            showers: all that are trained on; one inclined particle leaves the mirror image only.
            pipeline: the preprocessing, fitted.
        """
        return cls(showers.binning, not (showers.theta != 0).any(), pipeline.condition.columns)

    def apply(
        self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "N F"], Float[Tensor, "N C"]]:
        """A random image of each shower, with its conditions; layer energies stay.

        Args:
            x: (N, L + V) features.
            c: (N, C) conditions.
            generator: draws the random numbers.
        """
        choice = torch.randint(len(self.permutations), (len(x),), generator=generator)
        parts = Features.split(x, self.n_layers)
        cells = parts.cells.gather(1, self.permutations[choice].to(x.device))
        mirror = (choice % 2 == 1)[:, None].to(x.device)
        turned = torch.where(mirror, self.columns.split(c).mirrored().tensor, c)
        return parts._replace(cells=cells).tensor, turned
