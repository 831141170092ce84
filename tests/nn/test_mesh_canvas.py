"""Cells on the canvas and back; convolutions that turn with what they see."""

import pytest
import torch

from caloforge.geometry.binning import Binning
from caloforge.geometry.readouts import readout
from caloforge.nn.mesh_canvas import CircularConv, MeshCanvas

_MESHES = ["siw-1080", "lar-355", "siw-hcal-4288", "calochallenge-1-photons"]


@pytest.mark.parametrize("name", _MESHES)
def test_gather_undoes_spread(name: str) -> None:
    mesh: Binning = readout(name)
    canvas = MeshCanvas(mesh)
    x = torch.randn(3, 2, mesh.n_voxels)
    laid = canvas.spread(x)
    assert laid.shape == (3, 2, *canvas.shape)
    assert (laid[:, :, ~canvas.real] == 0).all()
    torch.testing.assert_close(canvas.gather(laid), x)


@pytest.mark.parametrize("name", _MESHES)
def test_neighbours_in_alpha_stay_neighbours(name: str) -> None:
    """A turn of the mesh by one sector of the coarsest divided layer is a shift of the canvas along alpha."""
    mesh = readout(name)
    canvas = MeshCanvas(mesh)
    alpha = torch.from_numpy(mesh.alpha_centres).float()
    laid = canvas.spread(alpha)
    for i, layer in enumerate(mesh.layers):
        each = canvas.shape[1] // layer.n_alpha
        assert torch.equal(laid[i, ::each, 0], alpha[int(mesh.layer_starts[i]) :: layer.n_r][: layer.n_alpha])


@pytest.mark.parametrize("sectors", [1, 2, 8])
@pytest.mark.parametrize("kernel", [1, 3, 5, (3, 5)])
def test_convolution_turns_with_the_shower(sectors: int, kernel: int | tuple[int, int]) -> None:
    conv = CircularConv(2, 3, kernel)
    x = torch.randn(4, 2, 5, sectors) if isinstance(kernel, tuple) else torch.randn(4, 2, sectors)
    y = conv(x)
    assert y.shape == (4, 3, *x.shape[2:])
    torch.testing.assert_close(conv(x.roll(1, -1)), y.roll(1, -1))
