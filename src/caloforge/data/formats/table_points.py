"""Tables of steps or hits, one row a point: Parquet, CSV, npz, flat ROOT ntuples; columns and units as the user says.

A column's name may end in its unit (``x_mm``, ``energy_MeV``), as in the tables that caloforge writes; ``z_layer`` is
the number of a layer instead of a depth. A shower without points has one row of zero energy.
"""

__all__ = ["TableFile", "table_columns"]

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.formats.options import ReadOptions, Units, parse_units
from caloforge.data.formats.origin import parse_origin_note
from caloforge.data.formats.peek import reading
from caloforge.data.formats.rows import RowIndex
from caloforge.data.formats.tables import Table
from caloforge.data.points.hits import Hits
from caloforge.data.points.point_file import PointFile
from caloforge.errors import BadValue
from caloforge.units import GeV, MeV, format_energy

_UNIT = re.compile(r"(.+)_(eV|keV|MeV|GeV|TeV|um|mm|cm|m|ps|ns|us|layer)")
_NEEDED = ("event", "x", "y", "z", "energy")
_POINTS = ("time", "layer", "cell", "part")
_SHOWERS = ("incident", "pdg", "dx", "dy", "dz", "vx", "vy", "vz")
_MEANINGS = (*_NEEDED, *_POINTS, *_SHOWERS)
_QUANTITY = {
    **dict.fromkeys(("x", "y", "z", "vx", "vy", "vz"), "length"),
    "energy": "cells",
    "time": "time",
    "incident": "incident",
}
_ROWS = 2**21  # points at once
_MOST_EXACT = 2**53  # whole numbers that float64 holds all


class TableFile(PointFile):
    """Points of a table.

    Args:
        table: open.
        options: columns, units, particle and incident energy where the table does not say them.

    Raises:
        BadFile: columns that are missing, units that nobody said, events whose rows do not lie together.
    """

    def __init__(self, table: Table, options: ReadOptions, name: str) -> None:
        self.table, self.path, self.options = table, table.path, options
        try:
            with reading(self.path):
                self.detector, self.provenance, self._frame = parse_origin_note(table.note, name)
            self._columns = self._chosen(options.columns)
            self._factors = self._units(options.units or Units())
            event = self._columns["event"]
            blocks = (_integers(block[event]) for block in table.blocks([event]))
            try:
                self._rows = RowIndex.build(blocks)
            except ValueError as error:
                raise self.bad(str(error)) from error
            if not len(self):
                raise self.bad("the table has no row")
            rows = int(self._rows.stops[-1])
            self.showers_at_once = int(np.clip(_ROWS * len(self) / rows, 1, 1000))
            self.check_energies()
        except BaseException:
            table.close()
            raise

    def _chosen(self, columns: Mapping[str, str]) -> dict[str, str]:
        """Meaning -> name of the column."""
        chosen = {}
        for meaning, name in columns.items():
            if meaning == "tree":
                continue
            if meaning not in _MEANINGS:
                raise BadValue("columns", meaning, f"name columns for {', '.join(_MEANINGS)}")
            if name not in self.table.names:
                raise self.bad(f"no column {name!r}", f"it has {', '.join(self.table.names)}")
            chosen[meaning] = name
        plain = {(match[1] if (match := _UNIT.fullmatch(name)) else name): name for name in self.table.names}
        chosen = {m: plain[m] for m in _MEANINGS if m in plain} | chosen
        if missing := [m for m in _NEEDED if m not in chosen]:
            have = f"it has {', '.join(self.table.names)}: say which is which, --columns {missing[0]}=NAME,..."
            raise self.bad(f"no column for {', '.join(missing)}", have)
        return chosen

    def _units(self, told: Units) -> dict[str, float]:
        """Meaning -> factor to MeV, mm, ns; what neither the name of a column nor the user says is asked."""
        factors = {}
        for meaning in (m for m in _QUANTITY if m in self._columns):
            match = _UNIT.fullmatch(self._columns[meaning])
            if match is not None and match[2] == "layer":
                self._frame |= {"depth": "layer"}
                continue
            quantity = _QUANTITY[meaning]
            given = getattr(told, quantity)
            factor = getattr(parse_units(f"{quantity}={match[2]}"), quantity) if match else given
            if given is not None and given != factor:
                problem = f"the name of {self._columns[meaning]!r} says another unit than --units"
                raise self.bad(problem, f"leave {quantity} out of --units, or give the column another name")
            if factor is None:
                raise self.bad(f"the unit of {self._columns[meaning]!r} is not said", self._question(meaning))
            factors[meaning] = factor
        return factors

    def _question(self, meaning: str) -> str:
        """What to write, with the response of both readings where it helps."""
        if meaning not in ("energy", "incident"):
            return f"give it: --units {'ns' if meaning == 'time' else 'mm'} (beside those of energies)"
        columns = [self._columns[m] for m in ("event", "energy", "incident") if m in self._columns]
        block = next(iter(self.table.blocks(columns)), None)
        if block is None or not len(block[columns[0]]):
            return "give it: --units MeV or --units GeV"
        first = block[columns[0]] == block[columns[0]][0]
        total = float(np.sum(block[self._columns["energy"]][first], dtype=float))
        as_mev, as_gev = format_energy(total * MeV), format_energy(total * GeV)
        known = self.options.incident
        if known is None and "incident" in self._columns:
            incident = float(block[self._columns["incident"]][0])
            return (
                f"the first shower leaves {total / incident:.3g} of its energy if both have one unit, "
                f"{total / incident / 1000:.3g} if incident energies are GeV and points MeV: --units MeV, "
                "--units GeV or --units incident=GeV,cells=MeV"
            )
        response = f", a response of {total / known:.3g} or {total * GeV / known:.3g}" if known else ""
        return f"the first shower holds {as_mev} as MeV, {as_gev} as GeV{response}: give --units MeV or --units GeV"

    def __len__(self) -> int:
        return len(self._rows.ids)

    def __getitem__(self, rows: slice) -> Hits:
        start, stop, _ = rows.indices(len(self))
        stop = max(start, stop)
        ends = np.append(self._rows.starts, self._rows.stops[-1:])
        names = list(dict.fromkeys(self._columns.values()))
        raw = self.table.read(names, int(ends[start]), int(ends[stop]))
        data = {meaning: raw[name] for meaning, name in self._columns.items()}
        try:
            data |= {m: np.asarray(data[m], float) * factor for m, factor in self._factors.items()}
            return self._hits(data, ends[start : stop + 1] - ends[start])
        except (BadValue, ValueError, OverflowError, TypeError) as error:
            raise self.bad(f"from event {self._rows.ids[start]}, {error}") from error

    def _hits(self, data: dict[str, Array], offsets: Array) -> Hits:
        first, counts = offsets[:-1], np.diff(offsets)
        energy = np.asarray(data["energy"], float)
        alone = np.zeros(len(energy), bool)
        alone[first[counts == 1]] = energy[first[counts == 1]] == 0  # stands for a shower without points
        points: dict[str, Any] = {name: np.asarray(data[name], float) for name in ("x", "y", "z")}
        points |= {"time": data["time"]} if "time" in data else {}
        points |= {name: _integers(data[name]) for name in ("layer", "part") if name in data}
        points |= {"cell": np.asarray(data["cell"]).astype(np.uint64)} if "cell" in data else {}
        if self._frame.get("depth") == "layer" and "layer" not in points:
            points["layer"] = np.floor(points["z"]).astype(np.int64)
        incident = self.options.incident
        unknown = np.full(len(first), np.nan if incident is None else incident)
        pdg = _integers(data["pdg"][first]) if "pdg" in data else np.full(len(first), self.options.particle or 0)
        direction, vertex = (_vectors(data, letter, first) for letter in "dv")
        hits = Hits(
            **points,
            energy=energy,
            offsets=offsets,
            incident_energy=data["incident"][first] if "incident" in data else unknown,
            pdg=pdg,
            direction=np.full((len(first), 3), np.nan) if direction is None else _normalised(direction),
            vertex=vertex,
            detector=self.detector,
            provenance=self.provenance,
            **self._frame,
        )
        return hits.where(~alone) if alone.any() else hits

    def close(self) -> None:
        """Close the table."""
        self.table.close()


def _integers(column: Array) -> Array:
    """Whole numbers, whatever they are stored as."""
    values = np.asarray(column)
    whole = values.dtype.kind in "iu"
    if values.dtype.kind == "f":
        whole = bool(((values == np.round(values)) & (np.abs(values) < _MOST_EXACT)).all())
    if not whole:
        raise ValueError("numbers of events, layers and particles are whole")
    return values.astype(np.int64)


def _vectors(data: dict[str, Array], letter: str, first: Array) -> Float[Array, "N 3"] | None:
    names = [f"{letter}{axis}" for axis in "xyz"]
    if not all(name in data for name in names):
        return None
    return np.stack([np.asarray(data[name], float)[first] for name in names], axis=1)


def _normalised(direction: Float[Array, "N 3"]) -> Float[Array, "N 3"]:
    length = np.linalg.norm(direction, axis=1, keepdims=True)
    length[length == 0] = np.nan
    return direction / length


def table_columns(hits: Hits, first: int) -> dict[str, Array]:
    """Points as the columns of a table, with the incident particle in every row.

    Args:
        hits: N showers.
        first: number of the first event.
    """
    counts = np.maximum(hits.n_points, 1)
    shower = np.repeat(np.arange(len(hits)), counts)
    empty = hits.n_points == 0
    place = np.delete(np.arange(len(shower)), (np.cumsum(counts) - counts)[empty])

    def spread(values: Array) -> Array:
        column = np.zeros(len(shower), values.dtype)
        column[place] = values
        return column

    columns = {"event": shower + first, "x_mm": spread(hits.x), "y_mm": spread(hits.y)}
    columns |= {"z_layer" if hits.depth == "layer" else "z_mm": spread(hits.z), "energy_MeV": spread(hits.energy)}
    given = {"time_ns": hits.time, "layer": hits.layer, "cell": hits.cell, "part": hits.part}
    columns |= {name: spread(values) for name, values in given.items() if values is not None}
    columns |= {"incident_MeV": hits.incident_energy[shower], "pdg": hits.pdg[shower]}
    columns |= {f"d{axis}": hits.direction[shower, i] for i, axis in enumerate("xyz")}
    if hits.vertex is not None:
        columns |= {f"v{axis}_mm": hits.vertex[shower, i] for i, axis in enumerate("xyz")}
    return columns
