r"""Generator: what every model is to the rest of caloforge, and the registry of families by name.

A generator is a pushforward :math:`x = G(z, c)` of noise :math:`z \sim N(0, 1)^{n}`: all randomness comes in as an
argument, so the same noise gives the same showers here, in ONNX and in C++.
"""

__all__ = ["Generator", "Losses", "MODELS", "register", "build_model"]

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.errors import UnknownName
from caloforge.preprocessing.pipeline import Pipeline

Losses = dict[str, Tensor]


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

    @abstractmethod
    def sample(self, noise: Float[Tensor, "N Z"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N F"]:
        """Features of one shower for each row of standard normal noise."""


_Family = TypeVar("_Family", bound=Callable[..., Generator])
MODELS: dict[str, Callable[..., Generator]] = {}


def register(name: str) -> Callable[[_Family], _Family]:
    """Class decorator that makes a family known to ``model.name`` of the configuration."""

    def add(family: _Family) -> _Family:
        MODELS[name] = family
        return family

    return add


def build_model(name: str, pipeline: Pipeline, **options: Any) -> Generator:
    """A model of the named family for the features of a pipeline.

    Raises:
        UnknownName: no such family.
    """
    if name not in MODELS:
        raise UnknownName("model", name, MODELS)
    return MODELS[name](pipeline, **options)
