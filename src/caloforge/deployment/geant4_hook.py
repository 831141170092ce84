r"""A model inside Geant4: showers of some particles come from it, those of all others from Geant4.

A particle that the model was trained on and that enters the calorimeter above a threshold is stopped at the face
(`caloforge.simulation.geant4.stopper`); its shower is drawn with those of up to a thousand others, and added to what
the event's other particles left (`block_filler`).
"""

__all__ = ["FastSimulation"]

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt64
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.data.points.voxelise import Place
from caloforge.deployment.block_filler import BLOCK, BlockFiller
from caloforge.deployment.shower_model import ShowerModel
from caloforge.errors import BadValue
from caloforge.geometry.cell_mesh import CellMesh
from caloforge.geometry.gdml import GdmlDetector
from caloforge.simulation.event_beam import EventBeam
from caloforge.simulation.primaries import Primaries
from caloforge.simulation.production.request import Request
from caloforge.units import format_energy


@dataclass(frozen=True, eq=False)
class FastSimulation:
    """Which particles a model replaces, and how: what `Request.fast` takes.

    Args:
        model: that makes their showers.
        above: kinetic energy from which on, MeV; the lowest of the training where None.
        place: a cell's energy is left in its ``centre`` or at a ``uniform`` place in it, where meshes differ.
        seed: of the noise.

    Raises:
        BadValue: a threshold that no particle of the training reaches, or no finite positive energy.
    """

    model: ShowerModel
    above: float | None = None
    place: Place = "centre"
    seed: int = 1

    def __post_init__(self) -> None:
        low, high = self.model.trained.energy
        if self.above is not None and not 0 < self.above <= high:
            remedy = f"{self.model.name} was trained from {format_energy(low)} to {format_energy(high)}"
            raise BadValue("energy above which showers are fast", self.above, remedy)

    @property
    def threshold(self) -> float:
        """Kinetic energy from which on particles are replaced, MeV."""
        return self.model.trained.energy[0] if self.above is None else self.above

    @property
    def facts(self) -> dict[str, Any]:
        """The model and the rule by which it replaces, for the provenance."""
        trained = self.model.trained
        return {
            **self.model.facts,
            "above_mev": max(self.threshold, trained.energy[0]),
            "particles_replaced_of": list(trained.particles),
            "energy_mev": list(trained.energy),
            "theta_rad": list(trained.theta),
            "phi_rad": list(trained.phi),
            "readout_of_model": self.model.binning.name,
            "place": self.place,
            "block": BLOCK,
        }

    @property
    def training_ids(self) -> UInt64[Array, " k"]:
        """Of the showers that the model was trained on."""
        return self.model.training_ids

    def selects(self, particles: Incident) -> Bool[Array, " k"]:
        """Those that it was trained on, above the threshold.

        Args:
            particles: k of them, at the face.
        """
        return self.model.trained.holds(particles) & (np.asarray(particles.energy, float) >= self.threshold)

    def of(self, request: Request) -> Request:
        """A request with some of its particles replaced.

        Args:
            request: of Geant4 alone.

        Raises:
            BadValue: the model is of another detector, the readout has no mesh about an axis, times are asked for, or
                events meet a curved face.
        """
        detector, name = request.detector, self.model.name
        if detector.name != self.model.detector:
            remedy = f"the showers that {name} was trained on are of {self.model.detector}"
            raise BadValue("detector", detector.name, f"{remedy}; simulate that one, or train on this one")
        if self.model.binning.z_edges is None:
            raise BadValue("fast model", name, "its mesh does not say at which depth its layers lie")
        if isinstance(request.binning, CellMesh):
            raise BadValue("cells", "volumes", "a model's showers are placed into a mesh, not into volumes")
        if request.timing.times or np.isfinite(request.timing.gate):
            raise BadValue("time", "kept", "the model knows no times: leave out --time and --gate")
        curved = not isinstance(detector, GdmlDetector) and detector.inner_radius is not None
        if curved and (isinstance(request.beam, EventBeam) or not self.model.binning.same_cells(request.binning)):
            remedy = "showers can be placed behind a flat face only, or taken as they are on the mesh of the model"
            raise BadValue("detector", detector.name, f"its face is curved; {remedy}")
        return replace(request, fast=self)

    def differences(self, physics: Mapping[str, Any]) -> list[str]:
        """What the training showers were simulated with, where this simulation does it otherwise.

        Args:
            physics: `Physics.facts` of this simulation.
        """
        data = (self.model.facts.get("training") or {}).get("data") or {}
        names = {
            "physics_list": "physics list",
            "production_cut_mm": "range cut, mm",
            "max_step_mm": "longest step, mm",
        }
        return [
            f"{words}: {data[name]} in the training of {self.model.name}, {physics[name]} here"
            for name, words in names.items()
            if name in data and data[name] != physics[name]
        ]

    def filler(self, primaries: Primaries) -> BlockFiller:
        """For all showers of a request.

        Args:
            primaries: of the whole request, with what is replaced.
        """
        return BlockFiller(self.model, self.place, self.seed, primaries)
