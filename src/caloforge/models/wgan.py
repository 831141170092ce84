r"""Wasserstein GAN with gradient penalty (arXiv:1704.00028): `AdversarialTwoStage` in the game `Wasserstein`."""

__all__ = ["WGANConfig"]

from typing import Literal

from pydantic import Field

from caloforge.models.adversarial import AdversarialConfig
from caloforge.models.adversary import Wasserstein
from caloforge.models.registry import register


@register
class WGANConfig(AdversarialConfig):
    """Wasserstein game; the critic takes ``critic_turns`` steps for one of the generator."""

    name: Literal["wgan"] = "wgan"
    penalty: float = Field(10.0, ge=0, description="weight lambda of the gradient penalty on interpolates; 0: none")
    one_sided: bool = Field(False, description="penalise only gradients above 1")

    def game(self) -> Wasserstein:
        return Wasserstein(self.penalty, self.one_sided)
