r"""Which particles of events meet the calorimeter, where, and with which energy.

A particle is carried along its momentum from its vertex to the face, in a straight line, whatever its charge and
lifetime.
"""

__all__ = ["event_beam"]

from collections import Counter

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array
from particle import Particle, ParticleNotFound

from caloforge.data.event_particles import EventParticles
from caloforge.data.formats.hepmc import Events
from caloforge.data.ragged import offsets_of
from caloforge.errors import BadFile
from caloforge.geometry.face import Face
from caloforge.geometry.gdml import Calorimeter
from caloforge.geometry.stack import Detector
from caloforge.simulation.beam import PARTICLES, STEEPEST
from caloforge.simulation.event_beam import EventBeam
from caloforge.simulation.physics_lists import SECONDARY_HADRONS
from caloforge.simulation.spectrum import HIGHEST, LOWEST
from caloforge.units import mm

SIMULATED = frozenset(PARTICLES.values()) | frozenset(SECONDARY_HADRONS.values())
NEUTRINOS = (12, 14, 16)
_TOUCH = 1e-6 * mm  # a particle may begin on the face

Points = Float[Array, "k 3"]


def event_beam(events: Events, detector: Calorimeter, face: Face) -> EventBeam:
    """The particles of events that meet a calorimeter, and the count of those that do not.

    Args:
        events: as the generator made them.
        detector: its face is a square, the inner half of a cylinder, or, of a GDML file, a plane.
        face: where it stands in the coordinates of the events.

    Raises:
        BadFile: no event reaches the calorimeter, or an energy beyond those of Geant4's lists.
    """
    momentum, vertex = events.momentum @ face.rotation.T, face.from_world(events.vertex)
    size = np.hypot(np.hypot(momentum[:, 0], momentum[:, 1]), momentum[:, 2])
    kinetic = events.kinetic_energy
    way = momentum / np.maximum(size, 1e-300)[:, None]
    radius = detector.inner_radius if isinstance(detector, Detector) else None
    with np.errstate(all="ignore"):  # vertices at the end of the world: what is no number meets nothing
        point, cosine, behind, hit = _meet(radius, vertex, way)
    reasons = {
        "neutrinos": np.isin(np.abs(events.pdg), NEUTRINOS),
        "not simulated": ~np.isin(events.pdg, list(SIMULATED)),
        "below 1 keV": kinetic < LOWEST,
        "begin behind the face": behind,
        "fly away from the face": ~hit,
        "pass beside the face": _beside(detector, point),
        "steeper than 85deg": cosine < np.cos(STEEPEST),
    }
    taken = np.ones(len(kinetic), bool)
    left_out: dict[str, int] = {}
    for reason, mask in reasons.items():
        if reason == "not simulated":
            left_out |= _by_name(events.pdg[taken & mask])
        elif count := int((taken & mask).sum()):
            left_out[reason] = count
        taken &= ~mask
    _check_energies(events, kinetic, taken)
    multiplicity = np.add.reduceat(np.append(taken, 0), events.offsets[:-1]) * (events.multiplicity > 0)
    empty = multiplicity == 0
    if empty.all():
        counts = ", ".join(f"{count} {reason}" for reason, count in left_out.items()) or "no final-state particle"
        raise BadFile(events.path, f"no particle reaches the calorimeter ({counts})", "place it with --face")
    theta, phi = np.arccos(np.clip(way[:, 2], -1, 1)), np.arctan2(way[:, 1], way[:, 0])
    columns = (kinetic, events.pdg, theta, phi, point[:, 0], point[:, 1])
    kinds = (np.float32, np.int32, *[np.float32] * 4)
    edges = offsets_of(multiplicity[~empty])
    names = ("energy", "pdg", "theta", "phi", "x", "y")
    arrays = {name: column[taken].astype(kind) for name, column, kind in zip(names, columns, kinds, strict=True)}
    table = EventParticles(**arrays, offsets=edges, index=np.flatnonzero(~empty))
    origin = {
        "file": events.path.name,
        "sha256": events.digest,
        "units": events.units,
        "face": face.text,
        "events": len(events),
        "events_that_miss": int(empty.sum()),
        "particles": len(table.energy),
        "particles_left_out": left_out,
    }
    return EventBeam(table, origin)


def _meet(
    radius: float | None, start: Points, way: Points
) -> tuple[Points, Float[Array, " k"], Bool[Array, " k"], Bool[Array, " k"]]:
    """Where lines meet the face, the cosine to its normal there, which begin behind it, and which meet it at all."""
    if radius is None:
        hit = way[:, 2] > 0
        path = np.maximum(-start[:, 2], 0) / np.where(hit, way[:, 2], 1.0)
        return start + path[:, None] * way, way[:, 2], start[:, 2] > _TOUCH, hit
    x, z = start[:, 0], start[:, 2] + radius
    across = way[:, 0] ** 2 + way[:, 2] ** 2
    outwards = x * way[:, 0] + z * way[:, 2]
    inside = radius**2 - x**2 - z**2
    root = np.sqrt(np.maximum(outwards**2 + across * inside, 0))
    path = (root - outwards) / np.where(across > 0, across, 1.0)
    point = start + path[:, None] * way
    cosine = (point[:, 0] * way[:, 0] + (point[:, 2] + radius) * way[:, 2]) / radius
    behind = inside < -2 * radius * _TOUCH
    return point, cosine, behind, (across > 0) & (point[:, 2] + radius > 0) & (cosine > 0)


def _beside(detector: Calorimeter, point: Points) -> Bool[Array, " k"]:
    """Which points lie beside the face: of a GDML file outside its world."""
    if isinstance(detector, Detector):
        axes = slice(0, 2) if detector.inner_radius is None else slice(1, 2)
        return (np.abs(point[:, axes]) > detector.half_width).any(axis=1)
    if detector.world is None:
        return np.zeros(len(point), bool)
    (low, high), where = np.array(detector.world), detector.face.to_world(point)
    return ((where < low - _TOUCH) | (where > high + _TOUCH)).any(axis=1)


def _by_name(pdg: Array) -> dict[str, int]:
    """How many of each particle that is not simulated."""
    names = {}
    for kind, count in Counter(pdg.tolist()).items():
        try:
            name = str(Particle.from_pdgid(kind).name)
        except ParticleNotFound:
            name = f"PDG {kind}"
        names[f"{name}, not simulated"] = count
    return names


def _check_energies(events: Events, kinetic: Float[Array, " k"], taken: Bool[Array, " k"]) -> None:
    for row in np.flatnonzero(taken & (kinetic > HIGHEST))[:1]:
        event = int(np.searchsorted(events.offsets, row, side="right")) - 1
        problem = f"event {event}: a particle (PDG {events.pdg[row]}) has {kinetic[row]:.4g} MeV"
        raise BadFile(events.path, problem, "Geant4's lists end at 100 TeV; are its units right?")
