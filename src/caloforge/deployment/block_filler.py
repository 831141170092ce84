r"""Showers of a model placed among those of Geant4: drawn in blocks of the whole request, added part by part.

A cell at :math:`p` in the frame of the model's mesh lies at

.. math:: q = q_\mathrm{entry} + R(\theta, \phi)\, p

in that of the calorimeter's face, with :math:`R = 1` where the mesh of the model does not follow the axis. Where model
and readout have the same cells in the same frame, they are added as they are.
"""

__all__ = ["BLOCK", "BlockFiller"]

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.data.points.voxelise import Place, devoxelise
from caloforge.data.provenance import Provenance
from caloforge.data.showers import Showers
from caloforge.deployment.shower_model import ShowerModel
from caloforge.geometry.binning import Binning
from caloforge.geometry.frame import to_axis_frames, unit_vectors
from caloforge.rng import integer_seeds
from caloforge.simulation.primaries import Primaries
from caloforge.simulation.replacement import Added, replaced_counts, shot_particles

BLOCK = 1000  # showers drawn at a time


@dataclass
class BlockFiller:
    """Draws the showers of replaced particles in blocks of the whole request and adds them part by part.

    Args:
        model: that makes the showers.
        place: of the energy of a cell in it, where meshes differ.
        seed: of the noise.
        primaries: of the whole request.
    """

    model: ShowerModel
    place: Place
    seed: int
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
        asked = self.model.trained.nearest(particles)
        return self.model.sample(asked, integer_seeds(self.seed, "fast", block)[0])

    def _blocks(self) -> Iterator[Float[Array, "b V"]]:
        """All showers, so that each depends on its place among the replaced ones and the seed alone."""
        for block, at in enumerate(range(0, len(self.particles), BLOCK)):
            yield self._draw(self.particles[at : at + BLOCK], block)

    def _take(self, n: int) -> Float[Array, "n V"]:
        while sum(map(len, self._ready)) < n:
            self._ready.append(next(self.blocks))
        cells = np.concatenate([np.zeros((0, self.model.binning.n_voxels), np.float32), *self._ready])
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
        owner, deposits, given = np.repeat(np.arange(len(showers)), counts), np.zeros(showers.energy.shape), 0.0
        for first in range(0, n, BLOCK):
            part = slice(first, min(first + BLOCK, n))
            cells = self._take(part.stop - part.start)
            given += float(cells.sum(dtype=float))
            self._put(cells, rows.start + first, owner[part], deposits, showers.binning)
        total = showers.energy + deposits
        seconds = time.process_time() - start
        filled = replace(showers, energy=total.astype(np.float32))
        return Added(filled, seconds, given, float(deposits.sum()))

    def _put(
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
        origin = Provenance(mesh=self.model.frame)
        shaped = Showers(cells, part.energy, part.pdg, *angles, self.model.binning, provenance=origin)
        hits = devoxelise(shaped, self.place, self.seed, first)
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
        same = self.model.binning.same_cells(readout) and not entry.any()
        return same and (self.primaries.mesh == self.model.frame or not np.any(part.theta))
