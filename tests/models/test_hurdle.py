"""The densities of cells: they integrate to one, their samplers draw from them, shares sum to one."""

import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from caloforge.geometry.binning import Binning, Layer
from caloforge.models.blur import MeanShares
from caloforge.models.hurdle import DirichletShares, HurdleShares, LogNormalShares, log_gamma_variate
from caloforge.models.vae_options import DECODERS
from caloforge.preprocessing.pipeline import Pipeline

THREE_CELLS = Binning((Layer(0, (0.0, 1.0, 2.0, 3.0), 1),))
PATTERNS = [hits for hits in itertools.product((0, 1), repeat=3) if any(hits)]


DENSITIES = [DirichletShares, LogNormalShares]


def parameters(kind: type[HurdleShares], seed: int) -> torch.Tensor:
    """Hit logit, place and spread of the log weights of three cells; no sharp spikes, so that grids can integrate."""
    generator = torch.Generator().manual_seed(seed)
    p = torch.randn(1, 3, 3, generator=generator)
    p[:, 2] = p[:, 2].abs() + 0.3 if kind is DirichletShares else -0.1 - 0.3 * p[:, 2].abs()
    return p


def integral(density: HurdleShares, p: torch.Tensor, hits: tuple[int, ...]) -> float:
    """Integral of the density over the simplex of the cells that are hit."""
    where = [i for i, hit in enumerate(hits) if hit]
    grid = (torch.arange(400) + 0.5) / 400
    if len(where) == 1:
        shares = torch.zeros(1, 3)
        shares[0, where] = 1.0
        return density.log_prob(shares, p).exp().item()
    if len(where) == 2:
        shares = torch.zeros(400, 3)
        shares[:, where[0]], shares[:, where[1]] = grid, 1 - grid
        return density.log_prob(shares, p.expand(400, -1, -1)).exp().mean().item()
    first, second = (part.reshape(-1) for part in torch.meshgrid(grid, grid, indexing="ij"))
    inside = first + second < 1 - 1e-6
    shares = torch.stack([first, second, 1 - first - second], 1)[inside]
    return density.log_prob(shares, p.expand(len(shares), -1, -1)).exp().sum().item() / 400**2


@pytest.mark.parametrize("kind", DENSITIES)
@pytest.mark.parametrize("seed", range(4))
def test_the_density_integrates_to_one(kind, seed):
    density, p = kind(THREE_CELLS), parameters(kind, seed)
    assert sum(integral(density, p, hits) for hits in PATTERNS) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("kind", DENSITIES)
@pytest.mark.parametrize("seed", range(3))
def test_samples_follow_the_density(kind, seed):
    """Every pattern of hits comes as often as its integral says."""
    density, p = kind(THREE_CELLS), parameters(kind, seed)
    n = 200_000
    noise = torch.randn(n, density.noise_width, generator=torch.Generator().manual_seed(seed))
    shares = density.sample(noise, p.expand(n, -1, -1), torch.ones(n, 1, dtype=torch.bool))
    assert torch.allclose(shares.sum(1), torch.ones(()), atol=1e-5)
    for hits in PATTERNS:
        same = ((shares > 0) == torch.tensor(hits, dtype=torch.bool)).all(1)
        expected = integral(density, p, hits)
        assert same.float().mean().item() == pytest.approx(expected, abs=0.004 + 0.01 * expected)


def test_samples_follow_the_density_within_a_pattern():
    """Two cells with equal scale are a Dirichlet: the first share is Beta(k1, k2)."""
    mesh = Binning((Layer(0, (0.0, 1.0, 2.0), 1),))
    density = DirichletShares(mesh)
    shape = torch.tensor([0.8, 3.0])
    p = torch.stack([torch.full((2,), 20.0), shape.log() + 0.7, shape.log()])[None]
    noise = torch.randn(20_000, density.noise_width, generator=torch.Generator().manual_seed(1))
    shares = density.sample(noise, p.expand(20_000, -1, -1), torch.ones(20_000, 1, dtype=torch.bool))
    assert stats.kstest(shares[:, 0].numpy(), stats.beta(0.8, 3.0).cdf).pvalue > 1e-3
    x = torch.tensor([[0.3, 0.7]])
    assert density.log_prob(x, p).item() == pytest.approx(stats.beta(0.8, 3.0).logpdf(0.3), abs=1e-4)


@pytest.mark.parametrize("shape", [0.25, 0.6, 1.0, 3.0, 50.0])
def test_gamma_variates(shape):
    n = 50_000
    generator = torch.Generator().manual_seed(3)
    u = torch.rand(n, generator=generator).clamp_min(1e-9)
    proposal, spare = torch.randn(2, n, generator=generator)
    drawn = log_gamma_variate(torch.full((n,), shape).log(), u, proposal, spare).exp()
    assert stats.kstest(drawn.numpy(), stats.gamma(shape).cdf).pvalue > 1e-3


def test_log_normal_shares_of_two_cells():
    """The log-ratio of two log-normal weights is normal."""
    density = LogNormalShares(Binning((Layer(0, (0.0, 1.0, 2.0), 1),)))
    p = torch.tensor([[[20.0, 20.0], [0.4, -0.3], [-0.5, -1.0]]])
    noise = torch.randn(20_000, density.noise_width, generator=torch.Generator().manual_seed(1))
    shares = density.sample(noise, p.expand(20_000, -1, -1), torch.ones(20_000, 1, dtype=torch.bool))
    ratio = stats.norm(0.7, float(p[0, 2].mul(2).exp().sum().sqrt()))
    assert stats.kstest((shares[:, 0] / shares[:, 1]).log().numpy(), ratio.cdf).pvalue > 1e-3
    x = torch.tensor([[0.3, 0.7]])
    expected = ratio.logpdf(np.log(0.3 / 0.7)) - np.log(0.3 * 0.7)  # d log(s / (1 - s)) / ds
    assert density.log_prob(x, p).item() == pytest.approx(expected, abs=1e-4)


def test_mean_shares_are_a_blur(binning, showers):
    """Trained by squares, a decoder draws the same picture for every noise, without zeros."""
    density = MeanShares(binning)
    shares = Pipeline(binning).cell_maps(torch.from_numpy(showers.energy.copy()))[0]
    p = density.start(shares).expand(4, -1, -1)
    drawn = density.sample(torch.zeros(4, density.noise_width), p, torch.ones(4, 3, dtype=torch.bool))
    assert density.noise_width == 0
    assert torch.allclose(density.layer_sum(drawn), torch.ones(()), atol=1e-5)
    assert (drawn > 0).all()
    assert torch.equal(drawn[0], drawn[1])
    residual = (shares[:4] - drawn) / density.sigma
    by_hand = torch.distributions.Normal(0.0, 1.0).log_prob(residual).sum(1) - 28 * density.sigma.log()
    assert torch.allclose(density.log_prob(shares[:4], p).sum(1), by_hand, atol=1e-2)


@pytest.mark.parametrize("kind", DENSITIES)
def test_scale_of_a_layer_does_not_matter(kind):
    """Only ratios of weights count: a common factor on all of them changes nothing."""
    density, p = kind(THREE_CELLS), parameters(kind, 0)
    shares = torch.tensor([[0.2, 0.5, 0.3], [0.0, 0.9, 0.1]])
    moved = p.clone()
    moved[:, 1] += 1.7
    before, after = (density.log_prob(shares, q.expand(2, -1, -1)) for q in (p, moved))
    assert torch.allclose(before, after, atol=1e-4)


@pytest.mark.parametrize("kind", DECODERS.values())
def test_dark_layers(binning, kind):
    density = kind(binning)
    p = torch.zeros(5, density.parameters_per_cell, 28)
    active = torch.tensor([[True, False, True]]).expand(5, -1)
    shares = density.sample(torch.randn(5, density.noise_width), p, active)
    assert (shares[:, 12:24] == 0).all()
    assert torch.allclose(density.layer_sum(shares)[:, [0, 2]], torch.ones(()), atol=1e-5)
    assert (density.log_prob(shares, p)[:, 1] == 0).all()


@pytest.mark.parametrize("kind", DENSITIES)
@pytest.mark.parametrize("logit", [-30.0, -8.0, 0.0, 30.0])
def test_a_layer_with_energy_has_a_hit(binning, kind, logit):
    """However unlikely the hits: one at least, and a finite density."""
    density = kind(binning)
    p = torch.zeros(2000, 3, 28)
    p[:, 0] = logit
    noise = torch.randn(2000, density.noise_width, generator=torch.Generator().manual_seed(0))
    shares = density.sample(noise, p, torch.ones(2000, 3, dtype=torch.bool))
    assert torch.allclose(density.layer_sum(shares), torch.ones(()), atol=1e-5)
    assert torch.isfinite(density.log_prob(shares, p)).all()
    if logit == -30.0:
        first = (shares[:, :12] > 0).float().mean(0)
        assert torch.allclose(first, torch.full((12,), 1 / 12), atol=0.03)
