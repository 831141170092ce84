r"""The smallest GAN that loses a mode: a plane, a wide common mode and a narrow rare one, two perceptrons.

.. math:: x \sim (1-\epsilon)\, N(0, 1) + \epsilon\, N\big((8, 0),\ 0.5^2\big)

The games are those of the shower models (`caloforge.models.adversary`), and the minimax game of arXiv:1406.2661 in
which the generator minimises :math:`E[\log(1 - \sigma(D(G(z))))]` and has no gradient where D is sure. Remedies:
packing (arXiv:1712.04086), the mode-seeking term (arXiv:1903.05628), the Wasserstein game, rare points drawn more often
in training and kept as rarely when generating (`caloforge.training.balance`).
"""

__all__ = ["REMEDIES", "Minimax", "ModeGradient", "Outcome", "ToyGame", "gradients", "play", "two_modes"]

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import softplus

from caloforge.models.adversary import Game, NonSaturating, Wasserstein, mode_seeking
from caloforge.models.keep_probability import KeepProbability
from caloforge.rng import stream, torch_stream
from caloforge.training.balance import Balance, balance_between

_NOISE, _WIDTH = 4, 32
_PLACE, _NARROW = 8.0, 0.5
_BORDER = 5.0  # in x; right of it is the rare mode


class Minimax(NonSaturating):
    """The original game with the generator's original, saturating loss."""

    def generator_loss(self, scores: Float[Tensor, " N"]) -> Float[Tensor, ""]:
        return -softplus(scores).mean()


@dataclass(frozen=True)
class ToyGame:
    """How to play; ``packing`` points are judged together, ``critic_turns`` steps of the critic for one of G."""

    game: Game = field(default_factory=Minimax)
    packing: int = 1
    mode_seeking: float = 0.0
    balance: float = 0.0
    critic_turns: int = 1
    steps: int = 800
    batch: int = 256
    learning_rate: float = 2e-3
    rarity: float = 0.01


REMEDIES: dict[str, ToyGame] = {
    "minimax": ToyGame(),
    "non-saturating": ToyGame(NonSaturating()),
    "non-saturating, R1": ToyGame(NonSaturating(r1=0.1)),
    "R1, packing 4": ToyGame(NonSaturating(r1=0.1), packing=4),
    "R1, mode-seeking": ToyGame(NonSaturating(r1=0.1), mode_seeking=0.1),
    "R1, balance": ToyGame(NonSaturating(r1=0.1), balance=1.0),
    "wgan-gp": ToyGame(Wasserstein(penalty=1.0), critic_turns=3),
    "wgan-gp, packing 4": ToyGame(Wasserstein(penalty=1.0), critic_turns=3, packing=4),
    "wgan-gp, balance": ToyGame(Wasserstein(penalty=1.0), critic_turns=3, balance=1.0),
    "R1, balance, 2400 steps": ToyGame(NonSaturating(r1=0.1), balance=1.0, steps=2400),
    "wgan-gp, balance, 2400 steps": ToyGame(Wasserstein(penalty=1.0), critic_turns=3, balance=1.0, steps=2400),
}


@dataclass(frozen=True)
class ModeGradient:
    """What one mode says to the generator.

    Args:
        share: of the generated points in the mode.
        at_generated: mean gradient norm of the generator's loss at generated points there; NaN where there are none.
        of_total: part of the summed gradient norms of the whole batch.
        at_truth: the norm that the loss would have at true points of the mode, where the generator should go.
    """

    share: float
    at_generated: float
    of_total: float
    at_truth: float


@dataclass(frozen=True, eq=False)
class Outcome:
    """The players after the game, and which of the generator's points to keep."""

    generator: nn.Module
    critic: nn.Module
    options: ToyGame
    keep_probability: KeepProbability | None = None

    def sample(self, n: int, chance: torch.Generator) -> Float[Tensor, "n 2"]:
        """Generated points that were kept."""
        accepted = torch.empty(0, 2)
        while len(accepted) < n:
            points = self.propose(n, chance)
            if self.keep_probability is not None:
                points = points[torch.rand(n, generator=chance) < self.keep_probability(points)]
            accepted = torch.cat([accepted, points])
        return accepted[:n]

    def propose(self, n: int, chance: torch.Generator) -> Float[Tensor, "n 2"]:
        """Points as the generator makes them."""
        with torch.no_grad():
            return self.generator(torch.randn(n, _NOISE, generator=chance))


def two_modes(n: int, rarity: float, chance: torch.Generator) -> tuple[Float[Tensor, "n 2"], Int[Tensor, " n"]]:
    """Points of the truth and their mode, 1 for the rare one."""
    rare = (torch.rand(n, generator=chance) < rarity).long()
    x = torch.randn(n, 2, generator=chance)
    displaced = _NARROW * x + torch.tensor([_PLACE, 0.0])
    return torch.where(rare[:, None] == 1, displaced, x), rare


def _perceptron(n_in: int, n_out: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(n_in, _WIDTH),
        nn.LeakyReLU(0.2),
        nn.Linear(_WIDTH, _WIDTH),
        nn.LeakyReLU(0.2),
        nn.Linear(_WIDTH, n_out),
    )


def play(options: ToyGame, seed: int, n_truth: int = 10_000) -> Outcome:
    """Train both players on ``n_truth`` points; same seed, same outcome."""
    chance = torch_stream(seed, "toy game")
    truth, mode = two_modes(n_truth, options.rarity, chance)
    rng = stream(seed, "balance")
    balance = balance_between(truth, mode.numpy(), options.balance, rng) if options.balance else None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(chance.initial_seed())
        networks = _perceptron(_NOISE, 2), _perceptron(2 * options.packing, 1)
    outcome = Outcome(*networks, options, None if balance is None else balance.keep_probability)
    players = [
        torch.optim.Adam(net.parameters(), options.learning_rate, (0.5, 0.9), fused=True)
        for net in (outcome.critic, outcome.generator)
    ]
    for _ in range(options.steps):
        for _ in range(options.critic_turns):
            _critic_turn(outcome, players[0], _draw(truth, balance, options, chance), chance)
        _generator_turn(outcome, players[1], chance)
    return outcome


def _draw(
    truth: Float[Tensor, "n 2"], balance: Balance | None, options: ToyGame, chance: torch.Generator
) -> Float[Tensor, "b 2"]:
    if balance is None:
        return truth[torch.randint(len(truth), (options.batch,), generator=chance)]
    return truth[balance.rows(options.batch, chance)]


def _packed(x: Float[Tensor, "n 2"], packing: int) -> Float[Tensor, "p q"]:
    return x.reshape(len(x) // packing, -1)


def _critic_turn(
    outcome: Outcome, player: torch.optim.Optimizer, real: Float[Tensor, "b 2"], chance: torch.Generator
) -> None:
    packing = outcome.options.packing
    fake = outcome.propose(len(real), chance)
    loss = outcome.options.game.critic_loss(
        lambda x: outcome.critic(x)[:, 0], _packed(real, packing), _packed(fake, packing), chance
    )
    player.zero_grad()
    loss["total"].backward()  # type: ignore[no-untyped-call]
    player.step()


def _generator_turn(outcome: Outcome, player: torch.optim.Optimizer, chance: torch.Generator) -> None:
    options = outcome.options
    noise, second = torch.randn(2, options.batch, _NOISE, generator=chance)
    fake = outcome.generator(noise)
    loss = options.game.generator_loss(outcome.critic(_packed(fake, options.packing))[:, 0])
    if options.mode_seeking > 0:
        loss = loss + options.mode_seeking * mode_seeking(fake, outcome.generator(second), noise, second)
    player.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    player.step()


def gradients(outcome: Outcome, n: int, chance: torch.Generator) -> tuple[ModeGradient, ModeGradient]:
    """Gradient norms of the generator's loss with respect to points, for the common and for the rare mode."""
    generated, (truth, mode) = outcome.propose(n, chance), two_modes(n, 0.5, chance)
    at_generated, at_truth = (_norms(outcome, points) for points in (generated, truth))
    rare = generated[:, 0] > _BORDER
    first, second = (
        ModeGradient(
            float(of_mode.double().mean()),
            float(at_generated[of_mode].mean()),
            float(at_generated[of_mode].sum() / at_generated.sum().clamp_min(1e-30)),
            float(at_truth[mode == k].mean()),
        )
        for k, of_mode in enumerate((~rare, rare))
    )
    return first, second


def _norms(outcome: Outcome, points: Float[Tensor, "n 2"]) -> Float[Tensor, " n"]:
    """Norm of the gradient of each point's own loss."""
    points = points.detach().requires_grad_()
    scores = outcome.critic(_packed(points, outcome.options.packing))[:, 0]
    loss = outcome.options.game.generator_loss(scores) * len(scores)
    (gradient,) = torch.autograd.grad(loss, points)
    return gradient.norm(dim=1)
