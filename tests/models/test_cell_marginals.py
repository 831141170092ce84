"""The fit of the cell marginals finds again what made the showers."""

import numpy as np
import pytest
import torch

from caloforge.models.cell_marginals import cell_marginals
from caloforge.rng import torch_stream

N = 6000
FAINT = 0.05


def log_weight(q, a, b, f):
    """Quantile function of the logarithm of a hit's weight."""
    return a * np.log(q) + b * np.log1p(-np.log1p(-q)) + f * np.log(q / (q + FAINT))


@pytest.fixture(scope="module")
def made(binning):
    """Cells with hit probability and mean that follow the energy of their layer, and their picture."""
    generator = torch_stream(1, "picture")
    level = torch.randn(N, 3, generator=generator)
    of_cell = level[:, torch.from_numpy(binning.layer_of_voxel)]
    hit = torch.rand(of_cell.shape, generator=generator) < torch.sigmoid(-0.4 + 0.8 * of_cell)
    q = torch.rand(of_cell.shape, generator=generator).clamp(1e-5, 1 - 1e-5).double().numpy()
    log_share = -2.0 - 0.5 * of_cell + torch.from_numpy(log_weight(q, 0.3, 0.5, 0.8)).float()
    shares = torch.where(hit, log_share.exp(), 0.0)
    return cell_marginals(binning, shares, level, FAINT)


def test_hits_and_means_are_found_again(made):
    assert made.logit.mean().item() == pytest.approx(-0.4, abs=0.02)
    assert made.logit_slope.mean().item() == pytest.approx(0.8, abs=0.02)
    assert made.logit_slope.std() < 0.1
    assert made.log_share.mean().item() == pytest.approx(-2.0, abs=0.05)
    assert made.log_share_slope.mean().item() == pytest.approx(-0.5, abs=0.02)


def test_the_spread_is_found_again(made):
    """Its three terms overlap, so the quantiles are compared, not the parameters."""
    q = np.linspace(0.02, 0.98, 25)
    expected = -2.0 + log_weight(q, 0.3, 0.5, 0.8)
    cells = [made.log_share[v].item() + log_weight(q, *made.spread[:, v].tolist()) for v in range(28)]
    assert np.abs(np.mean(cells, 0) - expected).max() < 0.05
    assert (made.spread >= 0).all()


def test_cells_that_are_never_hit(binning):
    """No hit: a finite picture with a hit probability near zero; without energy in a layer: the same."""
    shares = torch.zeros(500, binning.n_voxels)
    shares[:, 0] = 1.0
    picture = cell_marginals(binning, shares, torch.zeros(500, 3), FAINT)
    assert all(torch.isfinite(part).all() for part in picture)
    assert (picture.logit[1:] < -3).all()
    assert picture.logit[0] > 3
