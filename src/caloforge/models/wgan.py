"""."""
from typing import Literal

from pydantic import Field

from caloforge.models.adversary import Game, Wasserstein
from caloforge.models.base import register
from caloforge.models.gan import AdversarialConfig


@register
class WGANConfig(AdversarialConfig):
    name: Literal["wgan"] = "wgan"
    penalty: float = Field(10.0)

    def game(self) -> Game:
        return Wasserstein(self.penalty)
