"""The particles that a model is asked for, from words or numbers, checked against what it was trained on."""

__all__ = ["Angle", "Energy", "Particle", "angles_of", "incident_particles", "one_particle", "pdg_of", "spectrum_of"]

from collections.abc import Callable, Sequence
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.api.calls import require_one
from caloforge.data.incident import Incident
from caloforge.errors import BadValue
from caloforge.preprocessing.trained import Trained
from caloforge.rng import stream
from caloforge.simulation.beam import EnergyPoints, Spectrum, parse_particle, parse_spectrum
from caloforge.simulation.directions import Angles, parse_angles
from caloforge.units import format_angle

Energy = str | float | Sequence[str | float] | Array
Angle = str | float | Sequence[str | float] | Array
Particle = str | int | Sequence[str | int] | Array

_DEFAULT_SHOWERS = 1000
_ENERGY_FORMS = 'write "50GeV", "5GeV,10GeV", "1GeV:100GeV:log", a number in MeV, or a list of these'
_ANGLE_FORMS = 'write "30deg", "0deg:30deg:uniform", a number in rad, or a list of these'


def spectrum_of(energy: object) -> Spectrum | EnergyPoints:
    """One energy, several in turn, or a spectrum.

    Args:
        energy: ``"50GeV"``, ``"5GeV,10GeV"``, ``"1GeV:100GeV:log"``, ``"1GeV:100GeV:uniform"``, or a number in MeV,
            such as ``50 * hepunits.GeV``.

    Raises:
        BadValue: none of these, or not between 1 keV and 100 TeV.
        UnknownName: a shape of the spectrum other than log and uniform.

    Example:
        >>> spectrum_of(50_000.0) == spectrum_of("50GeV")
        True
    """
    if isinstance(energy, str):
        return parse_spectrum(energy)
    value = _number("energy", energy, _ENERGY_FORMS)
    return Spectrum(value, value)


def angles_of(name: str, angle: object) -> Angles:
    """One angle or a range of angles; a number is in rad.

    Args:
        name: what errors call it.
        angle: ``"30deg"``, ``"0deg:30deg:uniform"``, ``"0deg:30deg:solid-angle"``, or a number in rad.

    Raises:
        BadValue: neither text with a unit nor a finite number.
        UnknownName: a shape of the range other than uniform and solid-angle.
    """
    if isinstance(angle, str):
        return parse_angles(angle)
    value = _number(name, angle, _ANGLE_FORMS)
    return Angles(value, value)


def _number(name: str, value: object, forms: str) -> float:
    value = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    if isinstance(value, Real) and not isinstance(value, bool | np.bool_) and np.isfinite(float(value)):
        return float(value)
    raise BadValue(name, value, forms)


def incident_particles(
    trained: Trained,
    energy: Energy,
    particle: Particle | None = None,
    theta: Angle | None = None,
    phi: Angle | None = None,
    n: int | None = None,
    seed: int = 1,
) -> Incident:
    """Particles to generate showers for; what is not given is what the model was trained on, if that is one thing.

    Args:
        trained: what the model was trained on.
        energy: one, a spectrum, or a list of single ones; numbers in MeV.
        particle: names, PDG numbers, or a list of them.
        theta: angle to the normal; numbers in rad.
        phi: azimuth about the normal; numbers in rad.
        n: number of particles; lists repeat. The length of the lists, or else 1000, when not given.
        seed: of what is drawn from a spectrum.

    Raises:
        BadValue: words or numbers that are not of these forms, lists of different lengths, or something left open
            that the model was trained on several of.
        UnknownName: a particle or the shape of a range that does not exist.

    Example:
        >>> from caloforge.training.run import load_run
        >>> trained = load_run("vae-siw-1080").pipeline.condition.trained
        >>> incident_particles(trained, ["10GeV", 20_000.0], n=3).energy.tolist()
        [10000.0, 20000.0, 10000.0]
    """
    if n is not None:
        require_one("number of showers", n, "ask for at least one")
    if particle is None and trained.tells_particle:
        raise BadValue("particle", None, f"the model was trained on {trained.particle_names}; say which")
    thetas = _trained_angle("theta", theta, trained.theta_varies, trained.theta)
    phis = _trained_angle("phi", phi, trained.phi_varies, trained.phi)
    names = trained.particles[0] if particle is None else particle
    lists = {"energy": energy, "particle": names, "theta": thetas, "phi": phis}
    lengths = {name: len(items) for name, value in lists.items() if (items := _items(value)) is not None}
    for name, count in lengths.items():
        if count == 0:
            raise BadValue(name, lists[name], "the list is empty: give a value for every shower")
    if len(set(lengths.values())) > 1:
        raise BadValue(
            "lengths of the lists of incident particles", lengths, "give one value of each for every particle"
        )
    length = next(iter(lengths.values()), n or _DEFAULT_SHOWERS)
    incident = Incident(
        _drawn("energy", energy, spectrum_of, length, stream(seed, "beam")),
        _pdg(names, length),
        _drawn("theta", thetas, partial(angles_of, "theta"), length, stream(seed, "beam theta")),
        _drawn("phi", phis, partial(angles_of, "phi"), length, stream(seed, "beam phi")),
    )
    return incident if n is None else incident.repeated(n)


def _drawn(
    name: str, value: Any, parse: Callable[[object], Spectrum | EnergyPoints | Angles], n: int, rng: np.random.Generator
) -> Float[Array, " n"]:
    """From one value or range, or from a list of single values."""
    items = _items(value)
    if items is None:
        return parse(value).sample(n, rng)
    singles = [parse(item) for item in items]
    if any(single.shape != "fixed" for single in singles):
        raise BadValue(name, value, "in a list, give single values, no ranges")
    return np.array([single.low for single in singles])


def _items(value: Any) -> list[Any] | None:
    """The members of a list or of an array; None for a single value."""
    if isinstance(value, np.ndarray) and value.ndim > 1:
        raise BadValue("shape of incident particles", value.shape, "give one value for each particle")
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray) or np.ndim(value) == 0:
        return None
    return list(value)


def _trained_angle(name: str, angle: Angle | None, varies: bool, ends: tuple[float, float]) -> Angle:
    if angle is not None:
        return angle
    if varies:
        raise BadValue(name, None, f"the model was trained on {' to '.join(map(format_angle, ends))}; say which")
    return ends[0]


def _pdg(particle: Particle, n: int) -> Int[Array, " n"]:
    items = _items(particle)
    if items is not None:
        return np.array([pdg_of(name) for name in items], np.int32)
    return np.full(n, pdg_of(particle), np.int32)


def pdg_of(particle: object) -> int:
    """PDG number of a particle by name or number.

    Args:
        particle: such as ``"e-"`` or 11.

    Raises:
        UnknownName: nobody knows this particle.
        BadValue: a known particle that the tables do not cover, or neither a name nor a number.
    """
    if isinstance(particle, str):
        return parse_particle(particle)
    if isinstance(particle, int | np.integer) and not isinstance(particle, bool):
        return int(particle)
    raise BadValue("particle", particle, "write its name (e-, pi+) or its PDG number (11, 211)")


def one_particle(
    trained: Trained,
    energy: str,
    particle: str | None = None,
    theta: str | None = None,
    phi: str | None = None,
) -> Incident:
    """One particle; ranges are refused.

    Args:
        trained: what the model was trained on.
        energy: with its unit, such as ``50GeV``.
        particle: name; what the model was trained on if None.
        theta: angle to the normal with its unit; what the model was trained on if None.
        phi: azimuth with its unit; what the model was trained on if None.

    Raises:
        BadValue: a range of energies or angles, or as `incident_particles`.
    """
    for name, word in (("energy", energy), ("theta", theta), ("phi", phi)):
        if word and (":" in word or "," in word):
            raise BadValue(name, word, "an expectation is taken at one condition; give one value")
    return incident_particles(trained, energy, particle, theta, phi, 1, 0)
