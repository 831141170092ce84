"""Flat tables of points: where the rows of each event lie, and what an incident particle of a PDG number weighs."""

__all__ = ["RowIndex", "kinetic_energy", "masses", "total_momentum"]

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from particle import InvalidParticle, Particle, ParticleNotFound


@dataclass(frozen=True)
class RowIndex:
    """Rows of every event of a table whose events lie together.

    Args:
        ids: of the events, in the order of the table.
        starts: first row of each.
        stops: the one behind the last.
    """

    ids: Int[Array, " N"]
    starts: Int[Array, " N"]
    stops: Int[Array, " N"]

    @classmethod
    def build(cls, blocks: Iterable[Int[Array, " n"]]) -> "RowIndex":
        """From the column of event numbers, block by block.

        Args:
            blocks: of the column, in order.

        Raises:
            ValueError: an event whose rows do not lie together.
        """
        ids: list[Array] = []
        starts: list[Array] = []
        row, last = 0, None
        for block in blocks:
            block = np.asarray(block, np.int64)
            begins = np.flatnonzero(np.diff(block, prepend=block[:1] - 1 if last is None else last))
            ids.append(block[begins])
            starts.append(begins + row)
            row += len(block)
            last = block[-1:] if len(block) else last
        events = np.concatenate([np.empty(0, np.int64), *ids])
        first = np.concatenate([np.empty(0, np.int64), *starts])
        _, counts = np.unique(events, return_counts=True)
        if (counts > 1).any():
            event = int(np.unique(events)[counts > 1][0])
            raise ValueError(f"the rows of event {event} do not lie together; sort the table by event")
        return cls(events, first, np.concatenate([first[1:], [row]]) if len(first) else first)

    def of(self, ids: Int[Array, " n"]) -> "RowIndex":
        """Rows of some events; an event without rows has none.

        Args:
            ids: of the events.

        Raises:
            ValueError: rows of an event that is not among them.
        """
        order = np.argsort(self.ids)
        if missing := set(self.ids.tolist()) - set(ids.tolist()):
            raise ValueError(f"there are rows of event {min(missing)}, which has no incident particle")
        place = np.searchsorted(self.ids[order], ids)
        present = np.isin(ids, self.ids)
        starts, stops = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
        rows = order[place[present]]
        starts[present], stops[present] = self.starts[rows], self.stops[rows]
        return RowIndex(ids, starts, stops)


def masses(pdg: Int[Array, " n"]) -> Float[Array, " n"]:
    """Masses of particles, MeV; 0 for those that no table knows.

    Args:
        pdg: PDG particle numbers.
    """
    kinds, where = np.unique(pdg, return_inverse=True)
    masses = []
    for kind in kinds.tolist():
        try:
            masses.append(Particle.from_pdgid(kind).mass or 0.0)
        except (ParticleNotFound, InvalidParticle):
            masses.append(0.0)
    return np.array(masses, float)[where]


def kinetic_energy(momentum: Float[Array, " n"], pdg: Int[Array, " n"]) -> Float[Array, " n"]:
    """Kinetic energies of particles of these momenta, MeV; NaN at rest.

    Args:
        momentum: its size, MeV.
        pdg: PDG particle numbers.
    """
    mass = masses(pdg)
    size = np.where(momentum > 0, momentum, np.nan)
    return size**2 / (np.sqrt(size**2 + mass**2) + mass)


def total_momentum(kinetic: Float[Array, " n"], pdg: Int[Array, " n"]) -> Float[Array, " n"]:
    """The inverse of `kinetic_energy`.

    Args:
        kinetic: energy, MeV.
        pdg: PDG particle numbers.
    """
    return np.sqrt(kinetic * (kinetic + 2 * masses(pdg)))
