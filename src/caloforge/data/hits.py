"""Hits: points with energy, ragged over showers, with the conditions that made them."""

__all__ = ["Hits"]

from dataclasses import dataclass

from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.data.incident import Incident


@dataclass(frozen=True, eq=False)
class Hits:
    """Points of N showers, one after the other.

    Args:
        offsets: first point of each shower, then the number of points.
        position: mm.
        energy: MeV.
        incident: the particles.
    """

    offsets: Int[Array, " N+1"]
    position: Float[Array, "n 3"]
    energy: Float[Array, " n"]
    incident: Incident
