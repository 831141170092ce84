"""Blocks of events of EDM4hep as arrays: points of the hits of a collection, and the particle that made them."""

__all__ = ["HitPoints", "Primaries", "read_hits", "read_primaries"]

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt64
from numpy import ndarray as Array

from caloforge.data.formats.podio import Column, Events, Metadata

_AXES = ("x", "y", "z")


@dataclass(frozen=True)
class HitPoints:
    """Points of one collection, event after event.

    Args:
        event: position in the block of the event of each point.
        position: in the unit of the file.
        energy: likewise.
        cell: identifier.
        time: likewise; 0 for hits without contributions.
        hit_energy: sum of the energies of the hits themselves.
    """

    event: Int[Array, " P"]
    position: Float[Array, "P 3"]
    energy: Float[Array, " P"]
    cell: UInt64[Array, " P"]
    time: Float[Array, " P"]
    hit_energy: float


def _position(events: Events, collection: str, name: str, start: int, stop: int) -> Float[Array, "n 3"]:
    return np.stack([events.column(collection, f"{name}.{axis}", start, stop).values for axis in _AXES], axis=1)


def read_hits(events: Events, metadata: Metadata, collection: str, steps: bool, start: int, stop: int) -> HitPoints:
    """Points of a block of events: all contributions to the hits, or the hits with their earliest contribution.

    A contribution without a position (0, 0, 0 where the simulation did not keep it) lies where its hit lies; a hit
    without contributions is a point by itself.

    Args:
        events: of the file.
        metadata: of the file.
        collection: of hits.
        steps: whether every contribution is a point.
        start: first event.
        stop: the one behind the last.

    Raises:
        ValueError: relations that point outside the event.
    """
    energy = events.column(collection, "energy", start, stop)
    event = np.repeat(np.arange(stop - start), energy.counts)
    position = _position(events, collection, "position", start, stop)
    cell = events.column(collection, "cellID", start, stop).values.astype(np.uint64)
    first = events.column(collection, "contributions_begin", start, stop).values.astype(np.int64)
    count = events.column(collection, "contributions_end", start, stop).values.astype(np.int64) - first
    total = float(energy.values.sum(dtype=float))
    source = _contributions_of(events, metadata, collection, start, stop)
    if source is None or not count.any():
        times = np.zeros(len(event), np.float32)
        return HitPoints(event, position, energy.values, cell, times, total)
    if (count < 0).any():
        raise ValueError(f"contributions of {collection} end before they begin")
    hit, row = _relations(events, collection, source, event, first, count, start, stop)
    time = events.column(source, "time", start, stop).values
    if not steps:
        earliest = np.full(len(event), np.inf, np.float32)
        np.minimum.at(earliest, hit, time[row])
        times = np.where(np.isfinite(earliest), earliest, 0).astype(np.float32)
        return HitPoints(event, position, energy.values, cell, times, total)
    place = _position(events, source, "stepPosition", start, stop)[row]
    nowhere = ~place.any(axis=1)
    place[nowhere] = position[hit[nowhere]]
    deposit, bare = events.column(source, "energy", start, stop).values[row], count == 0
    order = np.argsort(np.concatenate([hit, np.flatnonzero(bare)]), kind="stable")
    return HitPoints(
        event=np.concatenate([event[hit], event[bare]])[order],
        position=np.concatenate([place, position[bare]])[order],
        energy=np.concatenate([deposit, energy.values[bare]])[order],
        cell=np.concatenate([cell[hit], cell[bare]])[order],
        time=np.concatenate([time[row], np.zeros(bare.sum(), np.float32)])[order],
        hit_energy=total,
    )


def _contributions_of(events: Events, metadata: Metadata, collection: str, start: int, stop: int) -> str | None:
    """Name of the collection that the contributions of some hits lie in; None where the file has none."""
    relation = f"_{collection}_contributions"
    if not events.has(relation, "index", "collectionID"):
        return None
    numbers = np.unique(events.column(relation, "collectionID", start, stop).values)
    if len(numbers) > 1:
        raise ValueError(f"contributions of {collection} lie in {len(numbers)} collections")
    named = metadata.collections.get(int(numbers[0])) if len(numbers) else None
    candidates = (named, f"{collection}Contributions")
    return next((n for n in candidates if n and events.has(n, "energy", "time", "stepPosition.x")), None)


def _relations(
    events: Events,
    collection: str,
    source: str,
    event: Int[Array, " H"],
    first: Int[Array, " H"],
    count: Int[Array, " H"],
    start: int,
    stop: int,
) -> tuple[Int[Array, " C"], Int[Array, " C"]]:
    """Hit and row in the block of its contribution collection, for every contribution of every hit."""
    index = events.column(f"_{collection}_contributions", "index", start, stop)
    rows = events.column(source, "energy", start, stop)
    hit = np.repeat(np.arange(len(event)), count)
    slot = first[hit] + np.arange(len(hit)) - np.repeat(np.cumsum(count) - count, count)
    if len(slot) and (slot.min() < 0 or (slot >= index.counts[event[hit]]).any()):
        raise ValueError(f"contributions of {collection} lie beyond the end of their list")
    inside = index.values.astype(np.int64)[index.starts[event[hit]] + slot]
    if len(inside) and (inside.min() < 0 or (inside >= rows.counts[event[hit]]).any()):
        raise ValueError(f"contributions of {collection} lie beyond the end of {source}")
    return hit, rows.starts[event[hit]] + inside


@dataclass(frozen=True)
class Primaries:
    """The particle of generator status 1 of each event, in the units of the file.

    Args:
        number: of particles with status 1 in each event; the values are those of the first.
        pdg: 0 where there is none.
        mass: NaN where there is none.
        momentum: likewise.
        vertex: likewise.
    """

    number: Int[Array, " N"]
    pdg: Int[Array, " N"]
    mass: Float[Array, " N"]
    momentum: Float[Array, "N 3"]
    vertex: Float[Array, "N 3"]


def read_primaries(events: Events, start: int, stop: int) -> Primaries:
    """The incident particles of a block of events.

    Args:
        events: of the file.
        start: first event.
        stop: the one behind the last.
    """
    n = stop - start
    names = sorted(events.particles, key=lambda name: name != "MCParticles")
    if not names:
        nothing = np.full((n, 3), np.nan)
        return Primaries(np.zeros(n, int), np.zeros(n, int), np.full(n, np.nan), nothing, nothing)
    status = events.column(names[0], "generatorStatus", start, stop)
    event = np.repeat(np.arange(n), status.counts)
    stable = np.flatnonzero(status.values == 1)
    number = np.bincount(event[stable], minlength=n)
    owner, place = np.unique(event[stable], return_index=True)
    return Primaries(number, *_first(events, names[0], stable[place], owner, n, {"start": start, "stop": stop}))


def _first(
    events: Events, name: str, row: Array, owner: Array, n: int, block: Mapping[str, int]
) -> tuple[Array, Array, Array, Array]:
    def picked(member: str) -> Array:
        column: Column = events.column(name, member, **block)
        values = np.full(n, np.nan)
        values[owner] = column.values[row]
        return values

    momentum, vertex = (np.stack([picked(f"{what}.{a}") for a in _AXES], axis=1) for what in ("momentum", "vertex"))
    return np.nan_to_num(picked("PDG")).astype(np.int64), picked("mass"), momentum, vertex
