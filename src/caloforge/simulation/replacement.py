"""What may take the place of Geant4 for some particles: which it replaces, and how their energy is added afterwards.

Geant4 stops a replaced particle before its first step; `Filler.add` then adds its shower to what all others left. The
contract is here, so that this room needs no model; `caloforge.deployment.geant4_hook` fulfils it.
"""

__all__ = ["Added", "Filler", "Replacement", "replaced_counts", "shot_particles"]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int, UInt64
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.simulation.primaries import Primaries


@dataclass(frozen=True, eq=False)
class Added:
    """Showers with what was added to them, and what it cost.

    Args:
        showers: with the energy of replaced particles in their cells.
        core_seconds: processor time of the model and of placing its energy.
        energy: that the model gave, MeV, summed over the showers.
        cell_energy: the part of it inside the mesh, MeV.
    """

    showers: Showers
    core_seconds: float
    energy: float
    cell_energy: float


@runtime_checkable
class Filler(Protocol):
    """Adds the showers of replaced particles, part by part, in the order of the request."""

    @property
    def start_seconds(self) -> float:
        """Processor time until the model was ready."""
        ...

    def add(self, showers: Showers) -> Added:
        """The next showers of the request, with those of their replaced particles.

        Args:
            showers: what all other particles left.
        """
        ...


@runtime_checkable
class Replacement(Protocol):
    """Takes the place of Geant4 for some particles."""

    @property
    def facts(self) -> dict[str, Any]:
        """For the provenance of a file; equal facts give equal showers."""
        ...

    @property
    def training_ids(self) -> UInt64[Array, " k"]:
        """Of the showers that the model was trained on."""
        ...

    def selects(self, particles: Incident) -> Bool[Array, " k"]:
        """Which particles are replaced.

        Args:
            particles: k of them, at the face.
        """
        ...

    def differences(self, physics: Mapping[str, Any]) -> list[str]:
        """What the model's own showers were simulated with, where this simulation does it otherwise: sentences.

        Args:
            physics: `Physics.facts` of this simulation.
        """
        ...

    def filler(self, primaries: Primaries) -> Filler:
        """For all showers of a request.

        Args:
            primaries: of the whole request, with what is replaced.
        """
        ...


def shot_particles(primaries: Primaries) -> Incident:
    """All particles of all showers, in order: one a shower, or all of its event.

    Args:
        primaries: of n showers.
    """
    if primaries.events is not None:
        events = primaries.events
        return Incident(events.energy, events.pdg, events.theta, events.phi)
    angles = np.zeros((len(primaries), 2), np.float32) if primaries.angles is None else primaries.angles
    return Incident(primaries.energy, primaries.pdg, angles[:, 0], angles[:, 1])


def replaced_counts(primaries: Primaries) -> Int[Array, " n"]:
    """How many particles of each shower are replaced.

    Args:
        primaries: of n showers.
    """
    if primaries.replaced is None:
        return np.zeros(len(primaries), int)
    if primaries.events is None:
        return primaries.replaced.astype(int)
    owner = np.repeat(np.arange(len(primaries)), primaries.events.multiplicity)
    return np.bincount(owner, primaries.replaced, len(primaries)).astype(int)
