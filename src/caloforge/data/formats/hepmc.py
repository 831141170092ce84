"""HepMC events (ASCII, versions 2 and 3, gzip or not): the final-state particles of each event, in MeV and mm.

Nothing but Python reads them: see `hepmc_lines` for why. The tests hold what is read against pyhepmc's reading.
"""

__all__ = ["Events", "check_hepmc_units", "incident_of", "is_hepmc", "read_events"]

import hashlib
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from particle import PDGID, InvalidParticle, Particle, ParticleNotFound

from caloforge.data.formats.hepmc_event import FinalState, final_state
from caloforge.data.formats.hepmc_lines import EventText, event_texts
from caloforge.data.incident import Incident
from caloforge.data.ragged import offsets_of
from caloforge.errors import BadFile, BadValue
from caloforge.units import GeV, MeV, mm

UNITS = ("GEV MM", "GEV CM", "MEV MM", "MEV CM")
_ROUNDING = 1e-4  # energy may lie below the momentum by this part of it: files of few digits
_SUFFIXES = (".hepmc", ".hepmc2", ".hepmc3")


@dataclass(frozen=True, eq=False)
class Events:
    """The k final-state particles (status 1) of N events, as the generator made them.

    Args:
        path: of the file.
        digest: SHA-256 of its bytes.
        units: those of the file, such as ``GEV MM``; what follows is in MeV and mm.
        number: of each event, as the file numbers it.
        offsets: first particle of each event, then k.
        pdg: PDG particle numbers.
        momentum: MeV.
        energy: MeV.
        vertex: where each particle begins, mm.
    """

    path: Path
    digest: str
    units: str
    number: Int[Array, " N"]
    offsets: Int[Array, " edges"]
    pdg: Int[Array, " k"]
    momentum: Float[Array, "k 3"]
    energy: Float[Array, " k"]
    vertex: Float[Array, "k 3"]

    def __len__(self) -> int:
        return len(self.number)

    @property
    def multiplicity(self) -> Int[Array, " N"]:
        """Final-state particles of each event."""
        return np.diff(self.offsets)

    @cached_property
    def kinetic_energy(self) -> Float[Array, " k"]:
        r"""MeV, :math:`p^2 / (\sqrt{p^2 + m^2} + m)` with the PDG's mass, whatever energy the file says."""
        kinds, inverse = np.unique(self.pdg, return_inverse=True)
        mass = np.array([_mass(kind) for kind in kinds.tolist()], float)[inverse]
        size = _size(self.momentum)
        return size * (size / np.maximum(np.hypot(size, mass) + mass, 1e-300))


def _size(momentum: Float[Array, "k 3"]) -> Float[Array, " k"]:
    """Of vectors, without squares that overflow."""
    return np.hypot(np.hypot(momentum[:, 0], momentum[:, 1]), momentum[:, 2])


def _mass(pdg: int) -> float:
    """MeV; 0 of what the PDG lists without one."""
    try:
        return Particle.from_pdgid(pdg).mass or 0.0
    except (ParticleNotFound, InvalidParticle):
        return 0.0


def incident_of(events: Events) -> Incident:
    """The conditions of showers, of events of one particle each; z is the calorimeter's normal, vertices do not count.

    Args:
        events: N of them.

    Raises:
        BadFile: an event with more particles or none, or one that flies away from the calorimeter.
    """
    for event in np.flatnonzero(events.multiplicity != 1)[:1].tolist():
        problem = f"event {event} has {events.multiplicity[event]} final-state particles"
        raise BadFile(events.path, problem, "models make showers of one: give events of one particle")
    size = np.maximum(_size(events.momentum), 1e-300)
    theta = np.arccos(np.clip(events.momentum[:, 2] / size, -1, 1))
    phi = np.arctan2(events.momentum[:, 1], events.momentum[:, 0])
    try:
        return Incident(events.kinetic_energy, events.pdg, theta, phi)
    except BadValue as error:
        raise BadFile(events.path, str(error)) from error


def is_hepmc(path: Path) -> bool:
    """Whether a file is called as HepMC files are; its content is looked at when it is read.

    Args:
        path: of the file.
    """
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix in _SUFFIXES


def check_hepmc_units(text: str) -> str:
    """Units as HepMC writes them, from what ``--units`` says: ``GEV,MM`` is ``GEV MM``.

    Args:
        text: as on the command line.

    Raises:
        BadValue: none that HepMC knows.
    """
    units = " ".join(text.upper().replace(",", " ").split())
    if units not in UNITS:
        raise BadValue("units", text, "write GEV,MM or another of GEV or MEV with MM or CM, as HepMC does")
    return units


def read_events(path: str | Path, units: str | None = None, limit: int | None = None) -> Events:
    """Read the final-state particles of HepMC events.

    Args:
        path: ASCII of version 2 or 3, as it is or compressed by gzip.
        units: such as ``GEV,MM``, of a file that does not say them: libraries disagree on what silence means.
        limit: events to read, from the first; all if None.

    Raises:
        BadFile: missing, not HepMC, truncated, damaged, without units or with others than said, no event, a number
            that is NaN, an energy below the momentum, a particle number that the PDG's scheme does not know.
        BadValue: units that HepMC does not know.
    """
    path = Path(path)
    wanted = None if units is None else check_hepmc_units(units)
    states: list[FinalState] = []
    scales: list[tuple[float, float]] = []
    all_units: set[str] = set()
    valid: dict[int, bool] = {}
    for text in islice(event_texts(path), limit):
        own = _units(text, wanted)
        all_units.add(own)
        scales.append((GeV if "GEV" in own else MeV, 10 * mm if "CM" in own else mm))
        states.append(final_state(text))
        _check(text, states[-1], valid)
    if not states:
        raise BadFile(path, "no event in it", "give a file with events")
    counts = [len(state.pdg) for state in states]
    energy_unit, length_unit = (np.repeat(column, counts) for column in zip(*scales, strict=True))
    columns = {n: np.concatenate([getattr(s, n) for s in states]) for n in ("pdg", "momentum", "energy", "vertex")}
    return Events(
        path,
        _digest(path),
        " and ".join(sorted(all_units)),
        np.array([state.number for state in states]),
        offsets_of(np.array(counts, np.int64)),
        columns["pdg"],
        columns["momentum"] * energy_unit[:, None],
        columns["energy"] * energy_unit,
        columns["vertex"] * length_unit[:, None],
    )


def _units(text: EventText, wanted: str | None) -> str:
    own = text.units()
    if own is None and wanted is None:
        remedy = "say them with units='GEV,MM' (--units GEV,MM): without a unit line one library reads GeV, another MeV"
        raise text.bad("it names no units", None, remedy)
    if own is not None and wanted is not None and own != wanted:
        raise text.bad(f"its units are {own}, not {wanted}", text.of("U")[-1][0], "leave --units out")
    return own or wanted or ""


def _check(text: EventText, state: FinalState, valid: dict[int, bool]) -> None:
    """Refuse particles that cannot be."""
    size = _size(state.momentum)
    for i in np.flatnonzero(state.energy < (1 - _ROUNDING) * size):
        problem = f"PDG {state.pdg[i]} has the energy {state.energy[i]:.6g} below its momentum {size[i]:.6g}"
        raise text.bad(problem, int(state.line[i]), "are its columns in the order px py pz e?")
    for kind, line in zip(state.pdg.tolist(), state.line.tolist(), strict=True):
        if kind not in valid:
            valid[kind] = bool(PDGID(kind).is_valid)
        if not valid[kind]:
            raise text.bad(f"PDG {kind} is no particle of the PDG's scheme", line, "give particles that exist")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
