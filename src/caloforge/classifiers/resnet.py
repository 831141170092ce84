r"""A three-dimensional residual network over layers, sectors and rings, for meshes that are the same in every layer.

ResNet-18 (He et al., arXiv:1512.03385) with convolutions in three dimensions (Hara et al., arXiv:1711.09577), in the
size that the CaloChallenge uses (arXiv:2410.21611): 7x7x7 convolution of stride 2 and maximum over 3x3x3 of stride 2;
four stages of two blocks with 32, 64, 64, 128 channels, the last three halving the mesh; mean over the mesh; the
logarithm of the incident energy appended; one linear layer. Padding is with zeros in all directions, as there: the
network does not know that the sectors close to a ring.
"""

__all__ = ["ResNet", "mesh_shape"]

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning

_CHANNELS = (32, 64, 64, 128)
_BLOCKS = 2


def mesh_shape(binning: Binning) -> tuple[int, int, int] | None:
    """Numbers of layers, sectors and rings of a mesh that is the same in every layer, else None.

    Args:
        binning: any mesh.
    """
    shapes = {(layer.n_alpha, layer.r_edges) for layer in binning.layers}
    first = binning.layers[0]
    return (binning.n_layers, first.n_alpha, first.n_r) if len(shapes) == 1 else None


class _Block(nn.Module):
    """ReLU(h + f(h)), f: convolution, batch normalisation, ReLU, convolution, batch normalisation."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv3d(n_in, n_out, 3, stride, padding=1, bias=False),
            nn.BatchNorm3d(n_out),
            nn.ReLU(),
            nn.Conv3d(n_out, n_out, 3, padding=1, bias=False),
            nn.BatchNorm3d(n_out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.shortcut = nn.Sequential(nn.Conv3d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm3d(n_out))

    def forward(self, h: Float[Tensor, "N I a b c"]) -> Float[Tensor, "N O _ _ _"]:
        return nn.functional.relu(self.shortcut(h) + self.residual(h))


class ResNet(nn.Module):
    """Logits of showers given as log10 of the incident energy, then the cells in flat order (layer, sector, ring).

    Args:
        binning: mesh of the showers.
        outputs: number of logits.

    Raises:
        BadValue: the layers of the mesh differ.
    """

    def __init__(self, binning: Binning, outputs: int = 1) -> None:
        super().__init__()
        shape = mesh_shape(binning)
        if shape is None:
            remedy = "the 3-D ResNet needs a mesh that is the same in every layer"
            raise BadValue("layers of the mesh", binning.name, remedy)
        self.shape = shape
        self.energy_norm = nn.BatchNorm1d(1)
        first = nn.Conv3d(1, _CHANNELS[0], 7, 2, padding=3, bias=False)
        stages = [first, nn.BatchNorm3d(_CHANNELS[0]), nn.ReLU(), nn.MaxPool3d(3, 2, padding=1)]
        before = _CHANNELS[0]
        for i, channels in enumerate(_CHANNELS):
            stages += [_Block(before, channels, 1 if i == 0 else 2)]
            stages += [_Block(channels, channels, 1) for _ in range(_BLOCKS - 1)]
            before = channels
        self.body = nn.Sequential(*stages)
        self.last = nn.Linear(before + 1, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Float[Tensor, "N f"]) -> Float[Tensor, "N k"]:
        """Logits of N showers.

        Args:
            x: log10 of the incident energy, then the cells.
        """
        cells = x[:, 1:].reshape(len(x), 1, *self.shape)
        h = self.body(cells).mean(dim=(2, 3, 4))
        return self.last(torch.cat([h, self.energy_norm(x[:, :1])], dim=1))
