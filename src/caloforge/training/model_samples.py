"""Showers that a model draws while it is trained, at given energies, as laws of physics want to see them."""

__all__ = ["energy_player", "showers_of"]

import torch
from jaxtyping import Float
from torch import Tensor

from caloforge.errors import BadValue
from caloforge.models.base import Generator
from caloforge.models.cascade import TwoStage
from caloforge.physics.depth import layer_depths
from caloforge.training.laws import Samples
from caloforge.training.penalties import Draw


def _two_stages(model: Generator) -> TwoStage:
    if not isinstance(model, TwoStage):
        raise BadValue("training.penalties", type(model).__name__, "laws need a model with a stage of layer energies")
    return model


def energy_player(model: Generator) -> str:
    """The player who moves the parameters of the energy stage.

    Raises:
        BadValue: the model has no such stage.
    """
    first = next(_two_stages(model).energies.parameters())
    return next(player.name for player in model.players() if any(p is first for p in player.parameters))


def showers_of(model: Generator, c: Float[Tensor, "N C"], generator: torch.Generator) -> Draw:
    """Layer energies of new showers; what is not their energy is drawn from the conditions ``c``.

    Normals are scrambled Sobol points through the quantile function: the same means with less scatter, each of them
    without bias. Source: Owen, SIAM J. Numer. Anal. 34 (1997) 1884.
    """
    stages = _two_stages(model)
    depth = torch.tensor(layer_depths(stages.pipeline.binning)).float()

    def draw(energy: Float[Tensor, " K"], n: int) -> Samples:
        rows = torch.randint(len(c), (len(energy) * n,), generator=generator)
        conditions = stages.pipeline.condition.at_energies(c[rows], energy.repeat_interleave(n))
        seed = int(torch.randint(2**31, (), generator=generator))
        engine = torch.quasirandom.SobolEngine(stages.n_layers, True, seed)  # type: ignore[no-untyped-call]
        noise = torch.special.ndtri(engine.draw(len(rows)).clamp(1e-7, 1 - 1e-7))
        return Samples(energy, stages.sample_layers(noise, conditions).view(len(energy), n, -1), depth)

    return draw
