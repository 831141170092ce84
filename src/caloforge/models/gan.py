r"""Generative adversarial networks of showers: an implicit distribution, taught by a critic instead of a likelihood.

.. math:: s = G(z, u, c), \qquad z \sim N(0, 1)

u: features of the layer energies, c: conditions, s: shares of the cells. The generator's network turns latent noise
and context into the parameters of every cell, and `ThresholdShares` turns them and the cell's own noise into energies
with exact zeros; all of it can be differentiated, so the critic's opinion reaches every weight. Data and samples that
the critic compares have the same conditions. Sources: arXiv:1406.2661; calorimeter GANs, arXiv:1712.10321.
"""

__all__ = ["AdversarialCascade", "AdversarialConfig", "GANConfig", "ShapeGenerator"]

from abc import abstractmethod
from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from caloforge.geometry.binning import Binning
from caloforge.models.adversary import Game, NonSaturating, gradient_norm
from caloforge.models.base import Losses, ModelConfig, Player, register
from caloforge.models.cascade import Cascade, EnergyStage, ShapeStage
from caloforge.models.critic import ShowerCritic, ShowerFeatures
from caloforge.models.flow import LayerEnergyFlow
from caloforge.models.threshold import ThresholdShares
from caloforge.nn.layers import ConditionedMLP
from caloforge.preprocessing.pipeline import Pipeline


class ShapeGenerator(ShapeStage):
    """Pushforward of [latent | one normal a cell] to the shares of the cells."""

    def __init__(self, binning: Binning, n_conditions: int, latent: int, width: int, depth: int) -> None:
        super().__init__()
        self.n_layers, self.latent = binning.n_layers, latent
        self.shares = ThresholdShares(binning)
        self.noise_width = latent + self.shares.noise_width
        self.network = ConditionedMLP(latent + 2 * binning.n_layers, width, n_conditions, width, depth)
        self.cells = nn.Linear(width + binning.n_layers, 4 * binning.n_voxels)

    def initialise(self, shares: Float[Tensor, "N V"]) -> None:
        """Start from the mean picture: each cell's hit rate and mean share when hit."""
        hit = shares > 0
        rate = hit.float().mean(0).clamp(1e-3, 1 - 1e-3)
        mean = (shares.sum(0) / hit.sum(0).clamp_min(1)).clamp_min(1e-8)
        with torch.no_grad():
            self.cells.weight.mul_(0.1)
            self.cells.bias.copy_(torch.cat([rate.logit(), mean.log(), torch.zeros_like(rate), torch.zeros_like(rate)]))

    def sample(
        self,
        noise: Float[Tensor, "N M"],
        u: Float[Tensor, "N U"],
        c: Float[Tensor, "N C"],
        active: Bool[Tensor, "N L"],
    ) -> Float[Tensor, "N V"]:
        """Shares of new showers; layers that are not ``active`` have no hit."""
        z, cells = noise[:, : self.latent], noise[:, self.latent :]
        hidden = self.network(torch.cat([z, u], 1), c)
        p = self.cells(torch.cat([hidden, u[:, -self.n_layers :]], 1)).view(len(z), 4, -1)
        return self.shares(cells, p, active)

    def loss(self, *args: object) -> Losses:
        raise NotImplementedError

    def log_prob(self, *args: object) -> Tensor:
        raise NotImplementedError


class AdversarialCascade(Cascade):
    """Layer energies by a flow, cells by an adversarial generator that sees the energies of the data."""

    def __init__(
        self,
        pipeline: Pipeline,
        energies: EnergyStage,
        shape: ShapeGenerator,
        game: Game,
        critic_width: int,
        critic_depth: int,
        turns: int,
        critic_speed: float,
        energy_speed: float,
        betas: tuple[float, float],
    ) -> None:
        super().__init__(pipeline, energies, shape)
        binning = pipeline.binning
        self.game, self.turns, self.betas = game, turns, betas
        self.critic_speed, self.energy_speed = critic_speed, energy_speed
        self.features = ShowerFeatures(binning)
        self.critic = ShowerCritic(self.features, 2 * binning.n_layers, pipeline.n_conditions, critic_width, critic_depth)

    def _fractions(self, u, shares, c):
        incident = self.pipeline.condition.inverse(c).exp()
        layers = self.pipeline.layer_energies(u, c) / incident
        return shares * layers[:, self.shape.shares.layer_of_voxel]

    def initialise(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"]) -> None:
        super().initialise(x, c)
        self.features.fit(self._fractions(x[:, : self.n_layers], x[:, self.n_layers :], c))

    def _fake(self, u, context, active, c, generator):
        noise = torch.randn(len(u), self.shape.noise_width, generator=generator)
        return self.features(self._fractions(u, self.shape.sample(noise, context, c, active), c))

    def _real(self, x, c):
        u = x[:, : self.n_layers]
        return self.features(self._fractions(u, x[:, self.n_layers :], c))

    def critic_loss(self, x, c, progress, generator):
        u = x[:, : self.n_layers]
        with torch.no_grad():
            context, active = self._context(u, c)
            fake = self._fake(u, context, active, c, generator)
            real = self._real(x, c)
        return self.game.critic_loss(lambda f: self.critic(f, context, c), real, fake, generator)

    def generator_loss(self, x, c, progress, generator):
        u = x[:, : self.n_layers]
        with torch.no_grad():
            context, active = self._context(u, c)
        fake = self._fake(u, context, active, c, generator)
        return {"total": self.game.generator_loss(self.critic(fake, context, c))}

    def energy_loss(self, x, c, progress, generator):
        nll = -self.energies.log_prob(x[:, : self.n_layers], c).mean()
        return {"total": nll}

    def players(self):
        return [
            Player("critic", list(self.critic.parameters()), self.critic_loss, self.turns, self.critic_speed, self.betas, averaged=False),
            Player("generator", list(self.shape.parameters()), self.generator_loss, betas=self.betas),
            Player("energies", list(self.energies.parameters()), self.energy_loss, speed=self.energy_speed),
        ]

    def held_out(self, x, c, generator):
        u = x[:, : self.n_layers]
        context, active = self._context(u, c)
        real, fake = self._real(x, c), self._fake(u, context, active, c, generator)
        critic = lambda f: self.critic(f, context, c)
        terms = self.game.distance(critic(real), critic(fake))
        out = {f"validation_{k}": v for k, v in terms.items()}
        mixed = torch.lerp(real, fake, torch.rand(len(real), 1, generator=generator))
        for name, at in (("interpolates", mixed), ("data", real)):
            norm = gradient_norm(critic, at)
            for q in (0.5, 0.99):
                out[f"lipschitz_{name}_{round(100 * q)}"] = norm.quantile(q)
        return out | {"validation": next(iter(terms.values())), "validation_energy_nll": -self.energies.log_prob(u, c).mean()}


class AdversarialConfig(ModelConfig):
    latent: int = Field(32, ge=1, description="latent dimension")
    width: int = Field(256, ge=1, description="hidden units of the generator")
    depth: int = Field(2, ge=0, description="residual blocks of the generator")
    critic_width: int = Field(256, ge=1, description="hidden units of the critic")
    critic_depth: int = Field(2, ge=0, description="residual blocks of the critic")
    critic_turns: int = Field(3, ge=1)
    critic_speed: float = Field(1.0)
    energy_speed: float = Field(2.0)
    betas: tuple[float, float] = (0.0, 0.9)
    flow_transforms: int = Field(6, ge=1, description="spline couplings of the layer-energy flow")
    flow_bins: int = Field(8, ge=2, description="bins of each spline")
    flow_width: int = Field(64, ge=1, description="hidden units of each coupling")

    @abstractmethod
    def game(self) -> Game: ...

    def build(self, pipeline: Pipeline) -> AdversarialCascade:
        binning, n_conditions = pipeline.binning, pipeline.n_conditions
        energies = LayerEnergyFlow(
            binning.n_layers, n_conditions, self.flow_transforms, self.flow_bins, self.flow_width
        )
        shape = ShapeGenerator(binning, n_conditions, self.latent, self.width, self.depth)
        return AdversarialCascade(pipeline, energies, shape, self.game(), self.critic_width, self.critic_depth, self.critic_turns, self.critic_speed, self.energy_speed, self.betas)


@register
class GANConfig(AdversarialConfig):
    name: Literal["gan"] = "gan"
    r1: float = 0.1

    def game(self) -> Game:
        return NonSaturating(self.r1)
