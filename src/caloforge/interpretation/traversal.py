r"""Latent traversals: one latent moved from -3 to 3 sigma at one energy, all other noise averaged over.

.. math:: \bar x(s) = E\big[G(z, c) \mid z_k = s\big]

The other noise is the same at every step (common random numbers), so what changes from step to step is due to the
latent. Source of the name: Higgins et al., beta-VAE (ICLR 2017).
"""

__all__ = ["STEPS", "Traversal", "traverse"]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.geometry.binning import Binning
from caloforge.interpretation.latents import at_energy, draw_noise, showers_from
from caloforge.physics.definition import Observable
from caloforge.physics.moments import ratio
from caloforge.physics.observables import tabulate
from caloforge.training.run import Run

STEPS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)


@dataclass(frozen=True, eq=False)
class Traversal:
    """What one latent does.

    Args:
        latent: its name.
        told: the shape that it tells most about.
        energy: incident energy, MeV.
        cells: mean energy of each cell at each of `STEPS`, MeV.
        shapes: mean of each observable at each step, and ``shape_errors`` their standard errors.
        n: showers at each step.
        binning: the mesh.
    """

    latent: str
    told: str
    energy: float
    cells: Float[Array, "S V"]
    shapes: Mapping[str, Float[Array, " S"]]
    shape_errors: Mapping[str, Float[Array, " S"]]
    n: int
    binning: Binning

    @property
    def profile(self) -> Float[Array, "S L"]:
        """Mean energy in each layer, MeV."""
        return np.add.reduceat(self.cells, self.binning.layer_starts[:-1], axis=1)

    @property
    def radial_profile(self) -> Float[Array, "S R"]:
        """Mean energy in each ring, counted from the axis, all layers together, MeV."""
        ring = self.binning.ring_of_voxel
        return self.cells @ (ring[:, None] == np.arange(ring.max() + 1))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "latent": self.latent,
            "told": self.told,
            "energy_MeV": self.energy,
            "steps": list(STEPS),
            "n": self.n,
            "longitudinal_profile_MeV": self.profile.tolist(),
            "radial_profile_MeV": self.radial_profile.tolist(),
            "shapes": {
                name: {"mean": values.tolist(), "error": self.shape_errors[name].tolist()}
                for name, values in self.shapes.items()
            },
        }


def traverse(
    run: Run,
    column: int,
    names: tuple[str, str],
    particles: Incident,
    energy: float,
    observables: Mapping[str, Observable],
    n: int,
    seed: int,
) -> Traversal:
    """Move one latent.

    Args:
        run: the model.
        column: of its noise.
        names: of the latent, and of the shape that it tells most about.
        particles: kinds and directions to average over.
        energy: of all of them, MeV.
        observables: one number a shower each.
        n: showers at each step.
        seed: of the other noise.
    """
    incident, noise = at_energy(particles, energy, n), draw_noise(run.model, n, seed, 1)
    cells, means, errors = [], [], []
    for step in STEPS:
        noise[:, column] = step
        showers = showers_from(run, noise, incident)
        table = np.concatenate(list(tabulate(showers, observables).values()), axis=1)
        cells.append(showers.energy.mean(axis=0, dtype=np.float64))
        mean, error = _mean(table)
        means.append(mean)
        errors.append(error)
    shapes, shape_errors = (dict(zip(observables, np.stack(rows, axis=1), strict=True)) for rows in (means, errors))
    return Traversal(*names, energy, np.stack(cells), shapes, shape_errors, n, run.pipeline.binning)


def _mean(table: Float[Array, "n T"]) -> tuple[Float[Array, " T"], Float[Array, " T"]]:
    """Mean of the defined values of each column and its standard error; NaN where there are none."""
    defined = np.isfinite(table)
    count = defined.sum(axis=0).astype(np.float64)
    mean = ratio(np.where(defined, table, 0.0).sum(axis=0), count)
    squares = np.where(defined, (table - mean) ** 2, 0.0).sum(axis=0)
    return mean, np.sqrt(ratio(squares, count * (count - 1)))
