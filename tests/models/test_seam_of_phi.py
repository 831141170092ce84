"""A full turn is no turn: with the same noise, phi = 0 and phi = 360 degrees give the same showers, in every family."""

import math

import numpy as np
import pytest
import torch

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.generation.sampler import sample_showers
from caloforge.geometry.binning import Binning, Layer
from caloforge.models import model_config
from caloforge.rng import torch_stream

MESH = Binning(tuple(Layer(i, (0.0, 5.0, 10.0), 4, (10.0 * i, 10.0 * i + 10)) for i in range(2)), "two layers")
FLOW = {"flow_transforms": 2, "flow_width": 8}
FAMILIES = {
    "vae": {"latent": 2, "width": 8, "depth": 1, "channels": 4, "decoder_context": "neighbours"},
    "flow": {"width": 8, "depth": 1},
    "flow_matching": {"width": 8, "depth": 1, "steps": 2},
    "wgan": {"latent": 2, "width": 8, "depth": 1, "critic_width": 8, "coupling": 4},
}


@pytest.fixture(scope="module")
def inclined():
    """Gamma-distributed cells, hit at random, of particles from all azimuths."""
    rng = np.random.default_rng(4)
    n = 300
    cells = rng.gamma(1.5, 100.0, (n, MESH.n_voxels)) * (rng.random((n, MESH.n_voxels)) < 0.6)
    energy = np.exp(rng.uniform(np.log(1e4), np.log(1e5), n)).astype(np.float32)
    angles = rng.uniform(0.1, 0.5, n), rng.uniform(-math.pi, math.pi, n)
    return Showers((cells + 1e-3).astype(np.float32), energy, np.full(n, 11), *angles, MESH)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_full_turn_gives_the_same_showers(inclined, family):
    generator = torch_stream(1, "seam")
    config = model_config({"name": family} | FAMILIES[family] | FLOW)
    pipeline = config.pipeline(MESH)
    pipeline.fit(inclined, generator)
    x, c, _ = pipeline(inclined, generator)
    model = config.build(pipeline)
    model.initialise(x, c)
    with torch.no_grad():
        for parameter in model.parameters():  # those that start at zero would not hear of phi
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    model.requires_grad_(False)

    def drawn(degrees):
        return sample_showers(model, pipeline, Incident.alike(np.full(50, 3e4), 11, 0.3, math.radians(degrees)), 7)

    none, half, whole = (drawn(degrees).energy for degrees in (0, 180, 360))
    np.testing.assert_allclose(whole, none, rtol=1e-5, atol=1e-3)
    assert np.abs(half - none).max() > 1.0  # MeV: the direction is heard
