r"""Generative adversarial network, the original game (arXiv:1406.2661): `AdversarialTwoStage` in `NonSaturating`."""

__all__ = ["GANConfig"]

from typing import Literal

from pydantic import Field

from caloforge.models.adversarial import AdversarialConfig
from caloforge.models.adversary import NonSaturating
from caloforge.models.registry import register


@register
class GANConfig(AdversarialConfig):
    """Original game with the non-saturating loss and, with ``r1`` > 0, the R1 penalty."""

    name: Literal["gan"] = "gan"
    r1: float = Field(0.1, ge=0, description="weight of the gradient penalty on data; 0: none")

    def game(self) -> NonSaturating:
        return NonSaturating(self.r1)
