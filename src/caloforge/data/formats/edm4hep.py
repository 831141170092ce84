"""EDM4hep files of podio 0.99 and 1.x, TTree or RNTuple, by uproot: hits of calorimeters as points."""

__all__ = ["Edm4hep", "Edm4hepFile"]

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.formats.base import Format, Opened
from caloforge.data.formats.edm4hep_blocks import HitPoints, Primaries, read_hits, read_primaries
from caloforge.data.formats.edm4hep_writer import write_edm4hep
from caloforge.data.formats.options import ReadOptions, WriteOptions
from caloforge.data.formats.origin import ORIGIN, parse_origin_note
from caloforge.data.formats.peek import Peek, reading
from caloforge.data.formats.podio import Events, Metadata
from caloforge.data.formats.root_file import open_root
from caloforge.data.mesh_file import MeshFile
from caloforge.data.points.hits import Hits
from caloforge.data.points.point_file import PointFile
from caloforge.data.provenance import Provenance
from caloforge.data.ragged import offsets_of
from caloforge.errors import BadFile, BadValue
from caloforge.units import GeV, MeV, TeV, cm, keV, mm, ns

_UNITS = {"G": GeV, "GeV": GeV, "MeV": MeV, "keV": keV, "TeV": TeV, "mm": mm, "cm": cm, "m": 1000 * mm, "ns": ns}
_BLOCK_BYTES = 2**27  # of unpacked events at once
_LOOKED_AT = 100  # events at most in which two readouts of one calorimeter are looked for
_ROUNDING = 1e-3  # by which contributions of float32 may differ from the energies of their hits


class Edm4hepFile(PointFile):
    """Points of the calorimeters of an EDM4hep file.

    Args:
        path: ROOT file.
        options: collections, steps or hits; particle and incident energy of events that do not say them.

    Attributes:
        collections: that are read.

    Raises:
        BadFile: damaged, no calorimeter, a calorimeter that is read out twice, units that are no units.
    """

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path, self._file, self.options = path, open_root(path), options
        with reading(path):
            try:
                self.events, self.metadata = Events(self._file["events"]), Metadata(self._file)
                self.showers_at_once = int(np.clip(_BLOCK_BYTES / self.events.bytes_per_event, 1, 1000))
                self._energy, self._length, self._time, self._momentum = self._units()
                self.steps = options.points != "hits"
                self.collections = self._chosen(options.collections)
                self.provenance = self._origin()
                if not len(self):
                    raise self.bad("the file holds no event")
                if not options.collections:
                    self._ask_about_readouts()
                self.check_energies()
            except BaseException:
                self.close()
                raise

    def _units(self) -> tuple[float, float, float, float]:
        """MeV, mm and ns of the file's energies, lengths and times, and MeV of its momenta."""
        members = (
            ("SimCalorimeterHit", "energy", "GeV"),
            ("SimCalorimeterHit", "position", "mm"),
            ("CaloHitContribution", "time", "ns"),
            ("MCParticle", "momentum", "GeV"),
        )
        factors = []
        for kind, member, usual in members:
            unit = self.metadata.units.get((kind, member), usual)  # the model defines it where a file is silent
            if unit not in _UNITS:
                raise self.bad(f"its {member} is in {unit!r}, no unit that caloforge knows")
            factors.append(_UNITS[unit])
        return factors[0], factors[1], factors[2], factors[3]

    def _chosen(self, patterns: Sequence[str]) -> tuple[str, ...]:
        there = self.events.hits
        if not there:
            problem = "no collection of edm4hep::SimCalorimeterHit"
            raise self.bad(problem, "give a file of simulated calorimeter hits")
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in there):
                raise self.bad(f"no collection {pattern}", f"it has {', '.join(there)}")
        return tuple(name for name in there if not patterns or any(fnmatchcase(name, p) for p in patterns))

    def _origin(self) -> Provenance:
        podio = self.metadata.version
        facts: dict[str, Any] = {"format": "edm4hep", "collections": list(self.collections)}
        facts |= {"podio": podio} if podio else {}
        encodings = [self.metadata.encodings.get(name) for name in self.collections]
        alike = {tuple(e.fields.get(name) for name in ("system", "layer")) if e else None for e in encodings}
        if len(alike) == 1 and None not in alike:  # x and z of an endcap may be x and y of a barrel
            facts["cell_encoding"] = self.metadata.encoding_texts[self.collections[0]]
        facts |= {"points": "steps" if self.steps else "hits"}
        note = str(self._file[ORIGIN]) if ORIGIN in self._file else "{}"
        self.detector, origin, self._frame = parse_origin_note(note, "edm4hep")
        return origin.with_facts(**facts)

    def _ask_about_readouts(self) -> None:
        """Refuse to add up collections that hold the same layers of one part of the calorimeter."""
        stop = min(len(self), _LOOKED_AT, self.showers_at_once)
        owners: dict[tuple[int, int], dict[str, float]] = {}
        for name in self.collections:
            energy = self.events.column(name, "energy", 0, stop).values * (self._energy / MeV)
            cell = self.events.column(name, "cellID", 0, stop).values.astype(np.uint64)
            system, layer = self._field(name, "system", cell), self._field(name, "layer", cell)
            if system is None or layer is None:
                continue
            for pair in set(zip(system.tolist(), layer.tolist(), strict=True)):
                owners.setdefault(pair, {})[name] = float(energy.sum())
        twice = [names for names in owners.values() if len(names) > 1]
        if twice:
            energies = {name: total for names in twice for name, total in names.items()}
            shares = ", ".join(f"{name} ({total:.4g} MeV)" for name, total in sorted(energies.items()))
            problem = f"the same layers are read out more than once, by {shares}"
            raise self.bad(problem, "say which count: --collections NAME,PATTERN")

    def _field(self, collection: str, name: str, cell: Array) -> Array | None:
        encoding = self.metadata.encodings.get(collection)
        return None if encoding is None else encoding.decode(name, cell)

    def __len__(self) -> int:
        return len(self.events)

    def __getitem__(self, rows: slice) -> Hits:
        start, stop, _ = rows.indices(len(self))
        stop = max(start, stop)
        with reading(self.path):
            blocks = [read_hits(self.events, self.metadata, name, self.steps, start, stop) for name in self.collections]
            primaries = read_primaries(self.events, start, stop)
        self._check(blocks, primaries, start)
        try:
            return self._joined(blocks, primaries, stop - start)
        except BadValue as error:
            raise self.bad(f"from event {start}, {error}") from error

    def _check(self, blocks: Sequence[HitPoints], primaries: Primaries, start: int) -> None:
        if (primaries.number > 1).any():
            event = int(np.flatnonzero(primaries.number > 1)[0])
            problem = f"event {start + event} has {primaries.number[event]} particles of generator status 1"
            raise self.bad(problem, "a shower has one incident particle: give a file of single particles")
        for name, block in zip(self.collections, blocks, strict=True):
            total = float(block.energy.sum(dtype=float))
            if abs(total - block.hit_energy) > _ROUNDING * max(total, block.hit_energy):
                doubt = f"contributions of {name} hold {total:.4g} GeV, its hits {block.hit_energy:.4g} GeV"
                self.doubts = self.doubts if doubt in self.doubts else (*self.doubts, doubt)

    def _joined(self, blocks: Sequence[HitPoints], primaries: Primaries, n: int) -> Hits:
        event = np.concatenate([block.event for block in blocks])
        order = np.argsort(event, kind="stable")
        position = np.concatenate([block.position for block in blocks])[order] * np.float32(self._length)
        layers = [self._field(name, "layer", b.cell) for name, b in zip(self.collections, blocks, strict=True)]
        systems = [self._field(name, "system", b.cell) for name, b in zip(self.collections, blocks, strict=True)]
        timed = any(self.events.has(f"_{name}_contributions", "index") for name in self.collections)
        energy, direction = _kinetic(primaries, self._momentum)
        if self.options.incident is not None:
            energy = np.where(np.isnan(energy), self.options.incident, energy)
        x, y, z = np.ascontiguousarray(position.T)
        return Hits(
            x=x,
            y=y,
            z=z,
            energy=np.concatenate([block.energy for block in blocks]).astype(float)[order] * self._energy,
            offsets=offsets_of(np.bincount(event, minlength=n)),
            incident_energy=energy,
            pdg=np.where(primaries.pdg == 0, self.options.particle or 0, primaries.pdg),
            direction=direction,
            vertex=primaries.vertex * self._length,
            time=(np.concatenate([block.time for block in blocks]) * np.float32(self._time))[order] if timed else None,
            cell=np.concatenate([block.cell for block in blocks])[order],
            layer=_all_of(layers, order),
            part=_all_of(systems, order),
            detector=self.detector,
            provenance=self.provenance,
            **self._frame,
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _all_of(columns: Sequence[Array | None], order: Array) -> Array | None:
    present = [column for column in columns if column is not None]
    return np.concatenate(present)[order] if len(present) == len(columns) else None


def _kinetic(primaries: Primaries, momentum_unit: float) -> tuple[Float[Array, " N"], Float[Array, "N 3"]]:
    """Kinetic energies in MeV and directions; NaN where there is no particle, or one at rest."""
    size = np.linalg.norm(primaries.momentum, axis=1)
    size[size == 0] = np.nan
    mass = np.maximum(primaries.mass, 0)  # of an unknown particle it may be -1e-9
    kinetic = size**2 / (np.sqrt(size**2 + mass**2) + mass)  # = sqrt(p^2 + m^2) - m, without its rounding
    return kinetic * momentum_unit, primaries.momentum / size[:, None]


class Edm4hep(Format):
    """Events of Key4hep."""

    name, title, holds = "edm4hep", "EDM4hep (ROOT)", "points"
    lacks = frozenset({"mesh"})
    takes = frozenset({"collections", "points", "binning", "particle", "incident"})
    writes = True

    def recognises(self, peek: Peek) -> bool:
        """ROOT with ``events`` whose collections are those of podio."""
        events = peek.trees.get("events", ())
        return "podio_metadata" in peek.trees or any(name.endswith(".contributions_begin") for name in events)

    def open(self, path: Path, options: ReadOptions) -> Opened:
        """Open a file, see `Edm4hepFile`."""
        try:
            return Edm4hepFile(path, options)
        except BadValue as error:  # an encoding of cells that is none
            raise BadFile(path, str(error)) from error

    def write(self, source: MeshFile | PointFile, path: Path, options: WriteOptions) -> None:
        """Stream points into the file, see `write_edm4hep`."""
        assert isinstance(source, PointFile)
        write_edm4hep(source, path)
