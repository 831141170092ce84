r"""Generator: what every model is to the rest of caloforge, and the registry of families by name.

A generator is a pushforward :math:`x = G(z, c)` of noise :math:`z \sim N(0, 1)^{n}`: all randomness comes in as an
argument, so the same noise gives the same showers here, in ONNX and in C++.
"""

__all__ = ["Generator", "Losses", "Player", "ModelConfig", "MODELS", "register", "model_config"]

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from caloforge.errors import UnknownName
from caloforge.preprocessing.pipeline import Pipeline

Losses = dict[str, Tensor]
Loss = Callable[[Tensor, Tensor, float, torch.Generator], Losses]  # of x, c, progress and randomness


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


class Generator(nn.Module, ABC):
    """A conditional generative model of features x (N, F) given conditions c (N, C)."""

    noise_shape: tuple[int, ...]

    def initialise(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"]) -> None:
        """Set data-dependent starting values from the training features, before the first step."""

    @abstractmethod
    def loss(
        self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], progress: float, generator: torch.Generator
    ) -> Losses:
        """Terms to log; ``total`` is minimised. ``progress`` in [0, 1] is the part of training already done."""

    def players(self) -> list[Player]:
        """Who takes turns in a training step; one who minimises ``loss`` over all parameters, if not said otherwise."""
        return [Player("model", list(self.parameters()), self.loss)]

    def held_out(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], generator: torch.Generator) -> Losses:
        """Figures of merit on showers that are not trained on; ``validation`` is the one to watch."""
        return {"validation": self.loss(x, c, 1.0, generator)["total"]}

    @abstractmethod
    def sample(self, noise: Float[Tensor, "N Z"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N F"]:
        """Features of one shower for each row of standard normal noise."""


class ModelConfig(BaseModel, ABC):
    """Options of one family, validated; ``build`` makes the model."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str

    @abstractmethod
    def build(self, pipeline: Pipeline) -> Generator:
        """A new model for the features of a pipeline."""


MODELS: dict[str, type[ModelConfig]] = {}
_Config = TypeVar("_Config", bound=type[ModelConfig])


def register(config: _Config) -> _Config:
    """Class decorator that makes a family known under the default of its ``name``."""
    MODELS[str(config.__pydantic_fields__["name"].default)] = config
    return config


def model_config(options: dict[str, Any]) -> ModelConfig:
    """Validated options of the family that ``options["name"]`` names.

    Raises:
        UnknownName: no such family.
    """
    name = str(options.get("name"))
    if name not in MODELS:
        raise UnknownName("model", name, MODELS)
    return MODELS[name].model_validate(options)
