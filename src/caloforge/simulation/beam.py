r"""The beam: which particles, with which energies, from where; and the list of primaries that a request stands for.

Energies are kinetic and in MeV.
"""

__all__ = [
    "Beam",
    "EnergyPoints",
    "Mixture",
    "Primaries",
    "Spectrum",
    "parse_beam_particles",
    "parse_particle",
    "parse_spectrum",
]

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from particle import Particle, ParticleNotFound

from caloforge import rng
from caloforge.errors import BadValue, UnknownName
from caloforge.simulation.directions import PERPENDICULAR, Angles
from caloforge.simulation.physics_lists import HADRONS, Physics
from caloforge.simulation.primaries import Primaries
from caloforge.simulation.spectrum import EnergyPoints, Spectrum, parse_spectrum
from caloforge.simulation.tables.em_data import DataSource
from caloforge.units import deg

PARTICLES = {"e-": 11, "e+": -11, "gamma": 22, "mu-": 13, "mu+": -13, **HADRONS}
STEEPEST = 85 * deg  # from the normal
_ROUNDING = 1e-6


def parse_particle(name: str) -> int:
    """PDG number of a particle that Geant4 can be shot with here: one of `PARTICLES`.

    Args:
        name: as the PDG writes it, such as ``e-`` or ``pi+``.

    Raises:
        UnknownName: nobody knows this particle.
        BadValue: a known particle that the tables do not cover.
    """
    if name in PARTICLES:  # the search among all particles takes 0.2 s
        return PARTICLES[name]
    try:
        pdg = int(Particle.from_name(name).pdgid)
    except ParticleNotFound:
        raise UnknownName("particle", name, PARTICLES, "docs/presets.md") from None
    _check_covered(pdg, name)
    return pdg


def _check_covered(pdg: int, name: str) -> None:
    if pdg not in PARTICLES.values():
        raise BadValue("particle", name, f"the data tables cover {', '.join(PARTICLES)}")


@dataclass(frozen=True)
class Mixture:
    """Several particles in one beam, each with the probability that a shower is its.

    Args:
        particles: PDG numbers.
        fractions: of the showers, summing to one.

    Raises:
        BadValue: one particle twice, a fraction for each is missing or not positive, or they do not sum to one.
    """

    particles: tuple[int, ...]
    fractions: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(set(self.particles)) != len(self.fractions) or len(self.particles) != len(self.fractions):
            raise BadValue("particles of the mixture", self.text, "give each particle once, with its fraction")
        if not all(fraction > 0 for fraction in self.fractions) or abs(sum(self.fractions) - 1) > _ROUNDING:
            raise BadValue("fractions of the mixture", self.text, "they are positive and sum to one")

    @property
    def text(self) -> str:
        """As on the command line: ``e-:0.99,mu-:0.01``."""
        pairs = zip(self.particles, self.fractions, strict=False)
        return ",".join(f"{particle_name(pdg)}:{fraction}" for pdg, fraction in pairs)

    def sample(self, n: int, generator: np.random.Generator) -> Int[Array, " n"]:
        """PDG numbers of ``n`` showers; the first of them do not depend on ``n``.

        Args:
            n: showers.
            generator: of the random numbers.
        """
        drawn = np.searchsorted(np.cumsum(self.fractions)[:-1], generator.random(n), side="right")
        return np.array(self.particles, np.int32)[drawn]


def particle_name(pdg: int) -> str:
    """As on the command line: ``e-`` ... ``K-``; the number of a particle that is not among `PARTICLES`.

    Args:
        pdg: PDG number.
    """
    return next((name for name, number in PARTICLES.items() if number == pdg), str(pdg))


def parse_beam_particles(text: str) -> int | Mixture:
    """PDG number of one particle (``e-``), or the mixture of several (``e-:0.99,mu-:0.01``).

    Args:
        text: as on the command line.

    Raises:
        UnknownName: nobody knows one of them.
        BadValue: the tables do not cover one of them, a fraction is not a number, or as `Mixture`.
    """
    if ":" not in text and "," not in text:
        return parse_particle(text)
    names, _, numbers = zip(*(part.strip().rpartition(":") for part in text.split(",")), strict=True)
    try:
        fractions = tuple(float(number) for number in numbers)
    except ValueError:
        raise BadValue("particle", text, "write a mixture as e-:0.99,mu-:0.01") from None
    return Mixture(tuple(parse_particle(name) for name in names), fractions)


@dataclass(frozen=True)
class Beam:
    """Particles that enter the calorimeter in the middle of its face.

    Args:
        particle: PDG number, or a mixture of several.
        spectrum: kinetic energies.
        theta: angle to the normal of the face, from 0 to 85 degrees.
        phi: azimuth about the normal, within a full turn.

    Raises:
        BadValue: a particle that the tables do not cover, or angles out of range.
    """

    particle: int | Mixture
    spectrum: Spectrum | EnergyPoints
    theta: Angles = PERPENDICULAR
    phi: Angles = PERPENDICULAR

    def __post_init__(self) -> None:
        for pdg in self.particles:
            _check_covered(pdg, str(pdg))
        if not (self.theta.low >= 0 and self.theta.high <= STEEPEST):
            raise BadValue("theta", self.theta.text, "stay between 0deg (perpendicular to the face) and 85deg")
        if self.phi.shape == "solid-angle":
            raise BadValue("phi", self.phi.text, "an azimuth is fixed or uniform; the solid angle is that of theta")
        if max(abs(self.phi.low), abs(self.phi.high), self.phi.high - self.phi.low) > 360.001 * deg:
            raise BadValue("phi", self.phi.text, "stay within one turn, for example 0deg:360deg:uniform")

    @property
    def particles(self) -> tuple[int, ...]:
        """PDG numbers of all that are in the beam."""
        return self.particle.particles if isinstance(self.particle, Mixture) else (self.particle,)

    @property
    def particle_name(self) -> str:
        """As on the command line: ``e-`` or ``e-:0.99,mu-:0.01``."""
        return self.particle.text if isinstance(self.particle, Mixture) else particle_name(self.particle)

    @property
    def facts(self) -> dict[str, str]:
        """For the provenance of a file, as on the command line."""
        angles = {"theta": self.theta.text, "phi": self.phi.text}
        return {"particle": self.particle_name, "energy": self.spectrum.text, **angles}

    def check(self, physics: Physics) -> None:
        """That the list has these particles at these energies.

        Args:
            physics: list, cuts and limits.

        Raises:
            BadValue: a particle or energy that the list does not cover.
        """
        for pdg in self.particles:
            physics.check_beam(pdg, particle_name(pdg), self.spectrum.low, self.spectrum.high)

    def check_data(self, physics: Physics, data: DataSource) -> None:
        """That these data files suffice.

        Args:
            physics: list, cuts and limits.
            data: the files that Geant4 would read.

        Raises:
            BadValue: the list needs official datasets, or hadrons start where the built-in tables are all there is.
        """
        for pdg in self.particles:
            physics.check_data(data, pdg, self.spectrum.low)

    def primaries(self, n: int, seed: int) -> Primaries:
        """The first ``n`` showers of a seed: shower i is the same in any ``n``, shard and process.

        Incident energies and angles are rounded to float32, as files hold them. The particles of a mixture, the
        energies and the angles are drawn independently of each other.

        Args:
            n: showers.
            seed: of energies, angles, particles and of Geant4's engine.

        Raises:
            BadValue: ``n`` or ``seed`` is not a natural number.
        """
        if n < 1:
            raise BadValue("number of showers", n, "ask for at least one")
        if seed < 0:
            raise BadValue("seed", seed, "a seed is not negative")
        energy = self.spectrum.sample(n, rng.stream(seed, "incident energy")).astype(np.float32)
        seeds: Int[Array, "n 2"] = np.array([rng.integer_seeds(seed, "geant4", i) for i in range(n)])
        return Primaries(self._pdg(n, seed), energy, seeds, self._angles(n, seed))

    def _pdg(self, n: int, seed: int) -> Int[Array, " n"]:
        if isinstance(self.particle, Mixture):
            return self.particle.sample(n, rng.stream(seed, "incident particle"))
        return np.full(n, self.particle, np.int32)

    def _angles(self, n: int, seed: int) -> Float[Array, "n 2"] | None:
        if self.theta == self.phi == PERPENDICULAR:
            return None
        theta = self.theta.sample(n, rng.stream(seed, "incident theta"))
        phi = self.phi.sample(n, rng.stream(seed, "incident phi"))
        return np.stack([theta, phi], axis=1).astype(np.float32)
