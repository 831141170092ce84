"""Particle and direction are not only accepted but learned: showers that depend on them come back so."""

import numpy as np
import pytest
import torch

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.generation.sampler import sample_showers
from caloforge.models import model_config
from caloforge.preprocessing.symmetry import AxialSymmetry
from caloforge.rng import torch_stream


@pytest.fixture(scope="module")
def toy(binning):
    """Photons leave twice the share in the second layer; inclined particles leave more in all, more so towards +x."""
    rng = np.random.default_rng(5)
    n = 4000
    incident = np.full(n, 1e4, np.float32) * rng.uniform(0.5, 2, n).astype(np.float32)
    pdg, theta, phi = rng.choice([11, 22], n), rng.uniform(0, 0.8, n), rng.uniform(-np.pi, np.pi, n)
    shares = np.stack([np.ones(n), np.where(pdg == 22, 1.0, 0.5), np.full(n, 0.2)], 1)
    shares *= rng.gamma(100, 0.01, (n, 3))
    total = 0.05 * incident * (1 + np.sin(theta) * (1 + 0.5 * np.cos(phi)))
    layer = total[:, None] * shares / shares.sum(1, keepdims=True)
    weight = rng.gamma(2.0, 1.0, (n, binning.n_voxels))
    whole = np.add.reduceat(weight, binning.layer_starts[:-1], 1)
    energy = weight / whole[:, binning.layer_of_voxel] * layer[:, binning.layer_of_voxel]
    return Showers(energy.astype(np.float32), incident, pdg, theta, phi, binning)


@pytest.mark.parametrize("conditioning", ["film", "concat"])
def test_conditions_are_learned(toy, conditioning):
    generator = torch_stream(1, "test")
    config = model_config(
        {"name": "vae", "latent": 2, "width": 16, "depth": 1, "flow_transforms": 4, "conditioning": conditioning}
    )
    pipeline = config.pipeline(toy.binning)
    pipeline.fit(toy, generator)
    x, c, _ = pipeline(toy, generator)
    torch.manual_seed(0)
    model = config.build(pipeline)
    model.initialise(x, c)
    augment = AxialSymmetry.of(toy, pipeline)
    optimiser = torch.optim.Adam(model.parameters(), 4e-3)
    for _ in range(120):
        rows = torch.randint(len(x), (128,), generator=generator)
        optimiser.zero_grad()
        model.loss(*augment.apply(x[rows], c[rows], generator), 0.5, generator)["total"].backward()
        optimiser.step()
    model.requires_grad_(False)

    def drawn(pdg: int, theta: float, phi: float) -> Showers:
        return sample_showers(model, pipeline, Incident.alike(np.full(500, 1e4, np.float32), pdg, theta, phi), 1)

    second = [(s.layer_energy[:, 1] / s.total_energy).mean() for s in (drawn(11, 0.4, 0.0), drawn(22, 0.4, 0.0))]
    assert second == pytest.approx([0.5 / 1.7, 1.0 / 2.2], rel=0.08)
    for theta, phi in ((0.1, 0.0), (0.7, 0.0), (0.7, 3.0), (0.7, -3.0)):
        response = (drawn(11, theta, phi).total_energy / 1e4).mean()
        assert response == pytest.approx(0.05 * (1 + np.sin(theta) * (1 + 0.5 * np.cos(phi))), rel=0.08), (theta, phi)
