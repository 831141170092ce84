"""Two samples of electron-like showers with a known resolution."""

import numpy as np
import pytest

from caloforge.data.showers import Showers


@pytest.fixture(scope="session")
def halves(binning):
    """Two samples of showers with a resolution of 10 % / sqrt(E), deeper and with more hit cells at higher energy."""
    rng = np.random.default_rng(3)
    n = 3000
    energy = np.exp(rng.uniform(np.log(1e3), np.log(1e5), n))
    depth = np.stack([np.full(n, 0.3), 0.3 + 0.1 * np.log(energy / 1e3), np.full(n, 0.1)], 1)[:, binning.layer_of_voxel]
    weight = depth * np.exp(-binning.r_centres / 5) * rng.gamma(2.0, size=(n, binning.n_voxels))
    weight *= rng.random(weight.shape) < 1 - np.exp(-np.sqrt(energy / 1e3)[:, None] * np.exp(-binning.r_centres / 10))
    visible = 0.03 * energy * (1 + 0.1 / np.sqrt(energy / 1e3) * rng.normal(size=n))
    cells = weight * (visible / np.maximum(weight.sum(axis=1), 1e-9))[:, None]
    showers = Showers.perpendicular(cells.astype(np.float32), energy.astype(np.float32), binning)
    return showers[:1500], showers[1500:]
