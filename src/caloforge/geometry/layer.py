"""One readout layer: rings in r and sectors in alpha, and its depth where it is known."""

__all__ = ["Layer"]

from dataclasses import dataclass

import numpy as np

from caloforge.errors import BadValue


@dataclass(frozen=True)
class Layer:
    """One readout layer.

    Args:
        id: as in the CaloChallenge's XML; ids may have gaps.
        r_edges: edges of the rings, increasing, mm.
        n_alpha: sectors.
        z_edges: depths of front and back, mm; None where unknown.

    Raises:
        BadValue: edges that do not increase from 0 or more, or no sector.
    """

    id: int
    r_edges: tuple[float, ...]
    n_alpha: int
    z_edges: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        edges = np.asarray(self.r_edges)
        if len(edges) < 2 or edges[0] < 0 or not np.all(np.diff(edges) > 0) or not np.isfinite(edges).all():
            raise BadValue(
                f"r_edges of layer {self.id}", self.r_edges, "give two or more increasing radii in mm, from 0"
            )
        if self.n_alpha < 1:
            raise BadValue(f"n_alpha of layer {self.id}", self.n_alpha, "give at least one sector")
        if self.z_edges is not None and not self.z_edges[0] < self.z_edges[1]:
            raise BadValue(f"z_edges of layer {self.id}", self.z_edges, "give two increasing depths in mm")

    @property
    def n_r(self) -> int:
        return len(self.r_edges) - 1

    @property
    def n_voxels(self) -> int:
        return self.n_r * self.n_alpha
