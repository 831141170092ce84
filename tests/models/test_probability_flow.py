"""Flow matching on targets of one and two dimensions whose answer has a closed form."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import expm
from torch import nn

from caloforge.models.probability_flow import RIGHT_ANGLE, ProbabilityFlow, between, coupled
from caloforge.nn.solvers import TABLEAUS
from caloforge.rng import torch_stream

MEAN, STD = torch.tensor([0.7, -0.4]), torch.tensor([0.5, 1.6])
WEIGHTS, CENTRES, WIDTHS = torch.tensor([0.3, 0.7]), torch.tensor([[-1.5, 0.5], [1.0, -0.5]]), torch.tensor([0.5, 0.6])


def gaussian_field(x, angle):
    """f of a normal distribution: the regression of the velocity on the point, in closed form."""
    sine, cosine = angle.sin().to(x), angle.cos().to(x)
    mean, std = MEAN.to(x), STD.to(x)
    variance = cosine**2 + (sine * std) ** 2
    return cosine * mean + (std**2 - 1) * sine * cosine / variance * (x - sine * mean)


def mixture_field(x, angle):
    """f of a mixture of normals: those of its components, weighted by how probable each is at the point."""
    sine, cosine = angle.sin(), angle.cos()
    velocities, logs = [], []
    for weight, centre, width in zip(WEIGHTS, CENTRES, WIDTHS, strict=True):
        variance = cosine**2 + (sine * width) ** 2
        off = x - sine * centre
        velocities.append(cosine * centre + (width**2 - 1) * sine * cosine / variance * off)
        logs.append(weight.log() - 0.5 * (off**2 / variance + variance.log()).sum(1, keepdim=True))
    part = torch.stack(logs).softmax(0)
    return (part * torch.stack(velocities)).sum(0)


def mixture_log_prob(x):
    logs = [
        weight.log() - 0.5 * (((x - centre) / width) ** 2 + 2 * width.log() + math.log(2 * math.pi)).sum(1)
        for weight, centre, width in zip(WEIGHTS, CENTRES, WIDTHS, strict=True)
    ]
    return torch.stack(logs).logsumexp(0)


def normal_log_prob(x):
    return torch.distributions.Normal(MEAN.to(x), STD.to(x)).log_prob(x).sum(1)


@pytest.mark.parametrize("path", ["straight", "spherical"])
def test_the_likelihood_of_a_gaussian_is_exact(path):
    x = 2 * torch.randn(50, 2, generator=torch_stream(1, "x"), dtype=torch.float64)
    flow = ProbabilityFlow(path, "rk4", 100)
    assert torch.allclose(flow.log_prob(gaussian_field, x, torch_stream(1, "p")), normal_log_prob(x), atol=2e-5)
    noise = torch.randn(50, 2, generator=torch_stream(2, "x"), dtype=torch.float64)
    assert torch.allclose(flow.push(gaussian_field, noise), MEAN + STD * noise, atol=2e-5)


def test_the_likelihood_of_a_mixture_is_exact():
    x = torch.randn(50, 2, generator=torch_stream(1, "x"))
    flow = ProbabilityFlow("spherical", "rk4", 40)
    assert torch.allclose(flow.log_prob(mixture_field, x, torch_stream(1, "p")), mixture_log_prob(x), atol=2e-3)


def test_the_estimated_trace_has_no_bias():
    """In 100 dimensions: the mean over signs is the exact log-density; a field with no mixed terms needs no mean."""

    def field(x, angle):
        return 0.3 * x + 0.1 * (x.roll(1, 1) - x.roll(-1, 1)) + 0.02 * x.roll(3, 1)

    x = torch.randn(4, 100, generator=torch_stream(1, "x"), dtype=torch.float64)
    flow = ProbabilityFlow("spherical", "rk4", 6)
    draws = torch.stack([flow.log_prob(field, x, torch_stream(i, "signs")) for i in range(60)])
    jacobian = 0.3 * np.eye(100) + 0.1 * (np.roll(np.eye(100), -1, 1) - np.roll(np.eye(100), 1, 1))
    jacobian += 0.02 * np.roll(np.eye(100), -3, 1)
    back = x @ torch.from_numpy(expm(-RIGHT_ANGLE * jacobian)).T
    exact = -0.5 * (back**2 + math.log(2 * math.pi)).sum(1) - 30 * RIGHT_ANGLE
    error = draws.std(0) / math.sqrt(60)
    assert ((draws.mean(0) - exact).abs() < 4 * error + 1e-4).all()
    assert (error > 0).all()


@pytest.fixture(scope="module")
def carried():
    """Noise, and where the field of the mixture carries it."""
    noise = torch.randn(100, 2, generator=torch_stream(3, "x"), dtype=torch.float64)
    return noise, ProbabilityFlow("spherical", "rk4", 200).push(mixture_field, noise)


@pytest.mark.parametrize("path", ["straight", "spherical"])
@pytest.mark.parametrize("solver", TABLEAUS)
def test_solvers_keep_their_order_along_the_path(path, solver, carried):
    noise, exact = carried
    off = [(ProbabilityFlow(path, solver, steps).push(mixture_field, noise) - exact).norm() for steps in (40, 80)]
    assert math.log2(off[0] / off[1]) == pytest.approx(TABLEAUS[solver].order, abs=0.3)


class Small(nn.Module):
    """f by a perceptron; its last layer starts at zero."""

    def __init__(self, n, threshold=None, width=48):
        super().__init__()
        self.threshold = threshold
        self.layers = nn.Sequential(
            nn.Linear(n + 4 + n * (threshold is not None), width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, n),
        )
        nn.init.zeros_(self.layers[-1].weight)

    def forward(self, x, angle):
        waves = [torch.sin(2 * angle), torch.cos(2 * angle), torch.sin(4 * angle), torch.cos(4 * angle)]
        sides = [] if self.threshold is None else [torch.tanh(3 * (x - self.threshold))]
        return self.layers(torch.cat([x, *sides, *waves], 1))


def fitted(draw, n, steps=1000, batch=256, pair=None, threshold=None, seed=0):
    """A network trained on what ``draw`` gives, with pairs of noise and data by ``pair``."""
    torch.manual_seed(seed)
    network, generator = Small(n, threshold), torch_stream(seed, "training")
    optimiser = torch.optim.Adam(network.parameters(), 4e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        x1 = draw(batch, generator)
        x0 = torch.randn(batch, n, generator=generator)
        if pair is not None:
            x0, x1 = pair(x0, x1)
        angle = RIGHT_ANGLE * torch.rand(batch, 1, generator=generator)
        x, velocity = between(x0, x1, angle)
        loss = (network(x, angle) - velocity).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.requires_grad_(False)


def mixture(n, generator):
    which = torch.multinomial(WEIGHTS, n, replacement=True, generator=generator)
    return CENTRES[which] + WIDTHS[which, None] * torch.randn(n, 2, generator=generator)


@pytest.fixture(scope="module")
def learned():
    return fitted(mixture, 2)


def test_a_mixture_of_gaussians_is_recovered(learned):
    flow, generator = ProbabilityFlow("spherical", "midpoint", 8), torch_stream(5, "test")
    drawn = flow.push(learned, torch.randn(4000, 2, generator=generator))
    truth = mixture(4000, generator)
    for drawn_of, truth_of in ((drawn.mean(0), truth.mean(0)), (drawn.T.cov(), truth.T.cov())):
        assert torch.allclose(drawn_of, truth_of, atol=0.08)
    left = [float((points[:, 0] < -0.3).float().mean()) for points in (drawn, truth)]  # the valley between the parts
    assert left[0] == pytest.approx(left[1], abs=0.03)
    x = mixture(1000, generator)
    gap = mixture_log_prob(x) - flow.log_prob(learned, x, generator)
    assert abs(float(gap.mean())) < 0.07  # nats: KL(truth || model)


def test_a_mixture_with_an_atom_at_zero_keeps_its_zeros():
    """Zeros as latents below a threshold, as the cells have them, where the marginals expect twice as many zeros."""
    threshold = 0.2533471  # the normal quantile of 0.6

    def draw(n, generator):
        hit, u = torch.rand(n, 2, generator=generator).clamp(1e-6, 1 - 1e-6).split(1, 1)
        return torch.special.ndtri(torch.where(hit < 0.7, 0.6 + 0.4 * u, 0.6 * u))

    flow, generator = ProbabilityFlow("spherical", "midpoint", 8), torch_stream(6, "test")
    drawn = flow.push(fitted(draw, 1, 800, threshold=threshold), torch.randn(4000, 1, generator=generator))
    truth = draw(20000, generator)
    assert float((drawn > threshold).float().mean()) == pytest.approx(0.7, abs=0.05)
    q = torch.tensor([0.1, 0.5, 0.9])
    assert torch.allclose(drawn[drawn > threshold].quantile(q), truth[truth > threshold].quantile(q), atol=0.1)


def bend(network, steps=32):
    """Mean squared deviation of the velocity along straight paths from its mean: zero where one step suffices."""
    x = torch.randn(2000, 2, generator=torch_stream(7, "bend"))
    flow, velocities = ProbabilityFlow("straight", "euler", steps), []
    velocity = flow._velocity(network)
    for i in range(steps):
        v = velocity(x, i / steps)
        velocities.append(v)
        x = x + v / steps
    field = torch.stack(velocities)
    return float((field - field.mean(0)).square().sum(2).mean())


def test_optimal_transport_straightens_paths(learned):
    def pair(x0, x1):
        return coupled(x0, x1, torch.zeros(len(x0), 1), "ot"), x1

    straight = fitted(mixture, 2, steps=150, batch=128, pair=pair)
    assert bend(straight) < 0.35 * bend(learned)


def test_reflow_straightens_paths(learned):
    """Trained on pairs of noise and what the first flow makes of it, paths bend less and the mixture stays."""
    flow = ProbabilityFlow("straight", "midpoint", 8)

    def pair(x0, x1):
        return x0, flow.push(learned, x0)

    straight = fitted(mixture, 2, steps=150, pair=pair)
    assert bend(straight) < 0.2 * bend(learned)
    drawn = ProbabilityFlow("straight", "euler", 1).push(straight, torch.randn(4000, 2, generator=torch_stream(5, "z")))
    assert float((drawn[:, 0] < -0.3).float().mean()) == pytest.approx(0.316, abs=0.06)  # 0.318 of the mixture


def test_pairs_of_optimal_transport_keep_to_their_condition():
    generator = torch_stream(8, "pairs")
    x0, c = torch.randn(60, 2, generator=generator), torch.arange(2.0).repeat(30)[:, None]
    x1 = torch.randn(60, 2, generator=generator) + 3 * c
    paired = coupled(x0, x1, c, "ot")
    for condition in (0, 1):  # the noise of each condition is the noise that was drawn for it
        rows = c[:, 0] == condition
        assert torch.equal(paired[rows].sort(0).values, x0[rows].sort(0).values)
    cost = [(x1 - noise).square().sum() for noise in (x0, paired)]
    assert cost[1] < cost[0]
