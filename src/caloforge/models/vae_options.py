"""Options of a VAE: its latent, what the KL term weighs in training, and the densities of the cells to choose from."""

__all__ = ["DECODERS", "VAEOptions"]

from typing import Literal

from pydantic import Field, model_validator

from caloforge.models.beta import BetaSchedule
from caloforge.models.blur import MeanShares
from caloforge.models.hurdle import DirichletShares, LogNormalShares
from caloforge.models.shares import ShareDensity
from caloforge.models.two_stage import TwoStageConfig

Decoder = Literal["dirichlet", "lognormal", "mse"]
DECODERS: dict[Decoder, type[ShareDensity]] = {
    "dirichlet": DirichletShares,
    "lognormal": LogNormalShares,
    "mse": MeanShares,
}


class VAEOptions(TwoStageConfig):
    """What `caloforge.models.shape_vae.ShapeVAE` is told; `caloforge.models.vae.VAEConfig` is the family."""

    latent: int = Field(16, ge=0, description="latent dimension; 0: none, the density is that of the decoder")
    width: int = Field(256, ge=1, description="hidden units of encoder and decoder")
    depth: int = Field(2, ge=0, description="residual blocks of encoder and decoder")
    beta: float = Field(1.0, ge=0, description="final weight of the KL term")
    beta_schedule: BetaSchedule = Field("annealed", description="fixed, one rise over warmup, or several in cycles")
    warmup: tuple[float, float] = Field((0.3, 0.6), description="part of training over which an annealed beta grows")
    cycles: int = Field(4, ge=1, description="rises of a cyclical beta")
    free_bits: float = Field(0.1, ge=0, description="KL of a latent, in nats, below which it costs nothing")
    committed_rate: float = Field(
        0.0, ge=0, le=100, description="KL in nats that the posterior of no shower can fall below (delta-VAE); 0: none"
    )
    decoder: Decoder = Field("dirichlet", description="density of the cells; mse draws means only, to show the blur")
    decoder_context: Literal["energies", "layers", "neighbours"] = Field(
        "energies",
        description="what the decoder sees beside z; layers: also the cells of all layers before, through a memory; "
        "neighbours: around each cell in the layers before and in its own",
    )
    channels: int = Field(64, ge=1, description="of the convolutions with decoder_context: neighbours")
    layers_back: int = Field(2, ge=1, description="layers before that decoder_context: neighbours sees singly")
    blocks: Literal[2, 4] = Field(
        2,
        description="with decoder_context: neighbours: blocks that the cells of a layer are drawn in; 2: as on a "
        "checkerboard, 4: fewer neighbours are drawn blind to each other, and drawing takes longer",
    )
    hadronic: bool = Field(
        False,
        description="with decoder_context: neighbours: cells as in hadron showers: the hottest of a layer is drawn "
        "first, weights have a faint component, single tracks are followed; log-likelihoods are then lower bounds",
    )
    prior: Literal["flow", "normal"] = Field(
        "normal", description="where samples take z from: the learned p(z | u, c) or N(0, 1)"
    )

    @model_validator(mode="after")
    def _goes_together(self) -> "VAEOptions":
        if self.latent == 0 and (self.prior == "flow" or self.committed_rate > 0):
            raise ValueError("prior: flow and committed_rate are of a latent; with latent: 0 leave them out")
        if self.hadronic and self.decoder_context != "neighbours":
            raise ValueError("hadronic is of decoder_context: neighbours; leave it out, or take that")
        if self.decoder_context == "neighbours" and self.decoder != "dirichlet":
            raise ValueError("decoder_context: neighbours has gamma weights alone; take decoder: dirichlet")
        return self
