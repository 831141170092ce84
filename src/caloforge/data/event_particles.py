"""The incident particles of events, several to a shower: a ragged table, and the datasets that hold it in a file.

A shower that several particles made together has one row in ``showers``; its particles are rows
``event_offsets[i]`` to ``event_offsets[i + 1]`` of the flat ``event_incident_energy``, ``_pdg``, ``_theta``, ``_phi``,
``_x``, ``_y``. ``event_index`` is the place of the event in the file that it came from.
"""

__all__ = ["ONE_PARTICLE", "EventParticles", "append_events", "check_events", "holds_events", "read_events"]

from collections.abc import Sequence
from dataclasses import dataclass

import h5py
import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

from caloforge.data.ragged import offsets_of, rows_of
from caloforge.errors import BadValue

OFFSETS, INDEX = "event_offsets", "event_index"
# Name in the file, name in `EventParticles`, type.
EVENT_COLUMNS = {
    "event_incident_energy": ("energy", np.float32),
    "event_incident_pdg": ("pdg", np.int32),
    "event_incident_theta": ("theta", np.float32),
    "event_incident_phi": ("phi", np.float32),
    "event_incident_x": ("x", np.float32),
    "event_incident_y": ("y", np.float32),
}
ONE_PARTICLE = "several particles made each of them, and models know one a shower: give showers of single particles"
_CHUNK = 1024


@dataclass(frozen=True, eq=False)
class EventParticles:
    """The k particles of N events, in the frame of the detector: z is the normal of the face, inwards.

    Args:
        energy: kinetic energy, MeV, float32.
        pdg: PDG particle number.
        theta: angle of the direction to z, rad, float32.
        phi: azimuth of the direction, rad, float32.
        x: where the particle meets the face, mm, float32.
        y: likewise.
        offsets: first particle of each event, then k.
        index: place of each event in its file, from 0.

    Raises:
        BadValue: columns of different lengths, or offsets that do not cut them into N events.
    """

    energy: Float[Array, " k"]
    pdg: Int[Array, " k"]
    theta: Float[Array, " k"]
    phi: Float[Array, " k"]
    x: Float[Array, " k"]
    y: Float[Array, " k"]
    offsets: Int[Array, " edges"]
    index: Int[Array, " N"]

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name, _ in EVENT_COLUMNS.values()}
        if len(set(lengths.values())) > 1:
            raise BadValue("particles of events", lengths, "give one value of each for every particle")
        whole = len(self.offsets) == len(self) + 1 and self.offsets[0] == 0 and self.offsets[-1] == len(self.energy)
        if not whole or (np.diff(self.offsets) < 0).any():
            problem = f"{len(self.offsets)} of them for {len(self)} events and {len(self.energy)} particles"
            raise BadValue("offsets of events", problem, "they rise from 0 to the number of particles")

    def __len__(self) -> int:
        return len(self.index)

    @property
    def multiplicity(self) -> Int[Array, " N"]:
        """Particles of each event."""
        return np.diff(self.offsets)

    def __getitem__(self, rows: slice | Int[Array, " n"] | Bool[Array, " N"]) -> "EventParticles":
        chosen = np.arange(len(self))[rows]
        offsets, places = rows_of(self.offsets, chosen)
        columns = {name: getattr(self, name)[places] for name, _ in EVENT_COLUMNS.values()}
        return EventParticles(**columns, offsets=offsets, index=self.index[chosen])

    @classmethod
    def concatenate(cls, parts: Sequence["EventParticles"]) -> "EventParticles":
        """Join, in order.

        Args:
            parts: one at least.
        """
        columns = {n: np.concatenate([getattr(p, n) for p in parts]) for n, _ in EVENT_COLUMNS.values()}
        counts = np.concatenate([part.multiplicity for part in parts])
        return cls(**columns, offsets=offsets_of(counts), index=np.concatenate([part.index for part in parts]))


def holds_events(file: h5py.File) -> bool:
    """Whether the showers of a file are those of events.

    Args:
        file: open.
    """
    return OFFSETS in file


def check_events(file: h5py.File, n: int) -> str | None:
    """What is wrong with the tables of a file of events, or None.

    Args:
        file: open.
        n: number of its showers.
    """
    missing = [name for name in (INDEX, *EVENT_COLUMNS) if not isinstance(file.get(name), h5py.Dataset)]
    if missing:
        return f"it holds {OFFSETS} and no {missing[0]}"
    offsets = file[OFFSETS]
    if offsets.shape != (n + 1,) or file[INDEX].shape != (n,):
        return f"{OFFSETS} has shape {offsets.shape} and {INDEX} {file[INDEX].shape} for {n} showers"
    edges = offsets[:]
    if edges.dtype.kind not in "iu" or edges[0] != 0 or (np.diff(edges.astype(np.int64)) < 0).any():
        return f"{OFFSETS} does not rise from 0"
    short = [name for name in EVENT_COLUMNS if file[name].shape != (int(edges[-1]),)]
    return f"{short[0]} has shape {file[short[0]].shape} for {edges[-1]} particles" if short else None


def read_events(file: h5py.File, rows: slice) -> EventParticles:
    """The particles of some showers of a file.

    Args:
        file: open, and checked by `check_events`.
        rows: of its showers.

    Raises:
        OSError: truncated or damaged.
    """
    offsets = np.asarray(file[OFFSETS][:], np.int64)
    chosen = np.arange(len(offsets) - 1)[rows]
    if len(chosen) == 0:
        chosen = np.zeros(0, np.int64)
        first, last = 0, 0
    else:
        first, last = int(chosen.min()), int(chosen.max()) + 1
    span = slice(int(offsets[first]), int(offsets[last]))
    columns = {name: np.asarray(file[key][span], kind) for key, (name, kind) in EVENT_COLUMNS.items()}
    index = np.asarray(file[INDEX][first:last], np.int64)
    return EventParticles(**columns, offsets=offsets[first : last + 1] - offsets[first], index=index)[chosen - first]


def append_events(file: h5py.File, events: EventParticles) -> None:
    """Add the particles of events at the end of a file's tables; the first call makes them.

    Args:
        file: open for writing.
        events: of the showers that are appended.
    """
    if OFFSETS not in file:
        packed = {"compression": "gzip", "compression_opts": 6, "shuffle": True, "chunks": (_CHUNK,)}
        file.create_dataset(OFFSETS, data=np.zeros(1, np.int64), maxshape=(None,), **packed)
        for name, kind in ((INDEX, np.int64), *((key, kind) for key, (_, kind) in EVENT_COLUMNS.items())):
            file.create_dataset(name, (0,), kind, maxshape=(None,), **packed)
    before = int(file[OFFSETS][-1])
    columns = {key: getattr(events, name) for key, (name, _) in EVENT_COLUMNS.items()}
    for name, values in {OFFSETS: before + events.offsets[1:], INDEX: events.index, **columns}.items():
        dataset = file[name]
        start = len(dataset)
        dataset.resize(start + len(values), axis=0)
        dataset[start:] = values
