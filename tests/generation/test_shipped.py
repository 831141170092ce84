"""The models that come with caloforge load, and give the showers that their documents were made with."""

import numpy as np
import pytest

from caloforge.generation.sampler import sample_showers
from caloforge.training.run import load_run

# Hit cells of all 30 showers, energy of all (MeV), hottest cell (MeV) and energy of the first three showers (MeV).
SHOWERS = {
    "vae-siw-1080": (8306, 22612.836857, 76.936493, (67.13821, 68.60186, 66.70041)),
    "flow-siw-1080": (8170, 22587.286672, 74.496712, (67.57342, 73.49266, 86.37326)),
    "fm-siw-1080": (8292, 22644.0686, 81.112526, (67.24459, 77.2579, 80.51279)),
    "fm-siw-1080-onestep": (8280, 22644.068594, 80.482048, (67.24458, 77.2579, 80.51279)),
    "gamma-lar": (7462, 142455.132531, 440.711182, (419.95099, 462.20276, 495.31982)),
    "vae-siw-6480": (21265, 22809.678296, 17.211849, (67.15866, 72.69247, 82.89458)),
    "vae-siw-1080-latent": (8355, 22467.887331, 73.735962, (66.79213, 67.47408, 79.31732)),
    "vae-siw-1080-physics": (8201, 22445.690592, 76.656868, (66.10037, 66.16856, 75.67272)),
    "wgan-siw-1080": (8469, 22637.407881, 92.048958, (70.32179, 64.64178, 71.11923)),
}


@pytest.mark.parametrize("name", SHOWERS)
def test_shipped_models_give_the_same_showers(name):
    run = load_run(name)
    cells = sample_showers(run.model, run.pipeline, np.geomspace(2000, 90000, 30), 7).energy
    hits, total, hottest, first = SHOWERS[name]
    assert np.count_nonzero(cells) == hits
    assert cells.sum(dtype=np.float64) == pytest.approx(total, rel=1e-6)
    assert cells.max() == pytest.approx(hottest, rel=1e-6)
    assert cells[:3].sum(1) == pytest.approx(first, rel=1e-6)
