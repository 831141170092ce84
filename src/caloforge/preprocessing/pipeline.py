r"""Showers <-> (x, c): what a network sees, and the way back to MeV.

``x`` (N, L + V) has the parts of `Features`: L energy features (by default a chain of ratios, stretched to the real
line, standardised) and V cells as shares of their layer, exact zeros kept: of its energy, or of weights (`CellMaps`).
Which steps there are is a list (`Preprocessing`). ``c`` (N, C) are the `Conditions` of the incident particles.
The log-determinant makes a density of x a density of cell energies, with respect to counting measure for which cells
are hit times Lebesgue measure (MeV) of their energies.
"""

__all__ = ["Pipeline"]

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor, nn

from caloforge.data.event_particles import ONE_PARTICLE
from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.errors import BadValue, BinningMismatch
from caloforge.geometry.binning import Binning
from caloforge.preprocessing.cell_maps import CellMaps
from caloforge.preprocessing.conditions import ConditionEncoder
from caloforge.preprocessing.earlier import renamed
from caloforge.preprocessing.parts import Features
from caloforge.preprocessing.steps import Preprocessing
from caloforge.preprocessing.transform import Composed


class Pipeline(nn.Module):
    """Invertible preprocessing of one mesh of L layers and V cells; ``fit`` it on the training split only.

    Args:
        binning: the mesh.
        steps: what is done to layer energies and cells.
        hide_particle: see `ConditionEncoder`.

    Attributes:
        energies: layer energies <-> energy features.
        cell_maps: cell energies <-> shares.
        layer_of_voxel: (V,) number of the layer of each cell, from 0.
        condition: incident particles -> c.

    Raises:
        BinningMismatch: showers of another mesh.
    """

    layer_of_voxel: Tensor

    def __init__(self, binning: Binning, steps: Preprocessing | None = None, hide_particle: bool = False) -> None:
        super().__init__()
        steps = steps or Preprocessing()
        self.binning = binning
        self.energies = Composed([step.build(binning.n_layers) for step in steps.energies])
        self.cell_maps = CellMaps(binning, [step.build(binning) for step in steps.cells])
        self.condition = ConditionEncoder(hide_particle)
        self.register_buffer("layer_of_voxel", torch.from_numpy(binning.layer_of_voxel), persistent=False)

    def load_state_dict(self, state_dict: Any, *options: Any, **named: Any) -> Any:
        """As always; files from before the steps were a list are read, too.

        Args:
            state_dict: tensors by name.
            options: of `torch.nn.Module.load_state_dict`.
            named: likewise.
        """
        return super().load_state_dict(renamed(dict(state_dict), self.energies, self.cell_maps), *options, **named)

    @property
    def device(self) -> torch.device:
        """Where its tensors are, and those that it makes."""
        return self.layer_of_voxel.device

    @property
    def n_layers(self) -> int:
        """L, the layers of the mesh."""
        return self.binning.n_layers

    @property
    def n_cells(self) -> int:
        """V, the cells of the mesh."""
        return self.binning.n_voxels

    @property
    def n_features(self) -> int:
        """F = L + V, the columns of x."""
        return self.n_layers + self.n_cells

    @property
    def n_conditions(self) -> int:
        """C, the columns of c."""
        return self.condition.n_features

    def parts(self, x: Float[Tensor, "N F"]) -> Features:
        """The named parts of x.

        Args:
            x: (N, F) features.
        """
        return Features.split(x, self.n_layers)

    def fit(
        self,
        showers: Showers,
        generator: torch.Generator,
        energy_range: tuple[float, float] | None = None,
        layers: tuple[Float[Tensor, "M L"], Float[Tensor, " M"]] | None = None,
        incident: Incident | None = None,
    ) -> None:
        """Find scales from training showers.

        Args:
            showers: training split, or with ``layers`` and ``incident`` a sample of it.
            generator: draws the places of atoms (empty layers) in their bands.
            energy_range: what the incident energies (MeV) were drawn from, if that is known.
            layers: layer energies and incident energies, MeV, float64, of more showers than fit into memory with cells.
            incident: particles of the whole training split.

        Raises:
            BinningMismatch: showers of another mesh.
            BadValue: showers that several particles made together.
        """
        own = self._layers(showers)
        self.energies.fit(*(layers or own), generator)
        self.condition.fit(incident or Incident.of(showers), energy_range)
        self.cell_maps.fit(showers.energy)

    def _layers(self, showers: Showers) -> tuple[Float[Tensor, "N L"], Float[Tensor, " N"]]:
        """Layer energies and incident energies, MeV, in float64."""
        if showers.events is not None:
            raise BadValue("showers", "of events", ONE_PARTICLE)
        if not showers.binning.same_cells(self.binning):
            raise BinningMismatch(self.binning.name, showers.binning.name)
        layers = torch.tensor(showers.layer_energy, device=self.device)
        return layers, torch.tensor(showers.incident_energy, device=self.device).double()

    def incident(self, energy: Float[Array, " N"]) -> Incident:
        """Particles of these energies (MeV), otherwise as all of the training showers were.

        Args:
            energy: (N,) MeV.

        Raises:
            BadValue: the training showers had several particles or directions.
        """
        trained = self.condition
        if trained.n_features > 1:
            raise BadValue("condition", "an energy alone", "the model needs the particle, theta and phi too")
        angles = float(trained.theta_range[0]), float(trained.phi_range[0])
        return Incident.alike(energy, int(trained.particles[0]), *angles)

    def conditions(self, incident: Incident | Float[Array, " N"]) -> Float[Tensor, "N C"]:
        """c of incident particles, or of energies in MeV where only those vary.

        Args:
            incident: N particles, or their energies.

        Raises:
            BadValue: a particle that was not trained on, or energies where the model needs more.
        """
        return self.condition(incident if isinstance(incident, Incident) else self.incident(incident))

    def forward(
        self, showers: Showers, generator: torch.Generator
    ) -> tuple[Float[Tensor, "N F"], Float[Tensor, "N C"], Float[Tensor, " N"]]:
        """(x, c, log|det|) of showers in MeV; ``generator`` draws the places of atoms in their bands.

        Args:
            showers: N, on the mesh of the pipeline.
            generator: draws the places of atoms in their bands.

        Raises:
            BinningMismatch: showers of another mesh.
            BadValue: a particle that was not trained on, or showers that several particles made together.
        """
        features, log_det = self.energies(*self._layers(showers), generator)
        cells = torch.tensor(np.asarray(showers.energy, np.float32), device=self.device)
        shares, shares_det = self.cell_maps(cells)
        return Features(features, shares).tensor, self.conditions(Incident.of(showers)), log_det + shares_det

    def layer_sum(self, x: Float[Tensor, "N V"]) -> Float[Tensor, "N L"]:
        """Sums over the cells of each layer, in float64.

        Args:
            x: (N, V) a number for each cell.
        """
        return self.cell_maps.layer_sum(x)

    def layer_energies(self, features: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N L"]:
        """Layer energies in MeV of energy features and conditions.

        Args:
            features: (N, L) energy features.
            c: (N, C) conditions.
        """
        return self.energies.inverse(features, self.condition.energies(c))

    def cells(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N V"]:
        """Cell energies in MeV of features and conditions.

        Args:
            x: (N, F) features.
            c: (N, C) conditions.
        """
        parts = self.parts(x)
        return self.cell_maps.cells(parts.cells, self.layer_energies(parts.energies, c))

    def inverse(
        self,
        x: Float[Tensor, "N F"],
        incident: Incident | Float[Array, " N"],
        c: Float[Tensor, "N C"] | None = None,
    ) -> Showers:
        """Showers in MeV of features.

        Where the model was not told the particle, the showers have PDG number 0: any of those it was trained on.

        Args:
            x: features.
            incident: incident particles, or energies in MeV where only those vary.
            c: their conditions, where they are computed already.
        """
        particles = incident if isinstance(incident, Incident) else self.incident(incident)
        cells = self.cells(x, self.condition(particles) if c is None else c).cpu().numpy()
        pdg = np.zeros_like(particles.pdg) if self.condition.hide_particle else particles.pdg
        return Showers(cells, particles.energy, pdg, particles.theta, particles.phi, self.binning)
