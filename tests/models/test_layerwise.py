"""A decoder that sees the layers before: causality of its parameters, and samples drawn as if layer by layer."""

import pytest
import torch

from caloforge.models import model_config
from caloforge.models.layerwise import LayerMemory
from caloforge.models.parts import NoiseWidths
from caloforge.rng import torch_stream

FIRST = (0, 12, 24, 30)  # cells of the three layers


@pytest.fixture(scope="module")
def shape(binning, showers):
    """The shape stage of a small VAE whose memory says something, with its data."""
    config = model_config({"name": "vae", "latent": 3, "width": 16, "depth": 1, "decoder_context": "layers"})
    pipeline, generator = config.pipeline(binning), torch_stream(1, "test")
    pipeline.fit(showers, generator)
    x, c, _ = pipeline(showers, generator)
    torch.manual_seed(0)
    model = config.build(pipeline).requires_grad_(False)
    model.initialise(x, c)
    for write in model.shape.memory.write:
        torch.nn.init.normal_(write.weight, std=0.5)
    return model.shape, x[:50, 3:], model.context(x[:50, :3], c[:50])[0], c[:50]


def test_parameters_of_a_layer_depend_on_the_layers_before_alone(binning):
    torch.manual_seed(1)
    memory = LayerMemory(binning, 2, 3, 8)
    for write in memory.write:
        torch.nn.init.normal_(write.weight)
    cells, state = torch.randn(1, 2, binning.n_voxels), torch.randn(1, 8)
    jacobian = torch.autograd.functional.jacobian(lambda seen: memory(seen, state), cells)[0, :, :, 0]
    strength = jacobian.abs().amax((0, 2))  # parameters' cell, seen cell
    for layer in range(3):
        rows = slice(FIRST[layer], FIRST[layer + 1])
        assert (strength[rows, FIRST[layer] :] == 0).all()
        assert (strength[rows, : FIRST[layer]] > 0).all()


def test_before_training_nothing_is_added(binning):
    memory = LayerMemory(binning, 2, 3, 8)
    assert (memory(torch.randn(4, 2, binning.n_voxels), torch.randn(4, 8)) == 0).all()


def test_samples_are_drawn_layer_by_layer(shape):
    """Noise of a layer changes this layer and later ones, and a sample repeats itself given itself."""
    stage, _, u, c = shape
    active = torch.ones(50, 3, dtype=torch.bool)
    widths = NoiseWidths(3, stage.latent, stage.cell_noise)
    noise = widths.split(torch.randn(50, widths.total, generator=torch_stream(2, "noise")))
    drawn = stage.sample(noise, u, c, active)
    other = noise._replace(cells=noise.cells.clone())
    cells = other.cells.view(50, stage.shares.normals, -1)
    cells[:, :, 12:24] = torch.randn(50, stage.shares.normals, 12, generator=torch_stream(3, "noise"))
    changed = stage.sample(other, u, c, active)
    assert torch.equal(drawn[:, :12], changed[:, :12])
    assert not torch.allclose(drawn[:, 12:24], changed[:, 12:24])
    assert not torch.allclose(drawn[:, 24:], changed[:, 24:])
    assert torch.allclose(stage.shares.layer_sum(drawn), torch.ones(50, 3))


def test_the_likelihood_is_that_of_the_layers_in_turn(shape):
    """Other cells in the last layer leave what is said of the first ones as it was."""
    stage, shares, u, c = shape
    z = torch.randn(50, 3, generator=torch_stream(4, "z"))
    hidden, cells = stage._hidden(z, u, c)
    turned = shares.clone()
    turned[:, 24:] = shares.roll(1, 0)[:, 24:]

    def layers(s):
        return stage.shares.log_prob(s, cells + stage.memory(stage._features(s), hidden))

    assert torch.allclose(layers(shares)[:, :2], layers(turned)[:, :2])
    assert torch.allclose(layers(shares).sum(1), stage.log_likelihood(shares, z, u, c))
    mixed = shares.clone()
    mixed[:, :12] = shares.roll(1, 0)[:, :12]
    assert not torch.allclose(layers(shares)[:, 1], layers(mixed)[:, 1])
