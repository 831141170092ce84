r"""A decoder that also sees the shower so far: each layer's cells given the cells of all layers before it.

.. math:: p(s \mid z, u, c) = \prod_l p(s_l \mid s_{<l}, z, u, c), \qquad
          h_0 = h(z, u, c), \quad h_{l+1} = \text{GRU}(h_l, s_l)

The parameters of layer l are those of the plain decoder plus a linear map of :math:`h_l`. Such a decoder describes a
shower without being told its latent, which then collapses: it is there to provoke that (arXiv:1511.06349,
arXiv:1611.02731). It is sampled exactly, with a draw for each layer, so it is slower by the number of layers.
"""

__all__ = ["LayerMemory"]

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.geometry.binning import Binning


class LayerMemory(nn.Module):
    """What the layers before add to the parameters of a layer's cells; nothing, before training.

    Args:
        binning: the mesh.
        features_per_cell: F, numbers that say what a cell holds.
        parameters_per_cell: P, numbers of the cells' density.
        width: units of the state.
    """

    def __init__(self, binning: Binning, features_per_cell: int, parameters_per_cell: int, width: int) -> None:
        super().__init__()
        sizes = [layer.n_voxels for layer in binning.layers]
        self.sizes, self.parameters_per_cell = sizes, parameters_per_cell
        self.read = nn.ModuleList(nn.Linear(features_per_cell * size, width) for size in sizes[:-1])
        self.step = nn.GRUCell(width, width)
        writes = [nn.Linear(width, parameters_per_cell * size) for size in sizes[1:]]
        self.write = nn.ModuleList(writes)
        for write in writes:
            nn.init.zeros_(write.weight)
            nn.init.zeros_(write.bias)

    def forward(self, cells: Float[Tensor, "N F V"], state: Float[Tensor, "N W"]) -> Float[Tensor, "N P V"]:
        """Additions to the parameters; those of layer l depend on the ``cells`` of layers before l alone.

        Args:
            cells: (N, F, V) what each cell holds.
            state: (N, W) the state before the first layer.
        """
        layers = torch.split(cells, self.sizes, dim=2)
        additions = [cells.new_zeros(cells.shape[0], self.parameters_per_cell, self.sizes[0])]
        for layer, read, write in zip(layers[:-1], self.read, self.write, strict=True):
            state = self.step(nn.functional.silu(read(layer.flatten(1))), state)
            additions.append(write(state).view(cells.shape[0], self.parameters_per_cell, -1))
        return torch.cat(additions, 2)
