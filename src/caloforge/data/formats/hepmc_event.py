"""One event of HepMC ASCII from its lines: particles in the final state, and where they begin, in the file's units.

Version 3 names the vertex that a particle comes from by a negative number, or its mother by a positive one; a vertex
without a position lies where its first incoming particle began, and with none of these where the event lies (``@`` of
its first line). Version 2 lists under each vertex the particles that come from nowhere, then those that it sends out.
"""

__all__ = ["FinalState", "final_state"]

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.data.formats.hepmc_lines import EventText

FINAL_STATE = "1"  # HepMC's status of particles that reach a detector
_LARGEST = 2**31 - 1
Point = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class FinalState:
    """The k particles of an event that reach a detector (status 1), in the units of the file.

    Args:
        number: of the event, as the file numbers it.
        pdg: PDG particle numbers.
        momentum: of each.
        energy: of each.
        vertex: where each begins.
        line: of the file, where each stands.
    """

    number: int
    pdg: Int[Array, " k"]
    momentum: Float[Array, "k 3"]
    energy: Float[Array, " k"]
    vertex: Float[Array, "k 3"]
    line: Int[Array, " k"]


@dataclass(frozen=True)
class _Particle:
    """One line: where it stands, what it is, where it begins."""

    line: int
    pdg: int
    momentum: Point
    status: str
    place: Point


def final_state(text: EventText) -> FinalState:
    """Read one event.

    Args:
        text: its lines.

    Raises:
        BadFile: numbers that are none, NaN or infinite, more or fewer particles or vertices than announced, particles
            that come from what is not there.
    """
    number, particles = _version_3(text) if text.version == 3 else _version_2(text)
    final = [particle for particle in particles if particle.status == FINAL_STATE]
    momentum = np.array([particle.momentum for particle in final], float).reshape(-1, 4)
    vertex = np.array([particle.place[:3] for particle in final], float).reshape(-1, 3)
    pdg, line = (np.array([getattr(p, name) for p in final], np.int64) for name in ("pdg", "line"))
    return FinalState(number, pdg, momentum[:, :3], momentum[:, 3], vertex, line)


def _version_3(text: EventText) -> tuple[int, list[_Particle]]:
    """``E number vertices particles [@ place]``; ``V id status [ids] [@ place]``; ``P id parent pdg p4 m status``."""
    head = text.of("E")[0][1]
    number, _, announced = _integers(text, text.line, head[1:4], 3)  # vertices are miscounted by HepMC's own writer
    lines = text.of("P")
    if announced != len(lines):
        raise text.bad(f"it announces {announced} particles and has {len(lines)}")
    places: dict[int, Point | None] = {}
    incoming: dict[int, int] = {}
    for line, words in text.of("V"):
        name, _ = _integers(text, line, words[1:3], 2)
        ids = words[3] if len(words) > 3 else ""
        if name >= 0 or name in places or not (ids.startswith("[") and ids.endswith("]")):
            raise text.bad(
                f"a vertex has a negative number of its own and a list of ids ({' '.join(words[1:4])})", line
            )
        flowing = _integers(text, line, inner.split(","), None) if (inner := ids[1:-1]) else []
        if not all(0 <= mother <= announced for mother in flowing):
            raise text.bad(f"one of the particles {ids} does not exist", line)
        incoming[name] = flowing[0] if flowing else 0
        places[name] = _place(text, line, words)
    parents: dict[int, int] = {0: 0}
    for line, words in lines:
        name, parent, _ = _integers(text, line, words[1:4], 3)
        if name != len(parents):
            raise text.bad(f"particle {name} stands at place {len(parents)}", line)
        if not (0 <= parent < name or parent in places):
            raise text.bad(f"particle {name} comes from {parent}, which is not there", line)
        parents[name] = parent
    own = _place(text, text.line, head) or (0.0, 0.0, 0.0, 0.0)
    begins: dict[int, Point] = {0: own}
    particles = []
    for name, (line, words) in enumerate(lines, 1):
        place = _begin(text, parents[name], parents, places, incoming, begins)
        (status,) = _integers(text, line, words[9:], 1)
        momentum = _floats(text, line, words[4:9], 5)[:4]
        particles.append(_Particle(line, int(words[3]), momentum, str(status), place))
    return number, particles


def _begin(
    text: EventText,
    parent: int,
    parents: dict[int, int],
    places: dict[int, Point | None],
    incoming: dict[int, int],
    begins: dict[int, Point],
) -> Point:
    """Where particles of a parent begin: back along the mothers to the first vertex that has a position."""
    way: list[int] = []
    while parent not in begins:
        if parent in way:
            raise text.bad("its vertices run in a circle")
        way.append(parent)
        place = places.get(parent)
        if place is not None:
            begins[parent] = place
        else:
            parent = parents[incoming[parent] if parent < 0 else parent]
    begins |= dict.fromkeys(way, begins[parent])
    return begins[parent]


def _place(text: EventText, line: int, words: list[str]) -> Point | None:
    """Behind ``@``; none where nothing stands there, or zeros, which HepMC does not tell from nothing."""
    place = _floats(text, line, words[words.index("@") + 1 :], 4) if "@" in words else ()
    return place if any(place) else None


def _version_2(text: EventText) -> tuple[int, list[_Particle]]:
    """``E`` announces vertices (word 9), ``V barcode id place from_nowhere outgoing ...`` the particles below it."""
    head = text.of("E")[0][1]
    (number,) = _integers(text, text.line, head[1:2], 1)
    (announced,) = _integers(text, text.line, head[8:9], 1)
    vertices = 0
    origins: list[Point] = []
    particles: list[_Particle] = []
    for line, words in text.lines[1:]:
        if words[0] == "V":
            _same_number(text, origins)
            vertices += 1
            place = _floats(text, line, words[3:7], 4)
            from_nowhere, outgoing = _integers(text, line, words[7:9], 2)
            if min(from_nowhere, outgoing) < 0 or from_nowhere + outgoing > len(text.lines):
                raise text.bad(f"a vertex announces {from_nowhere} and {outgoing} particles", line)
            origins = [(0.0, 0.0, 0.0, 0.0)] * from_nowhere + [place] * outgoing
        elif words[0] == "P":
            if not origins:
                raise text.bad("a particle more than its vertex announces", line)
            _, pdg = _integers(text, line, words[1:3], 2)
            (status,) = _integers(text, line, words[8:9], 1)
            momentum = _floats(text, line, words[3:8], 5)[:4]
            particles.append(_Particle(line, pdg, momentum, str(status), origins.pop(0)))
    _same_number(text, origins)
    if announced != vertices:
        raise text.bad(f"it announces {announced} vertices and has {vertices}")
    return number, particles


def _same_number(text: EventText, left: list[Point]) -> None:
    if left:
        raise text.bad(f"a vertex announces {len(left)} particles more than there are")


def _integers(text: EventText, line: int, words: list[str], count: int | None) -> list[int]:
    try:
        values = [int(word) for word in words]
    except ValueError:
        values = []
    if count not in (None, len(values)) or not values or any(abs(value) > _LARGEST for value in values):
        raise text.bad(f"whole numbers are missing or damaged ({' '.join(words) or 'the line ends'})", line)
    return values


def _floats(text: EventText, line: int, words: list[str], count: int) -> Point:
    try:
        values = tuple(map(float, words))
    except ValueError:
        values = ()
    if len(values) != count or not all(map(math.isfinite, values)):
        raise text.bad(f"numbers are missing, damaged, NaN or infinite ({' '.join(words)})", line)
    return values
