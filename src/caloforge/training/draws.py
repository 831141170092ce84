"""Showers at a few energies, as laws of physics see them: from the truth in bins, and from a model in training."""

__all__ = ["Draw", "Samples", "Stage", "binned", "owner", "showers_of"]

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from caloforge.data.showers import Showers
from caloforge.errors import BadValue, EmptySample
from caloforge.geometry.binning import Binning
from caloforge.models.base import Generator
from caloforge.models.cascade import TwoStage
from caloforge.physics.depth import layer_depths
from caloforge.units import GeV

Stage = Literal["energies", "shape"]

_REFERENCE = 10 * GeV
_TINY = 1e-12
_BINS = 8
_FEWEST = 20
_MOST = 20_000  # showers with cells that are held in memory a second time


@dataclass(frozen=True, eq=False)
class Samples:
    """Showers at K energies, n each; ``energy``, ``layers`` and ``cells`` in MeV.

    ``cells`` are there only for laws that say so; a law may then use them and ``layers`` together.

    Args:
        energy: (K,) incident energies, MeV.
        layers: (K, n, L) layer energies, MeV.
        binning: the mesh.
        cells: (K, n, V) cell energies, MeV; None where no law looks at them.
    """

    energy: Float[Tensor, " K"]
    layers: Float[Tensor, "K n L"]
    binning: Binning
    cells: Float[Tensor, "K n V"] | None = None

    @property
    def total(self) -> Float[Tensor, "K n"]:
        """Energy in all layers, MeV."""
        return self.layers.sum(2)

    @property
    def mean_depth(self) -> Float[Tensor, "K n"]:
        """Energy-weighted depth of the layers, mm, or in layers where the mesh has no depth."""
        depth = torch.from_numpy(layer_depths(self.binning)).to(self.layers)
        return (self.layers @ depth) / self.total.clamp_min(_TINY)

    @property
    def log_energy(self) -> Float[Tensor, " K"]:
        """x = ln(E / 10 GeV)."""
        return (self.energy / _REFERENCE).log()

    def _each(self, f: Callable[[Tensor], Tensor], energy: Float[Tensor, " J"] | None = None) -> "Samples":
        cells = None if self.cells is None else f(self.cells)
        return replace(self, energy=self.energy if energy is None else energy, layers=f(self.layers), cells=cells)

    def at(self, energy: Float[Tensor, " J"]) -> "Samples":
        """The showers of the first energy, said to be of others.

        Args:
            energy: (J,) incident energies, MeV.
        """
        return self._each(lambda showers: showers[:1].expand(len(energy), -1, -1), energy)

    def groups(self, parts: int) -> list["Samples"]:
        """The showers of each energy in groups of equal size; those left over are not used.

        Args:
            parts: how many groups.
        """
        size = self.layers.shape[1] // parts
        return [self._each(lambda showers, i=i: showers[:, i * size : (i + 1) * size]) for i in range(parts)]  # type: ignore[misc]

    def halves(self) -> tuple["Samples", "Samples"]:
        """The first half of the energies, and the second."""
        k = len(self.energy) // 2
        return (
            self._each(lambda showers: showers[:k], self.energy[:k]),
            self._each(lambda showers: showers[k:], self.energy[k:]),
        )


def binned(showers: Showers, cells: bool = False, bins: int = _BINS) -> Samples:
    """Showers of the truth: equal numbers in bins of energy, each scaled to the mean energy of its bin.

    Scaling takes the width of a bin out of the response. The few showers that are left over are not used; of more than
    20,000 with ``cells`` only every second, third, ... is.

    Args:
        showers: of the truth.
        cells: whether the samples keep the cells.
        bins: K, of the incident energy.

    Raises:
        EmptySample: fewer than 20 showers to a bin.
    """
    every = -(-len(showers) // _MOST) if cells else 1
    chosen = np.arange(0, len(showers), every)
    energy = showers.incident_energy[chosen].astype(np.float64)
    n = len(energy) // bins
    if n < _FEWEST:
        raise EmptySample(f"fitting a law needs {_FEWEST * bins} showers", len(energy))
    order = np.argsort(energy, kind="stable")[: n * bins].reshape(bins, n)
    order = np.random.default_rng(0).permuted(order, axis=1)
    centre = np.exp(np.log(energy[order]).mean(axis=1))
    scale = (centre[:, None] / energy[order])[:, :, None]

    def tensor(values: np.ndarray) -> Tensor:
        return torch.tensor((values[chosen][order] * scale).astype(np.float32))

    energy_of_cells = tensor(showers.energy) if cells else None
    return Samples(torch.tensor(centre).float(), tensor(showers.layer_energy), showers.binning, energy_of_cells)


Draw = Callable[[Float[Tensor, " K"], int], Samples]  # n showers at each of K energies (MeV), differentiable


def _two_stages(model: Generator) -> TwoStage:
    if not isinstance(model, TwoStage):
        raise BadValue("training.penalties", type(model).__name__, "laws need a model with a stage of layer energies")
    return model


def owner(model: Generator, stage: Stage) -> str:
    """The player who moves the parameters of a stage.

    Args:
        model: the model that is trained.
        stage: layer energies or cells.

    Raises:
        BadValue: the model has no such stage.
    """
    two = _two_stages(model)
    first = next((two.energies if stage == "energies" else two.shape).parameters())
    return next(player.name for player in model.players() if any(p is first for p in player.parameters))


def showers_of(model: Generator, stage: Stage, c: Float[Tensor, "N C"], generator: torch.Generator) -> Draw:
    """New showers of a model, cells only from its stage ``shape``; all but their energy is drawn from conditions ``c``.

    The normals that make the layer energies are, at each energy, Sobol points shifted at random (modulo 1), through
    the quantile function: means over them have no bias and scatter less than those of random points. Source: Cranley
    and Patterson, SIAM J. Numer. Anal. 13 (1976) 904.

    Args:
        model: the model that is trained.
        stage: layer energies alone, or cells as well.
        c: (N, C) conditions of the training showers.
        generator: draws the random numbers.

    Raises:
        BadValue: the model has no stage of layer energies.
    """
    two = _two_stages(model)
    pipeline, n_layers = two.pipeline, two.pipeline.n_layers
    engine: Any = torch.quasirandom.SobolEngine(n_layers, scramble=True, seed=0)  # type: ignore[no-untyped-call]

    def draw(energy: Float[Tensor, " K"], n: int) -> Samples:
        rows = torch.randint(len(c), (len(energy) * n,), generator=generator)
        conditions = pipeline.condition.at_energies(c[rows], energy.repeat_interleave(n))
        shifts = torch.rand(len(energy), 1, n_layers, generator=generator)
        points = (engine.reset().draw(n) + shifts).remainder(1.0).clamp(1e-6, 1 - 1e-6)
        noise = torch.special.ndtri(points).flatten(0, 1).to(c)
        if stage == "energies":
            return Samples(energy, two.sample_layers(noise, conditions).view(len(energy), n, -1), pipeline.binning)
        parts = two.noise.split(two.latent(len(rows), generator).to(c))._replace(energies=noise)
        x = two.sample(parts.tensor, conditions)
        layers = pipeline.layer_energies(pipeline.parts(x).energies, conditions).view(len(energy), n, -1)
        return Samples(energy, layers, pipeline.binning, pipeline.cells(x, conditions).view(len(energy), n, -1))

    return draw
