r"""One sample by itself, particle by particle: response and resolution in bins of energy, and mean profiles.

The profiles are densities of the visible energy, normalised shower by shower,

.. math:: f(z) = \Big\langle \frac{E_l}{E_\text{tot}} \Big\rangle \frac{1}{\Delta z_l}, \qquad
          g(r) = \Big\langle \frac{E_k}{E_\text{tot}} \Big\rangle \frac{1}{\pi (r_{k+1}^2 - r_k^2)},

with the energy :math:`E_l` of layer l and :math:`E_k` between two neighbouring radii of the mesh. Errors of profiles
are standard errors of means, all others standard deviations over bootstrap resamples of each bin.
"""

__all__ = ["Overview", "ParticleOverview", "measure_overview"]

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.data.origins import HasOrigin
from caloforge.data.source import Source
from caloforge.errors import EmptySample
from caloforge.geometry.binning import Binning
from caloforge.geometry.detector import radiation_length_of
from caloforge.metrics.bins import energy_edges
from caloforge.metrics.fits import LAW_NAMES, misfit
from caloforge.metrics.particles import particle_name
from caloforge.metrics.shower_laws import NEEDED, BinMeans, Depths, ShowerLaws, columns_of, measure_laws
from caloforge.physics.observables import select, tabulate
from caloforge.physics.sums import Sums
from caloforge.rng import stream

FEWEST = 20  # showers in an energy bin
_REPEATS = 200


@dataclass(frozen=True, eq=False)
class Profile:
    """A density in B bins of energy.

    Args:
        edges: low and high depth (mm, or layers where the mesh does not know its depths) or radius (mm) of each step.
        density: mean share of the energy per mm (per layer), or per mm2.
        error: its standard error.
    """

    edges: Float[Array, "K 2"]
    density: Float[Array, "B K"]
    error: Float[Array, "B K"]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        return {"edges": self.edges.tolist(), "density": self.density.tolist(), "error": self.error.tolist()}


@dataclass(frozen=True, eq=False)
class ParticleOverview:
    """What the showers of one particle are like.

    Args:
        pdg: PDG number.
        counts: showers in each energy bin.
        edges: of the energy bins, MeV.
        energy: mean incident energy of each bin, MeV.
        laws: response, resolution, means and fitted laws; row 0 the sample, the other rows its resamples.
        depths: edges of the layers for the fitted gamma distributions, and their unit.
        longitudinal: density along the axis.
        lateral: density across the axis.
        radiation_length: mean X0 of the detector, mm; None where it is not known, or depths are not in mm.
    """

    pdg: int
    counts: Int[Array, " B"]
    edges: Float[Array, " e"]
    energy: Float[Array, " B"]
    laws: ShowerLaws
    depths: Depths
    longitudinal: Profile
    lateral: Profile
    radiation_length: float | None = None

    def quantity(self, name: str) -> tuple[Float[Array, " B"], Float[Array, " B"]]:
        """A quantity of the bins, such as ``response``, and its standard error.

        Args:
            name: of a quantity of `ShowerLaws.bins`.
        """
        draws = self.laws.bins[name]
        return draws[0], draws[1:].std(axis=0, ddof=1)

    def parameters(self, law: str) -> dict[str, tuple[float, float]]:
        """Fitted parameters of a law with their standard errors.

        Args:
            law: name of a law of `ShowerLaws.laws`.
        """
        draws = self.laws.laws[law].parameters
        return {name: (float(values[0]), float(values[1:].std(ddof=1))) for name, values in draws.items()}

    @property
    def misfits(self) -> tuple[str, ...]:
        """A sentence on each law that does not describe these showers."""
        of = particle_name(self.pdg)
        fits = (misfit(LAW_NAMES[n], of, fit.chi2, fit.degrees_of_freedom) for n, fit in self.laws.laws.items())
        return tuple(filter(None, [*fits, self.laws.profile.misfit(of) if self.laws.profile else ""]))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON; ``null`` there where a value is undefined."""
        quantities = {name: self.quantity(name) for name in self.laws.bins}
        laws = {
            name: {
                "parameters": {p: {"value": v, "error": e} for p, (v, e) in self.parameters(name).items()},
                "chi2": float(fit.chi2),
                "degrees_of_freedom": fit.degrees_of_freedom,
                "limits_95": dict(fit.limits),
            }
            for name, fit in self.laws.laws.items()
        }
        return {
            "pdg": self.pdg,
            "energy_edges": self.edges.tolist(),
            "energy": self.energy.tolist(),
            "showers": self.counts.tolist(),
            "quantities": {n: {"value": v.tolist(), "error": e.tolist()} for n, (v, e) in quantities.items()},
            "laws": laws,
            "gamma_profiles": None if self.laws.profile is None else self.laws.profile.to_dict(),
            "misfits": list(self.misfits),
            "unit_of_depth": self.depths.unit,
            "radiation_length": self.radiation_length,
            "longitudinal_profile": self.longitudinal.to_dict(),
            "lateral_profile": self.lateral.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class Overview:
    """All particles of a sample; those with fewer than 20 showers are counted, and otherwise left out.

    Args:
        particles: in the order of their PDG numbers.
        left_out: number of showers of each particle that has too few.
    """

    particles: tuple[ParticleOverview, ...]
    left_out: Mapping[int, int]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        return {
            "particles": [particle.to_dict() for particle in self.particles],
            "left_out": {str(pdg): count for pdg, count in self.left_out.items()},
        }


def measure_overview(source: Source, seed: int = 1) -> Overview:
    """Read a sample once and measure it.

    Args:
        source: showers, read in batches; their cells are never in memory together.
        seed: of the resamples.

    Raises:
        EmptySample: no particle has 20 showers with energy in a bin.
    """
    wanted = select(["radial_profile", *NEEDED])
    incident, pdg, tables, rings, radii = [], [], [], [], np.zeros((0, 2))
    for batch in filter(len, source.batches()):
        sums = Sums.of(batch)
        energy, radii = _between_radii(*sums.radial)
        incident.append(batch.incident_energy)
        pdg.append(batch.pdg)
        tables.append(tabulate(sums, wanted))
        with np.errstate(invalid="ignore"):
            rings.append(energy / sums.total_energy[:, None])
    total = sum(map(len, incident))
    particles, counts = np.unique(np.concatenate(pdg), return_counts=True) if total else (np.zeros(0, int),) * 2
    enough = counts >= FEWEST
    if not enough.any():
        raise EmptySample(f"a plot needs {FEWEST} showers of one particle", total)
    table = {name: np.concatenate([part[name] for part in tables]) for name in wanted}
    energies, shares = np.concatenate(incident), np.concatenate(rings)
    kinds = np.concatenate(pdg)
    length = radiation_length_of(source.detector) if isinstance(source, HasOrigin) else None
    measured = []
    for number in particles[enough]:
        rows = kinds == number
        own = {name: values[rows] for name, values in table.items()}
        particle = _particle(int(number), source.binning, energies[rows], own, (shares[rows], radii), seed)
        measured.append(replace(particle, radiation_length=length if particle.depths.unit == "mm" else None))
    few = {int(p): int(n) for p, n in zip(particles[~enough], counts[~enough], strict=True)}
    return Overview(tuple(measured), few)


def _between_radii(
    energy: Float[Array, "N U"], rings: Float[Array, "U 2"]
) -> tuple[Float[Array, "N K"], Float[Array, "K 2"]]:
    """Energy between neighbouring radii of the whole mesh; a ring that spans several shares its energy by area."""
    radii = np.unique(rings)
    steps = np.stack([radii[:-1], radii[1:]], axis=1)
    inside = (steps[:, 0] >= rings[:, [0]]) & (steps[:, 1] <= rings[:, [1]])
    area = np.diff(steps**2, axis=1)[:, 0] / np.diff(rings**2, axis=1)
    return energy @ np.where(inside, area, 0.0), steps


def _particle(
    pdg: int,
    binning: Binning,
    energy: Float[Array, " N"],
    table: Mapping[str, Float[Array, "N _"]],
    lateral: tuple[Float[Array, "N U"], Float[Array, "U 2"]],
    seed: int,
) -> ParticleOverview:
    edges = energy_edges(energy, energy, fewest=FEWEST)
    which = np.searchsorted(edges, energy, side="right") - 1
    counts = np.bincount(which, minlength=len(edges) - 1)
    chance = stream(seed, "overview", abs(pdg), int(pdg < 0))
    draws = BinMeans.draw(columns_of(table, energy), which, tuple(counts.tolist()), _REPEATS, chance)
    depths = Depths.of(binning, None)
    shares, radii = lateral
    return ParticleOverview(
        pdg,
        counts,
        edges,
        np.bincount(which, energy.astype(float)) / counts,
        measure_laws(draws, depths),
        depths,
        _profile(table["longitudinal_profile"], depths.edges, np.diff(depths.edges, axis=1)[:, 0], which),
        _profile(shares, radii, np.pi * np.diff(radii**2, axis=1)[:, 0], which),
    )


def _profile(
    shares: Float[Array, "N K"], edges: Float[Array, "K 2"], size: Float[Array, " K"], which: Int[Array, " N"]
) -> Profile:
    """Mean share of each step in each bin over its size; showers without energy have no profile."""
    defined = np.isfinite(shares).all(axis=1)
    parts = [shares[defined & (which == i)] for i in range(which.max() + 1)]
    if min(map(len, parts)) < 2:
        raise EmptySample("a profile needs two showers with energy in each energy bin", min(map(len, parts)))
    mean = np.stack([part.mean(axis=0, dtype=np.float64) for part in parts])
    error = np.stack([part.std(axis=0, ddof=1, dtype=np.float64) / np.sqrt(len(part)) for part in parts])
    return Profile(edges, mean / size, error / size)
