"""The density of cells: it integrates to one, its sampler draws from it, its shares sum to one."""

import itertools

import pytest
import torch
from scipy import stats

from caloforge.geometry.binning import Binning, Layer
from caloforge.models.hurdle import DirichletShares, _log_gamma_variate

THREE_CELLS = Binning((Layer(0, (0.0, 1.0, 2.0, 3.0), 1),))
PATTERNS = [hits for hits in itertools.product((0, 1), repeat=3) if any(hits)]


def parameters(seed: int) -> torch.Tensor:
    """Hit logit, log mean and log shape of three cells; shapes above one, so that grids can integrate."""
    generator = torch.Generator().manual_seed(seed)
    p = torch.randn(1, 3, 3, generator=generator)
    p[:, 2] = p[:, 2].abs() + 0.3
    return p


def integral(density: DirichletShares, p: torch.Tensor, hits: tuple[int, ...]) -> float:
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


@pytest.mark.parametrize("seed", range(4))
def test_the_density_integrates_to_one(seed):
    density, p = DirichletShares(THREE_CELLS), parameters(seed)
    assert sum(integral(density, p, hits) for hits in PATTERNS) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_samples_follow_the_density(seed):
    """Every pattern of hits comes as often as its integral says; within it the mean share is right."""
    density, p = DirichletShares(THREE_CELLS), parameters(seed)
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
    drawn = _log_gamma_variate(torch.full((n,), shape).log(), u, proposal, spare).exp()
    assert stats.kstest(drawn.numpy(), stats.gamma(shape).cdf).pvalue > 1e-3


def test_scale_of_a_layer_does_not_matter():
    """Only ratios of weights count: a common factor on all means changes nothing."""
    density, p = DirichletShares(THREE_CELLS), parameters(0)
    shares = torch.tensor([[0.2, 0.5, 0.3], [0.0, 0.9, 0.1]])
    moved = p.clone()
    moved[:, 1] += 1.7
    before, after = (density.log_prob(shares, q.expand(2, -1, -1)) for q in (p, moved))
    assert torch.allclose(before, after, atol=1e-4)


def test_dark_layers(binning):
    density = DirichletShares(binning)
    p = torch.zeros(5, 3, 28)
    active = torch.tensor([[True, False, True]]).expand(5, -1)
    shares = density.sample(torch.randn(5, density.noise_width), p, active)
    assert (shares[:, 12:24] == 0).all()
    assert torch.allclose(density.layer_sum(shares)[:, [0, 2]], torch.ones(()), atol=1e-5)
    assert (density.log_prob(shares, p)[:, 1] == 0).all()


@pytest.mark.parametrize("logit", [-30.0, -8.0, 0.0, 30.0])
def test_a_layer_with_energy_has_a_hit(binning, logit):
    """However unlikely the hits: one at least, and a finite density."""
    density = DirichletShares(binning)
    p = torch.zeros(2000, 3, 28)
    p[:, 0] = logit
    noise = torch.randn(2000, density.noise_width, generator=torch.Generator().manual_seed(0))
    shares = density.sample(noise, p, torch.ones(2000, 3, dtype=torch.bool))
    assert torch.allclose(density.layer_sum(shares), torch.ones(()), atol=1e-5)
    assert torch.isfinite(density.log_prob(shares, p)).all()
    if logit == -30.0:
        first = (shares[:, :12] > 0).float().mean(0)
        assert torch.allclose(first, torch.full((12,), 1 / 12), atol=0.03)
