"""A differentiable generator whose response, resolution, depth and latents are known by construction."""

import numpy as np
import pytest
import torch

from caloforge.data.provenance import TrainingProvenance
from caloforge.data.showers import Showers
from caloforge.models.base import Generator
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import torch_stream
from caloforge.training.run import Run

REFERENCE = 1e4  # MeV


class Known(Generator):
    """Noise (z0, z1, z2): z0 scatters the response, z1 moves the depth, z2 does nothing.

    E_tot = 0.03 E (E/10 GeV)^0.02 (1 + 0.1 z0 (E/10 GeV)^-0.5), shares of the layers = softmax(k (b ln E + 0.3 z1)),
    cells of a layer all alike.
    """

    explicit = False
    noise_shape = (3,)
    slope = 0.25

    def __init__(self, pipeline):
        super().__init__()
        self.pipeline = pipeline

    def loss(self, x, c, progress, generator):
        raise NotImplementedError

    def sample(self, noise, c):
        energy = self.pipeline.condition.energies(c)
        g = energy / REFERENCE
        total = 0.03 * energy * g**0.02 * (1 + 0.1 * noise[:, 0] / g.sqrt())
        k = torch.arange(self.pipeline.binning.n_layers)
        shares = torch.softmax(k * (self.slope * g.log() + 0.3 * noise[:, 1])[:, None] - 0.8 * k, 1)
        layers = total[:, None] * shares
        features, _ = self.pipeline.energies(layers.double(), energy.double(), torch_stream(1, "bands"))
        cells = torch.from_numpy(self.pipeline.binning.layer_of_voxel)
        alike = 1 / torch.bincount(cells).float()[cells]
        return torch.cat([features, alike.expand(len(noise), -1)], 1)


@pytest.fixture(scope="package")
def known(binning):
    """Its features are scaled on layer energies in every proportion, so that nothing is cut off."""
    rng = np.random.default_rng(0)
    incident = np.exp(rng.uniform(np.log(1e3), np.log(1e5), 4000))
    layers = 0.03 * incident[:, None] * rng.dirichlet([0.7, 0.7, 0.7], 4000) * rng.lognormal(0, 0.5, (4000, 1))
    cells = layers[:, binning.layer_of_voxel] / np.bincount(binning.layer_of_voxel)[binning.layer_of_voxel]
    pipeline = Pipeline(binning)
    showers = Showers.perpendicular(cells.astype(np.float32), incident.astype(np.float32), binning)
    pipeline.fit(showers, torch_stream(1, "test"))
    return Run(Known(pipeline), pipeline, TrainingProvenance())
