"""Cells by flow matching: a velocity on the canvas, between noise and the cells' normal latents (`CellLatents`)."""

__all__ = ["CellFlow", "time_features"]


from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from caloforge.geometry.binning import Binning
from caloforge.models.base import Estimate, Losses
from caloforge.models.bounds import log_mean_exp
from caloforge.models.cell_latents import CellLatents, Dequantised
from caloforge.models.parts import LayerContext, Noise
from caloforge.models.probability_flow import RIGHT_ANGLE, Coupling, Network, ProbabilityFlow, between, coupled
from caloforge.models.stages import ShapeSampler
from caloforge.nn.canvas_network import CanvasNetwork
from caloforge.nn.conditioning import LinearExtrapolation
from caloforge.nn.mesh_canvas import MeshCanvas
from caloforge.preprocessing.parts import ConditionColumns

_FREQUENCIES = 4
_SHARPNESS = 3.0


def time_features(angle: Float[Tensor, "N 1"]) -> Float[Tensor, "N T"]:
    """Sines and cosines of multiples of twice the angle.

    Args:
        angle: (N, 1) from 0 to pi/2.
    """
    waves = angle * angle.new_tensor([2.0 * (k + 1) for k in range(_FREQUENCIES)])
    return torch.cat([waves.sin(), waves.cos()], 1)


class CellFlow(ShapeSampler):
    """p(s | u, c) of a probability flow over the latents of the cells.

    The network sees at each cell the point of the path, the cell's threshold and how far it is above it; at each layer
    its energy and, where the direction varies, what of it points outwards and round the axis at the sector.

    Args:
        binning: the mesh.
        columns: parts of the conditions.
        n_conditions: C, the particle embedded.
        width: channels of the network.
        depth: its residual blocks.
        jitter: see `CellLatents`.
        coupling: of noise and data in a batch.
        flow: how samples are integrated.
        tails: training range inside which the network hears the log energy; None: as it comes.

    Attributes:
        heard_of_times: how many times the network is told.
    """

    heard_of_times: ClassVar[int] = 1
    outward: Tensor

    def __init__(
        self,
        binning: Binning,
        columns: ConditionColumns,
        n_conditions: int,
        width: int,
        depth: int,
        jitter: float,
        coupling: Coupling,
        flow: ProbabilityFlow,
        tails: LinearExtrapolation | None = None,
    ) -> None:
        super().__init__()
        self.latent, self.cell_noise = 0, binning.n_voxels
        self.flow, self.coupling, self.tails, self.columns = flow, coupling, tails, columns
        self.latents = CellLatents(binning, jitter)
        self.canvas = MeshCanvas(binning)
        layers, sectors, _ = self.canvas.shape
        direction = 2 if columns.direction else 0
        heard = 2 * layers + n_conditions + 2 * _FREQUENCIES * self.heard_of_times
        self.network = CanvasNetwork(self.canvas.shape, 3, 2 + direction, heard, width, depth)
        alpha = 2 * torch.pi * (torch.arange(sectors) + 0.5) / sectors
        self.register_buffer("outward", torch.stack([alpha.cos(), alpha.sin()]), persistent=False)

    def initialise(self, shares: Float[Tensor, "N V"], context: LayerContext) -> None:
        """Nothing: `fit` needs the scale of the layer energies.

        Args:
            shares: (N, V) of training showers.
            context: what the stage hears of the layer energies.
        """

    def velocity(self, context: LayerContext, c: Float[Tensor, "N C"], active: Bool[Tensor, "N L"]) -> Network:
        """f at these layer energies and conditions.

        Args:
            context: the layer energies.
            c: (N, C) conditions, the particle embedded.
            active: (N, L) which layers have energy; in the others, f is zero.
        """
        network = self.on_cells(context, c, active)
        return lambda x, angle: network(x, time_features(angle))

    def on_cells(self, context: LayerContext, c: Float[Tensor, "N C"], active: Bool[Tensor, "N L"]) -> Network:
        """The network as a function of cells (N, V) and features of the time (N, T).

        Args:
            context: the layer energies.
            c: (N, C) conditions, the particle embedded.
            active: (N, L) which layers have energy; in the others, it is zero.
        """
        level = context.log_energies
        threshold = self.latents.thresholds(level)
        heard = torch.cat([context.tensor, c if self.tails is None else self.tails.clamped(c)], 1)
        _, sectors, _ = self.canvas.shape
        maps = torch.stack([level, context.features], 1)[..., None].expand(-1, -1, -1, sectors)
        if self.columns.direction:
            maps = torch.cat([maps, self._direction(c)], 1)
        in_active = active[:, self.latents.layer_of_voxel]

        def network(x: Tensor, time: Tensor) -> Tensor:
            cells = torch.stack([x, threshold, torch.tanh(_SHARPNESS * (x - threshold))], 1)
            out = self.network(self.canvas.spread(cells), maps, torch.cat([heard, time], 1))
            return torch.where(in_active, self.canvas.gather(out), 0.0)

        return network

    def _direction(self, c: Float[Tensor, "N C"]) -> Float[Tensor, "N 2 L A"]:
        """Parts of the direction that point outwards and round the axis in each sector."""
        x, y = c[:, -2:, None].unbind(1)
        cosine, sine = self.outward
        parts = torch.stack([x * cosine + y * sine, y * cosine - x * sine], 1)
        return parts[:, :, None].expand(-1, -1, self.canvas.shape[0], -1)

    def dequantised(
        self, shares: Float[Tensor, "N V"], context: LayerContext, generator: torch.Generator
    ) -> Dequantised:
        uniform = torch.rand(shares.shape, generator=generator).clamp(1e-6, 1 - 1e-6).to(shares)
        xi = torch.randn(context.log_energies.shape, generator=generator).to(shares)
        return self.latents(shares, context.log_energies, uniform, xi)

    def loss(
        self,
        shares: Float[Tensor, "N V"],
        context: LayerContext,
        c: Float[Tensor, "N C"],
        active: Bool[Tensor, "N L"],
        generator: torch.Generator,
    ) -> Losses:
        """Mean square of what the network misses of the velocity, over cells of layers with energy; 1 says nothing.

        Args:
            shares: (N, V) of the cells in their layers.
            context: what the stage hears of the layer energies.
            c: (N, C) conditions, the particle embedded.
            active: (N, L) which layers have energy.
            generator: draws noise, times and latents.
        """
        x1 = self.dequantised(shares, context, generator).y
        x0 = coupled(torch.randn(x1.shape, generator=generator).to(x1), x1, torch.cat([*context, c], 1), self.coupling)
        angle = RIGHT_ANGLE * torch.rand(len(x1), 1, generator=generator).to(x1)
        x, velocity = between(x0, x1, angle)
        error = (self.velocity(context, c, active)(x, angle) - velocity).square()
        weight = active[:, self.latents.layer_of_voxel].float()
        return {"total": (error * weight).sum() / weight.sum().clamp_min(1.0)}

    def log_prob(
        self,
        shares: Float[Tensor, "N V"],
        context: LayerContext,
        c: Float[Tensor, "N C"],
        active: Bool[Tensor, "N L"],
        generator: torch.Generator,
        samples: int,
    ) -> Estimate:
        """Lower bound on the log-density of the shares in nats from ``samples`` draws of their latents.

        Args:
            shares: (N, V) of the cells in their layers.
            context: what the stage hears of the layer energies.
            c: (N, C) conditions, the particle embedded.
            active: (N, L) which layers have energy.
            generator: draws latents, and the signs of the estimated trace.
            samples: draws.
        """
        network, weights = self.velocity(context, c, active), []
        for _ in range(samples):
            y, log_q = self.dequantised(shares, context, generator)
            weights.append(self.flow.log_prob(network, y, generator) - log_q)
        return log_mean_exp(torch.stack(weights))

    def sample(
        self, noise: Noise, context: LayerContext, c: Float[Tensor, "N C"], active: Bool[Tensor, "N L"]
    ) -> Float[Tensor, "N V"]:
        """Shares of new showers; layers that are not ``active`` have no hit.

        Args:
            noise: its ``cells`` (N, V) are used.
            context: what the stage hears of the layer energies.
            c: (N, C) conditions, the particle embedded.
            active: (N, L) which layers have energy.
        """
        y = self.flow.push(self.velocity(context, c, active), noise.cells)
        return self.latents.shares(y, context.log_energies, active)
