r"""Generator: what every model is to the rest of caloforge.

A generator is the pushforward :math:`x = G(z, c)` of a latent prior :math:`p(z) = N(0, 1)^{n}`: all randomness comes in
as an argument, so the same noise gives the same showers here, in ONNX and in C++. Expectations need no density of x
(law of the unconscious statistician): :math:`E[f(x) \mid c] = \int f(G(z, c))\, p(z)\, dz`.
"""

__all__ = ["Estimate", "Generator", "ImplicitDensity", "Losses", "Player"]

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.errors import BadValue, CaloforgeError
from caloforge.models.keep_probability import KeepProbability

Losses = dict[str, Tensor]
Loss = Callable[[Tensor, Tensor, float, torch.Generator], Losses]  # of x, c, progress and randomness
Statistic = Callable[[Tensor, Tensor], Tensor]  # features (n, F) and conditions (n, C) -> (n,) or (n, k)

_BLOCK = 1000  # showers held at a time


@dataclass(frozen=True)
class Player:
    """A part of a model that has a loss and an optimiser of its own.

    Args:
        name: of its losses in the log.
        parameters: what its optimiser moves.
        loss: terms to log; it minimises ``total``.
        turns: optimiser steps in each step of the training, each on a new batch.
        speed: its learning rate over the training's.
        betas: decay of the optimiser's mean gradient and mean squared gradient.
        averaged: whether the averaged weights (EMA) of the training average these, too, or follow the latest.
    """

    name: str
    parameters: list[nn.Parameter]
    loss: Loss
    turns: int = 1
    speed: float = 1.0
    betas: tuple[float, float] = (0.9, 0.99)
    averaged: bool = True


class Estimate(NamedTuple):
    """A value known from finitely many random draws, and its standard error.

    Args:
        value: the mean, or a function of means.
        error: its standard error, in the same shape.
    """

    value: Tensor
    error: Tensor


class ImplicitDensity(CaloforgeError):
    """A likelihood was asked of a model that has none."""

    def __init__(self, model: str) -> None:
        super().__init__(
            f"{model} has no likelihood: it defines its density only through samples, so p(x | c) cannot be evaluated; "
            "use a model with an explicit density (vae, flow), or compare samples with caloforge validate"
        )


class Generator(nn.Module, ABC):
    """A conditional generative model of features x (N, F) given conditions c (N, C).

    ``explicit``: whether ``log_prob`` can be evaluated (VAE, flow) or only samples drawn (GAN).
    ``training_parts``: submodules that only training needs (a critic); a finished run is saved and loaded without them.
    ``keep_probability``: after a training on rare showers shown more often, how probably a sample is kept; then
    ``sample`` and ``log_prob`` are of the showers as they were shown, and `caloforge.generation.sampler` of the truth.
    """

    explicit: ClassVar[bool]
    training_parts: ClassVar[tuple[str, ...]] = ()
    noise_shape: tuple[int, ...]

    def __init__(self) -> None:
        super().__init__()
        self.keep_probability: KeepProbability | None = None

    def initialise(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"]) -> None:
        """Set data-dependent starting values from the training features, before the first step.

        Args:
            x: (N, F) training features.
            c: (N, C) conditions.
        """

    @abstractmethod
    def loss(
        self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], progress: float, generator: torch.Generator
    ) -> Losses:
        """Terms to log; ``total`` is minimised. ``progress`` in [0, 1] is the part of training already done.

        Args:
            x: (N, F) features.
            c: (N, C) conditions.
            progress: part of training done, 0 to 1.
            generator: draws the random numbers.
        """

    def players(self) -> list[Player]:
        """Who takes turns in a training step; one who minimises ``loss`` over all parameters, if not said otherwise."""
        return [Player("model", list(self.parameters()), self.loss)]

    def held_out(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], generator: torch.Generator) -> Losses:
        """Figures of merit on showers that are not trained on; ``validation`` is the one to watch.

        Args:
            x: (N, F) features of held-out showers.
            c: (N, C) conditions.
            generator: draws the random numbers.
        """
        return {"validation": self.loss(x, c, 1.0, generator)["total"]}

    @abstractmethod
    def sample(self, noise: Float[Tensor, "N Z"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N F"]:
        """Features of one shower for each row of standard normal noise.

        Args:
            noise: (N, Z) standard normal.
            c: (N, C) conditions.
        """

    def integrate_with(self, solver: str | None, steps: int | None) -> None:
        """Change how samples are integrated from here on, where a model integrates.

        Args:
            solver: Runge-Kutta method; None: as it is.
            steps: of the solver; None: as they are.

        Raises:
            BadValue: the model's samples are no integral, or not of this kind.
        """
        asked = {"solver": solver, "steps": steps}
        name, value = next((pair for pair in asked.items() if pair[1] is not None), ("solver", None))
        raise BadValue(
            name, value, f"{type(self).__name__} does not integrate: leave it out, or take a flow_matching run"
        )

    def latent(self, n: int, generator: torch.Generator) -> Float[Tensor, "n ..."]:
        """n draws of z from the latent prior, the noise that ``sample`` takes.

        Args:
            n: number of showers.
            generator: draws the noise, on the CPU.
        """
        return torch.randn(n, *self.noise_shape, generator=generator)

    def log_prob(
        self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], generator: torch.Generator, samples: int = 16
    ) -> Estimate:
        """log p(x | c) of each shower in nats with its Monte-Carlo error, or a lower bound: see the model.

        Args:
            x: (N, F) features.
            c: (N, C) conditions.
            generator: draws the random numbers.
            samples: draws of the latent for each shower.

        Raises:
            ImplicitDensity: the model defines its density only through samples.
        """
        raise ImplicitDensity(type(self).__name__)

    def expectation(self, f: Statistic, c: Float[Tensor, " C"], n: int, generator: torch.Generator) -> Estimate:
        """E[f(G(z, c), c)] at one condition from ``n`` showers; values of shape () or (k,), as f has columns.

        Args:
            f: features (n, F) and conditions (n, C) -> (n,) or (n, k).
            c: (C,) one condition.
            n: showers to draw, at least two.
            generator: draws the noise.

        Raises:
            BadValue: fewer than two showers.
        """
        return self._mean(lambda z: _values(f, self, z, c), n, generator)

    def difference(
        self, f: Statistic, c: Float[Tensor, " C"], reference: Float[Tensor, " C"], n: int, generator: torch.Generator
    ) -> Estimate:
        """E[f] at c minus E[f] at ``reference``, with the same z for both (common random numbers).

        What a z does to f it does at both conditions and cancels, so the error is smaller than that of the difference
        of two independent means. Source: Glasserman, Monte Carlo Methods in Financial Engineering (2003), ch. 4 and 7.

        Args:
            f: features (n, F) and conditions (n, C) -> (n,) or (n, k).
            c: (C,) one condition.
            reference: (C,) the condition to compare with.
            n: showers to draw at each, at least two.
            generator: draws the noise.

        Raises:
            BadValue: fewer than two showers.
        """
        return self._mean(lambda z: _values(f, self, z, c) - _values(f, self, z, reference), n, generator)

    @torch.no_grad()
    def _mean(self, f: Callable[[Tensor], Tensor], n: int, generator: torch.Generator) -> Estimate:
        """Mean of f(z) over n draws of z with its standard error, in float64, a block at a time."""
        if n < 2:
            raise BadValue("number of showers", n, "an expectation with an error needs at least two")
        sums = squares = torch.zeros((), dtype=torch.float64)
        first: Tensor | None = None
        for start in range(0, n, _BLOCK):
            values = f(self.latent(min(_BLOCK, n - start), generator)).double().cpu()
            first = values[0] if first is None else first
            sums, squares = sums + (values - first).sum(0), squares + ((values - first) ** 2).sum(0)
        assert first is not None
        variance = ((squares - sums**2 / n) / (n - 1)).clamp_min(0.0)
        return Estimate(first + sums / n, (variance / n).sqrt())


def _values(f: Statistic, model: Generator, z: Tensor, c: Tensor) -> Tensor:
    conditions = c.expand(len(z), -1)
    return f(model.sample(z.to(c), conditions), conditions)
