r"""Adversarial models of showers: an implicit distribution, taught by a critic instead of a likelihood.

.. math:: x = (u, s) = G(z, c), \qquad z \sim N(0, 1)

u: features of the layer energies, s: shares of the cells, c: conditions. Data and samples that the critic compares have
the same conditions. The layer energies come from a flow trained by its likelihood (then the critic compares cells at
the same layer energies), or from a generator that the same critic judges (then nothing but the game teaches the model).
Sources: arXiv:1406.2661; calorimeter GANs, arXiv:1712.10321.
"""

__all__ = ["AdversarialConfig", "AdversarialTwoStage"]

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from caloforge.models.adversarial_options import AdversarialOptions
from caloforge.models.adversary import Critic, Game, Wasserstein, gradient_norm, interpolates, mode_seeking
from caloforge.models.base import Losses, Player
from caloforge.models.cascade import TwoStage
from caloforge.models.critic import ShowerCritic, ShowerFeatures
from caloforge.models.feature_matching import FeatureMatching
from caloforge.models.mesh_networks import MeshCritic
from caloforge.models.pushforward import EnergyGenerator, ShapeGenerator
from caloforge.models.stages import EnergyStage
from caloforge.nn.conditioning import ParticleEmbedding
from caloforge.preprocessing.pipeline import Pipeline


class AdversarialTwoStage(TwoStage):
    """Cells by a generator against a critic; layer energies by a likelihood, or by a generator against the same critic.

    The generator's loss does not reach an explicit energy stage: it is trained by its own likelihood, and the critic
    compares cells at the layer energies of the data.

    Args:
        pipeline: the preprocessing, fitted.
        embedding: of the particle, for generators and critic.
        energies: the first stage; a generator of energies plays the game, too.
        shape: generator of the cells.
        game: the losses.
        options: of the family.
    """

    explicit: ClassVar[bool] = False
    training_parts: ClassVar[tuple[str, ...]] = ("critic", "features", "matching")

    def __init__(
        self,
        pipeline: Pipeline,
        embedding: ParticleEmbedding,
        energies: EnergyStage | EnergyGenerator,
        shape: ShapeGenerator,
        game: Game,
        options: AdversarialOptions,
    ) -> None:
        super().__init__(pipeline, embedding, energies, shape)
        self.game, self.options = game, options
        self.features = ShowerFeatures(pipeline.binning, options.energy_sum, options.critic_local)
        judged, context = (0, 2 * pipeline.n_layers) if isinstance(energies, EnergyStage) else (pipeline.n_layers, 0)
        n_observables = self.features.n_observables + judged
        self.matching = FeatureMatching(n_observables, embedding.n_out) if options.feature_matching else None
        width, packing, n_conditions = options.critic_width, options.packing, options.packing * embedding.n_out
        mesh = (
            MeshCritic(pipeline.binning, context, n_conditions, options.critic_mesh, width, packing)
            if options.critic_mesh
            else None
        )
        self.critic = ShowerCritic(
            self.features.n_cells,
            n_observables,
            context,
            embedding.n_out,
            width,
            options.critic_depth,
            options.conditioning,
            options.minibatch_std,
            options.spectral_norm,
            packing,
            mesh,
        )

    def initialise(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"]) -> None:
        """Starting values of the stages, and the scale of the critic's features.

        Args:
            x: (N, F) training features.
            c: (N, C) conditions.
        """
        super().initialise(x, c)
        self.features.fit(self.pipeline.cells(x, c), self.pipeline.condition.energies(c))

    def _judged(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N K"]:
        """What the critic compares: cells and observables, and the energy features where they are generated."""
        features = self.features(self.pipeline.cells(x, c), self.pipeline.condition.energies(c))
        if isinstance(self.energies, EnergyStage):
            return features
        return torch.cat([features, self.pipeline.parts(x).energies], 1)

    def _context(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N U"]:
        """What the critic is told beside the conditions: the layer energies where they are given."""
        if isinstance(self.energies, EnergyStage):
            return self.context(self.pipeline.parts(x).energies, c)[0].tensor
        return x[:, :0]

    def _imitation(
        self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], noise: Float[Tensor, "N Z"]
    ) -> Float[Tensor, "N F"]:
        """Samples at the conditions of x, and at its layer energies where the critic is told these."""
        parts, e, u = self.noise.split(noise), self.embedding(c), self.pipeline.parts(x).energies
        if not isinstance(self.energies, EnergyStage):
            u = self.energies.sample(parts.energies, e)
        return self._with_cells(u, parts, c, e)

    def critic_loss(
        self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], progress: float, generator: torch.Generator
    ) -> Losses:
        """The critic's part of the game.

        Args:
            x: (N, F) features.
            c: (N, C) conditions.
            progress: not used.
            generator: draws the noise, and what the game needs.
        """
        with torch.no_grad():
            critic, real, fake = self._trial(x, c, generator)
        return self.game.critic_loss(critic, real, fake, generator)

    def _trial(
        self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], generator: torch.Generator
    ) -> tuple[Critic, Float[Tensor, "P K"], Float[Tensor, "P K"]]:
        """The critic at the conditions of x, the features of x, and those of as many samples, in packs."""
        fake = self._judged(self._imitation(x, c, self.latent(len(x), generator).to(x)), c)
        return self._critic_at(x, c), self.critic.packed(self._judged(x, c)), self.critic.packed(fake)

    def _critic_at(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"]) -> Critic:
        """Scores of packed features at the conditions, and where the critic is told these the layer energies, of x."""
        context, e = self.critic.packed(self._context(x, c)), self.critic.packed(self.embedding(c))
        return lambda features: self.critic(features, context, e)

    def loss(
        self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], progress: float, generator: torch.Generator
    ) -> Losses:
        """The generator's part of the game.

        Args:
            x: (N, F) features.
            c: (N, C) conditions.
            progress: not used.
            generator: draws the noise.

        Raises:
            BadValue: fewer showers than the critic judges together.
        """
        noise = self.latent(len(x), generator).to(x)
        fake = self._judged(self._imitation(x, c, noise), c)
        total = self.game.generator_loss(self._critic_at(x, c)(self.critic.packed(fake)))
        terms = {}
        if self.matching is not None:
            n = self.features.n_cells
            with torch.no_grad():
                real = self._judged(x, c)
            matching, terms["feature_distance"] = self.matching(real[:, n:], fake[:, n:], self.embedding(c))
            total = total + self.options.feature_matching * matching
        if self.options.mode_seeking == 0:
            return {"total": total} | terms
        second = self.latent(len(x), generator).to(x)
        seeking = mode_seeking(fake, self._judged(self._imitation(x, c, second), c), noise, second)
        return {"total": total + self.options.mode_seeking * seeking, "mode_seeking": seeking} | terms

    def energy_loss(
        self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], progress: float, generator: torch.Generator
    ) -> Losses:
        """Negative log-likelihood of an explicit energy stage, nats.

        Args:
            x: (N, F) features.
            c: (N, C) conditions.
            progress: not used.
            generator: not used.
        """
        assert isinstance(self.energies, EnergyStage)
        return {"total": -self.energies.log_prob(self.pipeline.parts(x).energies, self.embedding(c)).mean()}

    def players(self) -> list[Player]:
        """Critic, generator and, where the layer energies have a likelihood, these."""
        o = self.options
        critic, shape = list(self.critic.parameters()), list(self.shape.parameters())
        energies = [*self.energies.parameters(), *self.embedding.parameters()]
        first = Player("critic", critic, self.critic_loss, o.critic_turns, o.critic_speed, o.betas, averaged=False)
        if isinstance(self.energies, EnergyStage):
            generator = Player("generator", shape, self.loss, betas=o.betas)
            return [first, generator, Player("energies", energies, self.energy_loss, speed=o.flow_speed)]
        return [first, Player("generator", shape + energies, self.loss, betas=o.betas)]

    def held_out(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], generator: torch.Generator) -> Losses:
        """What the critic says of samples and held-out showers, and quantiles of its gradient norm there.

        ``validation`` is the Jensen-Shannon bound (GAN), or the estimate of the Wasserstein distance over the Lipschitz
        constant reached, the 99 % quantile on interpolates (WGAN).

        Args:
            x: (N, F) features of held-out showers.
            c: (N, C) conditions.
            generator: draws the random numbers.
        """
        critic, real, fake = self._trial(x, c, generator)
        distance = self.game.distance(critic(real), critic(fake))
        terms = {f"validation_{name}": value for name, value in distance.items()}
        for name, at in (("interpolates", interpolates(real, fake, generator)), ("data", real)):
            for q, norm in zip((50, 99), gradient_norm(critic, at).quantile(x.new_tensor([0.5, 0.99])), strict=True):
                terms[f"lipschitz_{name}_{q}"] = norm
        if isinstance(self.energies, EnergyStage):
            terms["validation_energy_nll"] = self.energy_loss(x, c, 1.0, generator)["total"]
        if isinstance(self.game, Wasserstein):
            return terms | {"validation": distance["wasserstein"] / terms["lipschitz_interpolates_99"]}
        return terms | {"validation": distance["jensen_shannon"]}


class AdversarialConfig(AdversarialOptions):
    """Options that both games share, and the model that they make."""

    def build(self, pipeline: Pipeline) -> AdversarialTwoStage:
        """Generators, critic and game, not yet trained.

        Args:
            pipeline: the preprocessing, fitted.
        """
        embedding = self.embedding(pipeline)
        n_conditions = embedding.n_out
        network = (self.width, self.depth, self.conditioning, self.linear_tails(pipeline))
        energies: EnergyStage | EnergyGenerator = (
            self.energy_flow(pipeline, n_conditions)
            if self.energies == "flow"
            else EnergyGenerator(pipeline.n_layers, n_conditions, *network)
        )
        shape = ShapeGenerator(
            pipeline.binning,
            n_conditions,
            self.latent,
            *network,
            channels=self.coupling,
            maps=self.coupling_maps,
            power=self.faint == "power",
        )
        return AdversarialTwoStage(pipeline, embedding, energies, shape, self.game(), self)
