r"""The two adversarial games between a critic D and a generator G, and what the critic knows about distances.

Original game, with the generator's non-saturating loss (arXiv:1406.2661); :math:`\sigma(D)` is the discriminator:

.. math:: \min_D\; -E[\log\sigma(D(x))] - E[\log(1 - \sigma(D(G(z))))], \qquad \min_G\; -E[\log\sigma(D(G(z)))]

At its optimum minus the loss of D, plus log 4, is twice the Jensen-Shannon divergence in nats, which is log 2 where the
two do not overlap; :math:`\sigma(D) = 1/2` everywhere is the draw. R1 adds :math:`\tfrac{r}{2} E|\nabla D(x)|^2` on
data (arXiv:1801.04406).

Wasserstein game with gradient penalty (arXiv:1701.07875, arXiv:1704.00028); :math:`\hat x` lies on straight lines
between data and samples:

.. math:: \min_D\; E[D(G(z))] - E[D(x)] + \lambda\,E\big(|\nabla D(\hat x)| - 1\big)^2, \qquad \min_G\; -E[D(G(z))]

:math:`E[D(x)] - E[D(G(z))]` estimates K times the distance :math:`W_1` for a critic of Lipschitz constant K; the
penalty only asks for K = 1, so the gradient norms actually reached are reported beside it. At the optimum of the loss K
is :math:`1 + W_1/(2\lambda)`, not 1. One-sided, the penalty spares gradients below 1 (arXiv:1709.08894).
"""

__all__ = ["Critic", "Game", "NonSaturating", "Wasserstein", "gradient_norm", "interpolates", "mode_seeking"]

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

Critic = Callable[[Tensor], Tensor]  # features (N, F) -> scores (N,)
Scalars = dict[str, Tensor]


def gradient_norm(critic: Critic, x: Float[Tensor, "N F"], create_graph: bool = False) -> Float[Tensor, " N"]:
    r"""Norm of :math:`\nabla D` at each x; with ``create_graph`` it can be differentiated again.

    Args:
        critic: features (N, F) -> scores (N,).
        x: (N, F) features.
        create_graph: whether the norm is to be differentiated, as in a penalty.
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=create_graph)
    return gradient.square().sum(1).clamp_min(1e-24).sqrt()


def interpolates(
    real: Float[Tensor, "N F"], fake: Float[Tensor, "N F"], generator: torch.Generator
) -> Float[Tensor, "N F"]:
    """A random point on the straight line from each real to its fake.

    Args:
        real: (N, F) features of data.
        fake: (N, F) features of samples.
        generator: draws the places on the lines.

    Source: arXiv:1704.00028.
    """
    return torch.lerp(real, fake, torch.rand(len(real), 1, generator=generator).to(real))


def mode_seeking(
    first: Float[Tensor, "N F"],
    second: Float[Tensor, "N F"],
    noise: Float[Tensor, "N Z"],
    second_noise: Float[Tensor, "N Z"],
) -> Float[Tensor, ""]:
    r"""Large where samples of different noise are alike:
    :math:`1 \big/ \big(\langle|G(z)-G(z')|\rangle / \langle|z-z'|\rangle + 10^{-5}\big)`.

    Args:
        first: (N, F) samples.
        second: (N, F) samples at the same conditions.
        noise: (N, Z) noise of the first.
        second_noise: (N, Z) noise of the second.

    Source: Mao et al., arXiv:1903.05628.
    """
    ratio = (first - second).abs().mean() / (noise - second_noise).abs().mean()
    return 1 / (ratio + 1e-5)


class Game(ABC):
    """What the critic and the generator minimise, and what the critic's scores mean."""

    @abstractmethod
    def critic_loss(
        self, critic: Critic, real: Float[Tensor, "N F"], fake: Float[Tensor, "N F"], generator: torch.Generator
    ) -> Scalars:
        """``total`` to minimise over the critic, and terms to log.

        Args:
            critic: features (N, F) -> scores (N,).
            real: (N, F) features of data.
            fake: (N, F) features of samples.
            generator: draws what the loss needs at random.
        """

    @abstractmethod
    def generator_loss(self, scores: Float[Tensor, " N"]) -> Float[Tensor, ""]:
        """To minimise over the generator, from the critic's scores of its samples.

        Args:
            scores: (N,) of samples.
        """

    @abstractmethod
    def distance(self, real: Float[Tensor, " N"], fake: Float[Tensor, " M"]) -> Scalars:
        """What the scores of data and samples say about how far apart they are.

        Args:
            real: (N,) scores of data.
            fake: (M,) scores of samples.
        """


@dataclass(frozen=True)
class NonSaturating(Game):
    """Original game with the non-saturating loss; ``r1`` is the weight of the gradient penalty on data.

    Args:
        r1: weight of the gradient penalty; 0: none.
    """

    r1: float = 0.0

    def critic_loss(
        self, critic: Critic, real: Float[Tensor, "N F"], fake: Float[Tensor, "N F"], generator: torch.Generator
    ) -> Scalars:
        r""":math:`-E[\log\sigma(D(x))] - E[\log(1 - \sigma(D(G(z))))] + \tfrac{r}{2} E|\nabla D(x)|^2`.

        Args:
            critic: features (N, F) -> scores (N,).
            real: (N, F) features of data.
            fake: (N, F) features of samples.
            generator: not used.

        Source: arXiv:1406.2661, R1 arXiv:1801.04406.
        """
        scores = critic(real), critic(fake)
        total = softplus(-scores[0]).mean() + softplus(scores[1]).mean()
        terms = self.distance(*scores)
        if self.r1 > 0:
            terms["r1"] = gradient_norm(critic, real, create_graph=True).square().mean()
            total = total + 0.5 * self.r1 * terms["r1"]
        return {"total": total} | terms

    def generator_loss(self, scores: Float[Tensor, " N"]) -> Float[Tensor, ""]:
        r""":math:`-E[\log\sigma(D(G(z)))]`.

        Args:
            scores: (N,) of samples.
        """
        return softplus(-scores).mean()

    def distance(self, real: Float[Tensor, " N"], fake: Float[Tensor, " M"]) -> Scalars:
        """Mean output of the discriminator, 0.5 at the draw; lower bound on the Jensen-Shannon divergence, nats.

        Args:
            real: (N,) scores of data.
            fake: (M,) scores of samples.
        """
        return {
            "discriminator_real": torch.sigmoid(real).mean(),
            "discriminator_fake": torch.sigmoid(fake).mean(),
            "jensen_shannon": math.log(2) - 0.5 * (softplus(-real).mean() + softplus(fake).mean()),
        }


@dataclass(frozen=True)
class Wasserstein(Game):
    """Wasserstein game; ``penalty`` is the weight lambda of the gradient penalty on interpolates.

    Args:
        penalty: lambda; 0: none.
        one_sided: whether gradients below 1 are spared.
    """

    penalty: float = 10.0
    one_sided: bool = False

    def critic_loss(
        self, critic: Critic, real: Float[Tensor, "N F"], fake: Float[Tensor, "N F"], generator: torch.Generator
    ) -> Scalars:
        r""":math:`E[D(G(z))] - E[D(x)] + \lambda\,E(|\nabla D(\hat x)| - 1)^2`.

        Args:
            critic: features (N, F) -> scores (N,).
            real: (N, F) features of data.
            fake: (N, F) features of samples.
            generator: draws the interpolates.

        Source: arXiv:1704.00028, one-sided arXiv:1709.08894.
        """
        terms = self.distance(critic(real), critic(fake))
        if self.penalty > 0:
            excess = gradient_norm(critic, interpolates(real, fake, generator), create_graph=True) - 1
            terms["gradient_penalty"] = (excess.clamp_min(0.0) if self.one_sided else excess).square().mean()
            return {"total": self.penalty * terms["gradient_penalty"] - terms["wasserstein"]} | terms
        return {"total": -terms["wasserstein"]} | terms

    def generator_loss(self, scores: Float[Tensor, " N"]) -> Float[Tensor, ""]:
        """:math:`-E[D(G(z))]`.

        Args:
            scores: (N,) of samples.
        """
        return -scores.mean()

    def distance(self, real: Float[Tensor, " N"], fake: Float[Tensor, " M"]) -> Scalars:
        """Difference of the mean scores: K times a lower bound on the distance, in units of the critic's features.

        Args:
            real: (N,) scores of data.
            fake: (M,) scores of samples.
        """
        return {"wasserstein": real.mean() - fake.mean()}
