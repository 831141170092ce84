"""Two samples taken apart by the particles that made their showers: means over a mixture belong to no particle."""

__all__ = ["by_particle", "particle_name"]

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray as Array
from particle import InvalidParticle, Particle, ParticleNotFound


def by_particle(
    truth: Int[Array, " n"], generated: Int[Array, " m"]
) -> Iterator[tuple[str, Bool[Array, " n"], Bool[Array, " m"]]]:
    """Name of each particle of the truth, and which showers of both samples it made.

    A truth of one particle has one part, without a name, with all showers.

    Args:
        truth: PDG numbers of the true showers.
        generated: PDG numbers of the generated showers.
    """
    kinds = np.unique(truth)
    if len(kinds) == 1:
        yield "", np.ones(len(truth), bool), np.ones(len(generated), bool)
        return
    for kind in map(int, kinds):
        yield particle_name(kind), truth == kind, generated == kind


def particle_name(pdg: int) -> str:
    """Usual name of a particle.

    Args:
        pdg: PDG number; one that the PDG does not know is written as it is.

    Example:
        >>> particle_name(-211)
        'pi-'
    """
    try:
        return str(Particle.from_pdgid(pdg).name)
    except (ParticleNotFound, InvalidParticle):
        return f"PDG {pdg}"
