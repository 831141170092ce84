"""What is shot, from words or numbers: particles of a beam or events of a generator; and in which frame it is seen."""

__all__ = ["Quantity", "beam_of", "frame_of"]

from pathlib import Path

from caloforge.api.incident import angles_of, pdg_of, spectrum_of
from caloforge.data.formats.hepmc import read_events
from caloforge.errors import BadValue, UnknownName
from caloforge.geometry.face import Face, parse_face
from caloforge.geometry.gdml import Calorimeter, GdmlDetector
from caloforge.simulation.beam import Beam, Mixture, parse_beam_particles
from caloforge.simulation.event_beam import EventBeam
from caloforge.simulation.event_selection import event_beam
from caloforge.simulation.primaries import Mesh

Quantity = str | float
FRAMES: tuple[Mesh, ...] = ("axis", "detector")
AT_ORIGIN = Face((0.0, 0.0, 0.0), (0.0, 0.0, 1.0))
_SHOWERS = 1000


def beam_of(
    stack: Calorimeter,
    energy: Quantity | None,
    n: int | None,
    particle: str | int | None,
    theta: Quantity | None,
    phi: Quantity | None,
    events: str | Path | None,
    units: str | None,
    face: str | Face | None,
) -> tuple[Beam | EventBeam, int]:
    """The beam and the number of showers that are asked for; what is not given is left to the rule.

    Args:
        stack: what the particles meet.
        energy: of a beam.
        n: number of showers, or of events to read.
        particle: of a beam.
        theta: of a beam.
        phi: of a beam.
        events: file of HepMC events, in place of all these.
        units: of the events.
        face: where the calorimeter stands in their coordinates.

    Raises:
        BadValue: neither energy nor events, what is for the one with the other, or words that are not of these forms.
        BadFile: events at fault, or none of them reaches the calorimeter.
        UnknownName: no such particle.
    """
    own = {"energy": energy, "particle": particle, "theta": theta, "phi": phi}
    if events is not None:
        if given := [name for name, value in own.items() if value is not None]:
            raise BadValue("events", str(events), f"their particles are their own: leave out {', '.join(given)}")
        if n is not None and n < 1:
            raise BadValue("number of events", n, "ask for at least one")
        beam = event_beam(read_events(events, units, n), stack, _place(stack, face))
        return beam, len(beam.events)
    if units is not None:
        raise BadValue("units", units, "they are for events: give --events FILE.hepmc, or leave them out")
    if energy is None:
        raise BadValue("energy", energy, "give one, as 50GeV, or events (--events FILE.hepmc)")
    angles = (angles_of(name, 0.0 if own[name] is None else own[name]) for name in ("theta", "phi"))
    return Beam(
        _particles("e-" if particle is None else particle), spectrum_of(energy), *angles
    ), _SHOWERS if n is None else n


def _place(stack: Calorimeter, face: str | Face | None) -> Face:
    """Where the face stands in the coordinates of events; those of a GDML file are its world's."""
    if isinstance(stack, GdmlDetector):
        return stack.face
    return AT_ORIGIN if face is None else parse_face(face) if isinstance(face, str) else face


def _particles(particle: str | int) -> int | Mixture:
    return parse_beam_particles(particle) if isinstance(particle, str) else pdg_of(particle)


def frame_of(frame: str | None, events: bool) -> Mesh:
    """Whether the mesh follows the axis of the shower, as it does where nothing is said, or stays with the detector.

    Args:
        frame: ``axis`` or ``detector``.
        events: whether several particles make a shower together.

    Raises:
        UnknownName: another frame.
        BadValue: an axis of events.
    """
    for name in FRAMES:
        if name == (frame or ("detector" if events else "axis")):
            if events and name == "axis":
                raise BadValue("frame", frame, "several particles have no common axis: leave it out")
            return name
    raise UnknownName("frame", str(frame), FRAMES)
