"""The particles that a model is asked for, from words or numbers, checked against what it was trained on."""

__all__ = ["one_particle", "shoot"]

import numpy as np

from caloforge.data.incident import Incident
from caloforge.errors import BadValue
from caloforge.preprocessing.conditions import ConditionEncoder
from caloforge.rng import stream
from caloforge.simulation.beam import parse_particle, parse_spectrum
from caloforge.simulation.directions import Angles, parse_angles
from caloforge.units import format_angle

Words = tuple[str | None, str | None, str | None]  # particle, theta, phi


def shoot(known: ConditionEncoder, energy: str, rest: Words, n: int, seed: int) -> Incident:
    """Particles as in ``simulate``; what is not given is what the model was trained on, if that is one thing."""
    particle, theta, phi = rest
    if particle is None and known.n_particles > 1:
        raise BadValue("--particle", None, f"the model was trained on PDG {known.particles.tolist()}; say which")
    thetas = _angles("theta", theta, known.columns.cos_theta, known.theta_range.tolist())
    phis = _angles("phi", phi, known.columns.direction, known.phi_range.tolist())
    pdg = parse_particle(particle) if particle else int(known.particles[0])
    return Incident(
        parse_spectrum(energy).sample(n, stream(seed, "beam")),
        np.full(n, pdg, np.int32),
        thetas.sample(n, stream(seed, "beam theta")),
        phis.sample(n, stream(seed, "beam phi")),
    )


def _angles(name: str, text: str | None, varies: bool, ends: list[float]) -> Angles:
    if text:
        return parse_angles(text)
    if varies:
        known = " to ".join(map(format_angle, ends))
        raise BadValue(f"--{name}", None, f"the model was trained on {known}; say which")
    return Angles(ends[0], ends[0])


def one_particle(known: ConditionEncoder, energy: str, rest: Words) -> Incident:
    """One particle; ranges are refused.

    Raises:
        BadValue: a range of energies or angles, or as `shoot`.
    """
    for name, word in (("energy", energy), ("theta", rest[1]), ("phi", rest[2])):
        if word and ":" in word:
            raise BadValue(f"--{name}", word, "an expectation is taken at one condition; give one value")
    return shoot(known, energy, rest, 1, 0)
