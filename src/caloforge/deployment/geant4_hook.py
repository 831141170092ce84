r"""A model inside Geant4: showers of some particles come from it, those of all others from Geant4.

A particle that the model was trained on and that enters the calorimeter above a threshold is stopped at the face
(`caloforge.simulation.geant4.stopper`); its shower is drawn with those of up to a thousand others, and added to what
the event's other particles left. A cell at :math:`p` in the frame of the model's mesh lies at

.. math:: q = q_\mathrm{entry} + R(\theta, \phi)\, p

in that of the calorimeter's face, with :math:`R = 1` where the mesh of the model does not follow the axis.
"""

__all__ = ["FastSimulation"]

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.data.points.voxelise import Place, devoxelise
from caloforge.data.provenance import Provenance
from caloforge.data.showers import Showers
from caloforge.deployment.shower_model import ShowerModel
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.geometry.cell_mesh import CellMesh
from caloforge.geometry.frame import to_axis_frames, unit_vectors
from caloforge.geometry.gdml import GdmlDetector
from caloforge.rng import integer_seeds
from caloforge.simulation.event_beam import EventBeam
from caloforge.simulation.primaries import Primaries
from caloforge.simulation.production.request import Request
from caloforge.simulation.replacement import Added, replaced_counts, shot_particles
from caloforge.units import format_energy

BLOCK = 1000  # showers drawn at a time


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

    def filler(self, primaries: Primaries) -> "_Filler":
        """For all showers of a request.

        Args:
            primaries: of the whole request, with what is replaced.
        """
        return _Filler(self, primaries)


@dataclass
class _Filler:
    """Draws the showers of replaced particles in blocks of the whole request and adds them part by part.

    Args:
        fast: the model and its rule.
        primaries: of the whole request.
    """

    fast: FastSimulation
    primaries: Primaries
    showers_done: int = 0
    particles_done: int = 0
    _ready: list[Float[Array, "b V"]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counts = replaced_counts(self.primaries)
        everything, replaced = shot_particles(self.primaries), self.primaries.replaced
        rows = np.flatnonzero(replaced) if replaced is not None else np.zeros(0, int)
        self.particles, events = everything[rows], self.primaries.events
        self.entry = np.zeros((len(rows), 2)) if events is None else np.stack([events.x[rows], events.y[rows]], 1)
        self.blocks = self._blocks()
        start = time.process_time()
        if len(rows):
            self._draw(self.particles[:1], 0)  # libraries start with the first shower
        self.start_seconds = time.process_time() - start

    def _draw(self, particles: Incident, block: int) -> Float[Array, "b V"]:
        asked = self.fast.model.trained.nearest(particles)
        return self.fast.model.sample(asked, integer_seeds(self.fast.seed, "fast", block)[0])

    def _blocks(self) -> Iterator[Float[Array, "b V"]]:
        """All showers, so that each depends on its place among the replaced ones and the seed alone."""
        for block, at in enumerate(range(0, len(self.particles), BLOCK)):
            yield self._draw(self.particles[at : at + BLOCK], block)

    def _take(self, n: int) -> Float[Array, "n V"]:
        while sum(map(len, self._ready)) < n:
            self._ready.append(next(self.blocks))
        cells = np.concatenate([np.zeros((0, self.fast.model.binning.n_voxels), np.float32), *self._ready])
        self._ready = [cells[n:]]
        return cells[:n]

    def add(self, showers: Showers) -> Added:
        """The next showers of the request, with those of their replaced particles.

        Args:
            showers: what all other particles left.
        """
        start = time.process_time()
        counts = self.counts[self.showers_done : self.showers_done + len(showers)]
        n = int(counts.sum())
        rows = slice(self.particles_done, self.particles_done + n)
        self.showers_done += len(showers)
        self.particles_done += n
        cells = self._take(n)
        owner = np.repeat(np.arange(len(showers)), counts)
        deposits = np.zeros(showers.energy.shape)
        for first in range(0, n, BLOCK):
            part = slice(first, min(first + BLOCK, n))
            self._place(cells[part], rows.start + first, owner[part], deposits, showers.binning)
        total = showers.energy + deposits
        seconds = time.process_time() - start
        filled = replace(showers, energy=total.astype(np.float32))
        return Added(filled, seconds, float(cells.sum(dtype=float)), float(deposits.sum()))

    def _place(
        self,
        cells: Float[Array, "n V"],
        first: int,
        owner: Int[Array, " n"],
        deposits: Float[Array, "N R"],
        readout: Binning,
    ) -> None:
        """Add showers of replaced particles, the first of which is given, to the cells of those that own them."""
        rows = slice(first, first + len(cells))
        part, entry = self.particles[rows], self.entry[rows]
        if self._as_they_are(part, entry, readout):
            np.add.at(deposits, owner, cells)
            return
        angles = np.asarray(part.theta, float), np.asarray(part.phi, float)
        origin = Provenance(mesh=self.fast.model.frame)
        shaped = Showers(cells, part.energy, part.pdg, *angles, self.fast.model.binning, provenance=origin)
        hits = devoxelise(shaped, self.fast.place, self.fast.seed, first)
        shower, points = hits.shower_of_point, np.stack([hits.x, hits.y, hits.z], 1)
        points[:, :2] += entry[shower]
        if self.primaries.mesh == "axis":
            points = to_axis_frames(points, unit_vectors(*angles)[shower])
        x, y, z = points.T
        cell = readout.flat_index(readout.layer_at_depth(z), np.hypot(x, y), np.arctan2(y, x))
        inside = cell >= 0
        np.add.at(deposits, (owner[shower[inside]], cell[inside]), hits.energy[inside])

    def _as_they_are(self, part: Incident, entry: Float[Array, "n 2"], readout: Binning) -> bool:
        """Whether the model's cells are those of the readout, and lie where they do."""
        same = self.fast.model.binning.same_cells(readout) and not entry.any()
        return same and (self.primaries.mesh == self.fast.model.frame or not np.any(part.theta))
