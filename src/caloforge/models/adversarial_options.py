"""Options that both adversarial games share: energies, generator, what the critic sees, learning."""

__all__ = ["AdversarialOptions"]

from abc import abstractmethod
from typing import Literal

from pydantic import Field

from caloforge.models.adversary import Game
from caloforge.models.two_stage import TwoStageConfig


class AdversarialOptions(TwoStageConfig):
    """Options that both games share."""

    energies: Literal["flow", "adversarial"] = Field(
        "flow", description="layer energies from a spline flow trained by its likelihood, or from the game as well"
    )
    latent: int = Field(32, ge=1, description="latent dimension, next to one normal for each cell")
    width: int = Field(256, ge=1, description="hidden units of the generator")
    depth: int = Field(2, ge=0, description="residual blocks of the generator")
    critic_width: int = Field(256, ge=1, description="hidden units of either network of the critic")
    critic_depth: int = Field(2, ge=0, description="residual blocks of either network of the critic")
    critic_turns: int = Field(3, ge=1, description="optimiser steps of the critic for one of the generator (n_critic)")
    critic_speed: float = Field(1.0, gt=0, description="learning rate of the critic over the generator's")
    betas: tuple[float, float] = Field((0.0, 0.9), description="Adam's decays for critic and generator")
    critic_local: bool = Field(
        False, description="show the critic observables of local structure: neighbouring cells, isolated hits"
    )
    critic_mesh: int = Field(
        0, ge=0, description="channels of a third network of the critic, convolutions over the mesh; 0: none"
    )
    coupling: int = Field(
        0, ge=0, description="channels of the generator's convolution that joins neighbouring cells; 0: none"
    )
    coupling_maps: int = Field(2, ge=0, description="normals of each cell that only this convolution hears of")
    faint: Literal["free", "power"] = Field(
        "free", description="the faintest hits: free, or by the power law of the data (a finite density at zero energy)"
    )
    energy_sum: bool = Field(True, description="show the critic the total energy")
    mode_seeking: float = Field(
        0.0, ge=0, description="weight of the penalty on samples that hardly differ where their noise does; 0: none"
    )
    feature_matching: float = Field(
        0.0, ge=0, description="weight of the match of means and squares of the critic's observables; 0: none"
    )
    minibatch_std: bool = Field(False, description="show the critic the spread of its features over the batch")
    packing: int = Field(1, ge=1, description="showers that the critic judges together, with one score")
    spectral_norm: bool = Field(False, description="divide the critic's matrices by their largest singular value")
    flow_speed: float = Field(0.5, gt=0, description="learning rate of the flow over the generator's")

    @abstractmethod
    def game(self) -> Game:
        """The losses of critic and generator."""
