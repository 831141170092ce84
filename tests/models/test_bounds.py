"""Bounds on the likelihood where it is known: linear-Gaussian models, and a latent of one dimension."""

import math

import pytest
import torch

from caloforge.geometry.binning import Binning, Layer
from caloforge.models import model_config
from caloforge.models.bounds import gaussian_kl, importance_bound, log_mean_exp, mutual_information, widest_posterior
from caloforge.models.independent_vae import IndependentVAE
from caloforge.models.parts import LayerContext, NoiseWidths
from caloforge.rng import torch_stream

WEIGHTS = torch.tensor([[1.0, 0.5], [-0.3, 2.0], [0.7, -0.2]])
NOISE = 0.5


@pytest.fixture(scope="module")
def linear():
    """x = W z + noise: data, log p(x) in closed form, and the exact posterior, here with a diagonal covariance."""
    q, _ = torch.linalg.qr(WEIGHTS)  # orthogonal columns: the posterior factorises, as q does
    weights = q * torch.tensor([1.5, 0.8])
    generator = torch_stream(1, "linear")
    z = torch.randn(50, 2, generator=generator)
    x = z @ weights.T + NOISE * torch.randn(50, 3, generator=generator)
    covariance = weights @ weights.T + NOISE**2 * torch.eye(3)
    exact = torch.distributions.MultivariateNormal(torch.zeros(3), covariance).log_prob(x)
    precision = 1 + (weights**2).sum(0) / NOISE**2
    mean = x @ weights / NOISE**2 / precision

    def log_joint(z):
        of_z = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
        return of_z + torch.distributions.Normal(z @ weights.T, NOISE).log_prob(x).sum(1)

    return log_joint, exact, mean, (-0.5 * precision.log()).expand(50, 2)


def test_the_exact_posterior_gives_the_exact_likelihood(linear):
    """Every weight is p(x): no error, with one draw already."""
    log_joint, exact, mean, log_std = linear
    value, error = importance_bound(log_joint, mean, log_std, torch.randn(5, 50, 2, generator=torch_stream(2, "z")))
    assert torch.allclose(value, exact, atol=1e-4)
    assert error.max() < 1e-4


def test_the_bound_of_another_posterior(linear):
    """With many draws it is log p within its error; with one, the ELBO, it lies below by KL(q || posterior)."""
    log_joint, exact, mean, log_std = linear
    wrong, wide = mean + 0.1, log_std + 0.3
    value, error = importance_bound(log_joint, wrong, wide, torch.randn(1000, 50, 2, generator=torch_stream(3, "z")))
    pulls = (value - exact) / error
    assert pulls.abs().max() < 5
    assert pulls.square().mean().sqrt().item() == pytest.approx(1.0, abs=0.35)
    draws = torch.randn(800, 50, 2, generator=torch_stream(4, "z"))
    elbo = torch.stack([importance_bound(log_joint, wrong, wide, one[None])[0] for one in draws]).mean(0)
    gap = gaussian_kl((wrong - mean) / log_std.exp(), wide - log_std).sum(1)
    assert torch.allclose(exact - elbo, gap, atol=0.2)
    assert (elbo < exact).all()


def test_bounds_rise_with_draws(linear):
    log_joint, exact, mean, log_std = linear
    bounds = []
    for k in (1, 4, 64):
        noise = torch.randn(k, 50, 2, generator=torch_stream(5, "z"))
        bounds.append(importance_bound(log_joint, mean + 0.5, log_std + 0.5, noise).value.mean())
    assert bounds[0] < bounds[1] < bounds[2] < exact.mean() + 0.05


def test_error_of_one_weight_is_unknown():
    value, error = log_mean_exp(torch.tensor([[1.0, -2.0]]))
    assert torch.equal(value, torch.tensor([1.0, -2.0]))
    assert error.isnan().all()


def test_information_is_that_of_all_pairs():
    generator = torch_stream(6, "information")
    mean, log_std, noise = (torch.randn(40, 3, generator=generator) for _ in range(3))
    z = mean + log_std.exp() * noise
    log_q = torch.distributions.Normal(mean, log_std.exp()).log_prob(z[:, None]).sum(2)  # [i, j]: of z_i given x_j
    expected = (log_q.diagonal() - log_q.logsumexp(1)).mean() + math.log(40)
    assert float(mutual_information(z, mean, log_std)) == pytest.approx(float(expected), rel=1e-5)
    same = torch.zeros(40, 3)
    assert float(mutual_information(noise, same, same)) == pytest.approx(0, abs=1e-6)
    far = 100.0 * torch.arange(40.0)[:, None]
    assert float(mutual_information(far, far, 0 * far)) == pytest.approx(math.log(40))


@pytest.mark.parametrize("rate", [1e-4, 0.1, 1.0, 5.0])
def test_no_posterior_within_the_bound_has_a_smaller_rate(rate):
    widest = widest_posterior(rate)
    at_bound = gaussian_kl(torch.zeros(1, 1), torch.tensor([[math.log(widest)]]))
    assert float(at_bound) == pytest.approx(rate, rel=1e-3)
    generator = torch_stream(8, "floor")
    log_std = math.log(widest) - torch.rand(500, 1, generator=generator) * 5
    assert gaussian_kl(3 * torch.randn(500, 1, generator=generator), log_std).min() >= rate * (1 - 1e-3)
    assert widest_posterior(0.0) == 1.0


@pytest.mark.parametrize("rate", [2.0, 40.0])
@pytest.mark.parametrize("size", [0.0, 1.0, 100.0])
def test_the_committed_rate_holds_for_every_encoder(binning, showers, size, rate):
    """Whatever the encoder's weights, each latent of each shower pays its part."""
    config = model_config({"name": "vae", "latent": 4, "width": 8, "depth": 1, "committed_rate": rate})
    pipeline, generator = config.pipeline(binning), torch_stream(1, "test")
    pipeline.fit(showers, generator)
    x, c, _ = pipeline(showers[:200], generator)
    torch.manual_seed(0)
    model = config.build(pipeline).requires_grad_(False)
    model.initialise(x, c)
    for parameter in model.shape.encoder.parameters():
        parameter.mul_(size)
    mean, log_std = model.shape.posterior(x[:, 3:], model.context(x[:, :3], c)[0], c)
    assert gaussian_kl(mean, log_std).min() >= rate / 4 * (1 - 1e-4)


@pytest.mark.parametrize("decoder", ["dirichlet", "lognormal", "mse"])
def test_latent_of_one_dimension(binning, showers, decoder):
    """log p of real showers of the model's decoder, against the integral over z on a grid."""
    config = model_config({"name": "vae", "latent": 1, "width": 8, "depth": 1, "decoder": decoder})
    pipeline = config.pipeline(binning)
    generator = torch_stream(1, "test")
    pipeline.fit(showers, generator)
    x, c, _ = pipeline(showers[:6], generator)
    torch.manual_seed(0)
    model = config.build(pipeline).requires_grad_(False)
    model.initialise(*pipeline(showers, generator)[:2])
    shape, shares, u = model.shape, x[:, 3:], model.context(x[:, :3], c)[0]
    shape.cells.weight.mul_(10.0)
    grid, n = torch.linspace(-6, 6, 401), 401
    repeated, context = shares.repeat_interleave(n, 0), LayerContext(*(part.repeat_interleave(n, 0) for part in u))
    density = shape.log_likelihood(repeated, grid.repeat(6)[:, None], context, c.repeat_interleave(n, 0))
    density = density.view(6, n).double()
    normal = (-0.5 * grid**2 - 0.5 * math.log(2 * math.pi)).double()
    exact = (density + normal).logsumexp(1) + math.log(12 / 400)
    value, error = shape.log_prob(shares, u, c, torch.randn(400, 6, 1, generator=generator))
    assert (density.amax(1) - density.amin(1) > 1.0).all()  # the latent says something
    assert ((value - exact).abs() < 4 * error + 2e-3).all()
    assert error.max() < 0.2


def test_two_modes():
    """A toy on the simplex of three cells: two kinds of shower, one in four of the first; samples have both."""
    mesh = Binning((Layer(0, (0.0, 1.0, 2.0, 3.0), 1),))
    generator = torch_stream(7, "toy")
    first = (torch.rand(2000, 1, generator=generator) < 0.25).float()
    centre = first * torch.tensor([0.8, 0.1, 0.1]) + (1 - first) * torch.tensor([0.1, 0.2, 0.7])
    weight = centre * (0.25 * torch.randn(2000, 3, generator=generator)).exp()
    shares = weight / weight.sum(1, keepdim=True)
    config = model_config({"name": "vae", "latent": 2, "width": 32, "depth": 1, "beta_schedule": "fixed"})
    torch.manual_seed(0)
    shape = IndependentVAE(mesh, 1, config, None)
    c = torch.zeros(2000, 1)
    shape.initialise(shares, LayerContext(c, c))
    optimiser = torch.optim.Adam(shape.parameters(), 5e-3)
    for _ in range(120):
        rows = torch.randint(2000, (128,), generator=generator)
        optimiser.zero_grad()
        shape.loss(shares[rows], LayerContext(c[rows], c[rows]), c[rows], 1.0, generator)["total"].backward()
        optimiser.step()
    widths = NoiseWidths(1, shape.latent, shape.cell_noise)
    noise = widths.split(torch.randn(2000, widths.total, generator=generator))
    with torch.no_grad():
        drawn = shape.sample(noise, LayerContext(c, c), c, torch.ones(2000, 1, dtype=torch.bool))
    assert (drawn[:, 0] > 0.5).float().mean().item() == pytest.approx(0.25, abs=0.06)
    between = ((drawn[:, 0] > 0.3) & (drawn[:, 0] < 0.5)).float().mean().item()
    assert between < 0.08
