"""Both games where the answer is known: distances between simple distributions, and a toy with two modes."""

import math

import pytest
import torch
from scipy import integrate, stats
from torch import Tensor, nn

from caloforge.models.adversary import NonSaturating, Wasserstein, gradient_norm

N = 128


def network(n_in: int, n_out: int) -> nn.Sequential:
    torch.manual_seed(0)
    width = 48
    return nn.Sequential(nn.Linear(n_in, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, n_out))


def scores(net: nn.Module):
    return lambda x: net(x).squeeze(1)


def train_critic(game, real, fake, features: int, steps: int, rate: float = 3e-3):
    """A critic trained on draws of two fixed distributions, and the randomness to go on with."""
    net, generator = network(features, 1), torch.Generator().manual_seed(1)
    optimiser = torch.optim.Adam(net.parameters(), rate, betas=(0.5, 0.9))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        loss = game.critic_loss(scores(net), real(generator), fake(generator), generator)
        optimiser.zero_grad()
        loss["total"].backward()
        optimiser.step()
        schedule.step()
    return scores(net), generator


def normal(mean, n: int = N):
    mean = torch.tensor(mean)
    return lambda generator: mean + torch.randn(n, len(mean), generator=generator)


def dirac(place: float):
    return lambda generator: torch.full((N, 1), place)


@pytest.mark.parametrize("d", [-0.7, 2.0])
def test_wasserstein_between_two_diracs(d):
    """W = |d| over the Lipschitz constant reached, which is 1 + W/(2 lambda) where the loss is lowest.

    One-sided: the slope cannot cross zero against a penalty that wants it at 1 or at -1.
    """
    weight = 5.0
    game = Wasserstein(weight, one_sided=True)
    critic, generator = train_critic(game, dirac(0.0), dirac(d), 1, 200)
    real, fake = dirac(0.0)(generator), dirac(d)(generator)
    estimate = game.distance(critic(real), critic(fake))["wasserstein"].item()
    slope = gradient_norm(critic, torch.linspace(0, d, 50)[:, None]).mean().item()
    assert slope == pytest.approx(1 + abs(d) / (2 * weight), abs=0.05)
    assert estimate / slope == pytest.approx(abs(d), rel=0.05)


def test_wasserstein_between_shifted_gaussians():
    """Equal covariance: W is the distance of the means, and the optimal critic is linear."""
    shift = [1.2, -0.9, 0.0]
    real, fake = normal([0.0, 0.0, 0.0], 4096), normal(shift, 4096)
    critic, generator = train_critic(Wasserstein(10.0), normal([0.0, 0.0, 0.0]), normal(shift), 3, 250)
    x, y = real(generator), fake(generator)
    estimate = Wasserstein().distance(critic(x), critic(y))["wasserstein"].item()
    reached = gradient_norm(critic, torch.lerp(x, y, torch.rand(len(x), 1, generator=generator)))
    assert reached.median().item() == pytest.approx(1.0, abs=0.1)
    assert estimate / reached.quantile(0.5).item() == pytest.approx(1.5, rel=0.1)


def test_wasserstein_of_equal_distributions_is_zero():
    critic, generator = train_critic(Wasserstein(10.0), normal([0.0, 0.0]), normal([0.0, 0.0]), 2, 200)
    x, y = (normal([0.0, 0.0], 4096)(generator) for _ in range(2))
    assert abs(Wasserstein().distance(critic(x), critic(y))["wasserstein"].item()) < 0.1


def jensen_shannon(shift: float) -> float:
    """Of N(0, 1) and N(shift, 1) in nats, by integration."""

    def integrand(x: float) -> float:
        p, q = stats.norm.pdf(x), stats.norm.pdf(x - shift)
        return 0.5 * (p * math.log(2 * p / (p + q)) + q * math.log(2 * q / (p + q)))

    return integrate.quad(integrand, -8, 8 + shift)[0]


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0])
def test_jensen_shannon_between_gaussians(shift):
    """The discriminator's loss bounds the divergence from below, and its output is p/(p + q)."""
    critic, generator = train_critic(NonSaturating(), normal([0.0]), normal([shift]), 1, 400)
    x, y = normal([0.0], 20_000)(generator), normal([shift], 20_000)(generator)
    terms = NonSaturating().distance(critic(x), critic(y))
    assert terms["jensen_shannon"].item() == pytest.approx(jensen_shannon(shift), abs=0.02)
    places = torch.linspace(-1, 1 + shift, 9)[:, None]
    ratio = torch.sigmoid(shift * (shift / 2 - places[:, 0]))
    assert torch.allclose(torch.sigmoid(critic(places)), ratio, atol=0.08)
    if shift == 0.0:
        assert terms["discriminator_real"].item() == pytest.approx(0.5, abs=0.02)
        assert terms["discriminator_fake"].item() == pytest.approx(0.5, abs=0.02)


def test_disjoint_distributions_saturate_the_divergence_but_not_the_distance():
    """Two diracs: the Jensen-Shannon divergence is log 2 however far apart they are."""
    for d in (1.0, 4.0):
        critic, generator = train_critic(NonSaturating(), dirac(0.0), dirac(d), 1, 150, 1e-2)
        terms = NonSaturating().distance(critic(dirac(0.0)(generator)), critic(dirac(d)(generator)))
        assert terms["jensen_shannon"].item() == pytest.approx(math.log(2), abs=0.01)


def test_penalties_of_a_linear_critic():
    weight = torch.tensor([3.0, -4.0])
    x, y = torch.randn(2, 100, 2)
    generator = torch.Generator().manual_seed(0)

    def critic(features: Tensor) -> Tensor:
        return features @ weight

    assert torch.allclose(gradient_norm(critic, x), torch.tensor(5.0))
    terms = Wasserstein(2.0).critic_loss(critic, x, y, generator)
    assert terms["gradient_penalty"].item() == pytest.approx(16.0, rel=1e-5)
    assert terms["total"].item() == pytest.approx(32.0 - terms["wasserstein"].item(), rel=1e-5)
    terms = NonSaturating(0.4).critic_loss(critic, x, y, generator)
    without = NonSaturating().critic_loss(critic, x, y, generator)
    assert (terms["total"] - without["total"]).item() == pytest.approx(0.5 * 0.4 * 25, rel=1e-4)


MODES = torch.tensor([[-1.5, 0.0], [1.5, 0.5]])


def two_modes(generator: torch.Generator) -> Tensor:
    which = torch.randint(2, (N,), generator=generator)
    return MODES[which] + 0.2 * torch.randn(N, 2, generator=generator)


@pytest.mark.parametrize(("game", "turns", "steps"), [(NonSaturating(0.5), 1, 600), (Wasserstein(0.1), 3, 450)])
def test_two_modes_in_the_plane(game, turns, steps):
    """Each loss teaches a generator both modes in equal parts, with little between them."""
    parts, random = {"critic": network(2, 1), "generator": network(2, 2)}, torch.Generator().manual_seed(2)
    critic, length = scores(parts["critic"]), {"critic": steps * turns, "generator": steps}
    optimisers = {name: torch.optim.Adam(part.parameters(), 3e-3, betas=(0.5, 0.9)) for name, part in parts.items()}
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR
    schedules = {name: cosine(optimiser, length[name]) for name, optimiser in optimisers.items()}

    def draw(n: int = N) -> Tensor:
        return parts["generator"](torch.randn(n, 2, generator=random))

    def step(name: str, total: Tensor) -> None:
        optimisers[name].zero_grad()
        total.backward()
        optimisers[name].step()
        schedules[name].step()

    def distances() -> Tensor:
        with torch.no_grad():
            return torch.cdist(draw(4000), MODES)

    assert (distances().amin(1) < 0.8).float().mean() < 0.1
    for _ in range(steps):
        for _ in range(turns):
            step("critic", game.critic_loss(critic, two_modes(random), draw().detach(), random)["total"])
        step("generator", game.generator_loss(critic(draw())))
    nearest, which = distances().min(1)
    assert (which == 0).float().mean().item() == pytest.approx(0.5, abs=0.1)
    assert (nearest < 0.8).float().mean() > 0.8
    assert 0.1 < nearest.median() < 0.4  # 0.24 for the truth
