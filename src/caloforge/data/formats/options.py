"""What a user says of a file where the file itself is silent: units, mesh, particle, columns; and how to write."""

__all__ = ["AXES", "NO_OPTIONS", "ReadOptions", "Units", "WriteOptions", "parse_axes", "parse_columns", "parse_units"]

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.units import GeV, MeV, TeV, keV

AXES = ("layer", "alpha", "r")  # of cells in flat order, the slowest first
_ENERGIES = {"eV": 1e-3 * keV, "keV": keV, "MeV": MeV, "GeV": GeV, "TeV": TeV}
_LENGTHS = {"um": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1000.0}
_TIMES = {"ps": 1e-3, "ns": 1.0, "us": 1e3}
_EXAMPLE = "write GeV for all energies, or what each is: incident=GeV,cells=MeV,length=mm,time=ns"


@dataclass(frozen=True)
class Units:
    """What the numbers of a file are multiplied by; None where nobody said it.

    Args:
        incident: MeV of one unit of incident energies.
        cells: MeV of one unit of deposited energies, of cells, hits or points.
        length: mm of one unit of lengths.
        time: ns of one unit of times.
    """

    incident: float | None = None
    cells: float | None = None
    length: float | None = None
    time: float | None = None


def parse_units(text: str) -> Units:
    """Units as ``--units`` takes them: ``GeV`` is for all energies, ``incident=GeV,cells=MeV,length=mm`` for each.

    Args:
        text: names of units, with what they are for.

    Raises:
        BadValue: no unit, or one of another dimension.
    """
    factors: dict[str, float] = {}
    kinds = {"incident": _ENERGIES, "cells": _ENERGIES, "length": _LENGTHS, "time": _TIMES}
    for part in text.split(","):
        quantity, equals, unit = (word.strip() for word in part.rpartition("="))
        if not equals:
            names = [name for name, table in kinds.items() if unit in table]
        else:
            names = [name for name in (quantity,) if unit in kinds.get(name, {})]
        if not names or factors.keys() & set(names):
            raise BadValue("units", text, _EXAMPLE)
        factors |= {name: kinds[name][unit] for name in names}
    return Units(**factors)


@dataclass(frozen=True)
class ReadOptions:
    """What the user says of a file; a format that has no use for one of these refuses it.

    Args:
        units: of its numbers.
        binning: its mesh; of points, the mesh to voxelise on.
        particle: PDG number of the incident particle.
        sampling_fraction: factor that takes a rescaled file back to deposited energy.
        axes: of cells on disk, the slowest first, such as ``("r", "alpha", "layer")``; none for the layout's own.
        columns: of a table: what is meant (``x``, ``energy`` ...) -> name of the column.
        collections: of an event file: the hit collections to read, names or patterns such as ``ECalBarrelSi*``.
        points: of an event file: every deposit (``steps``) or one point a cell (``hits``).
        incident: kinetic energy of the incident particles, MeV, for files that do not say it.

    Raises:
        BadValue: a sampling fraction that is not between 0 and 1.
    """

    units: Units | None = None
    binning: Binning | None = None
    particle: int | None = None
    sampling_fraction: float | None = None
    axes: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    collections: tuple[str, ...] = ()
    points: Literal["steps", "hits"] | None = None
    incident: float | None = None

    def __post_init__(self) -> None:
        if self.sampling_fraction is not None and not 0 < self.sampling_fraction < 1:
            raise BadValue("sampling fraction", self.sampling_fraction, "give a number between 0 and 1, such as 0.033")

    @property
    def given(self) -> frozenset[str]:
        """Names of those that were given."""
        return frozenset(f.name for f in fields(self) if getattr(self, f.name))


NO_OPTIONS = ReadOptions()


def parse_axes(text: str) -> tuple[str, ...]:
    """Order of cells as ``--axes`` takes it, the slowest first: ``r,alpha,layer``.

    Args:
        text: layer, alpha and r in any order.

    Raises:
        BadValue: other names, or not all three.
    """
    axes = tuple(word.strip() for word in text.split(","))
    if sorted(axes) != sorted(AXES):
        raise BadValue("axes", text, "give layer, alpha and r, the slowest first, such as r,alpha,layer")
    return axes


def parse_columns(text: str) -> dict[str, str]:
    """Columns of a table as ``--columns`` takes them: ``x=hit_x,energy=edep``.

    Args:
        text: pairs of what is meant and the name of its column.

    Raises:
        BadValue: no pairs, or one twice.
    """
    parts = [part.partition("=") for part in text.split(",")]
    columns = {meaning.strip(): name.strip() for meaning, _, name in parts}
    if not all((*columns, *columns.values())) or len(columns) < len(parts):
        raise BadValue("columns", text, "write what each is, as x=hit_x,y=hit_y,energy=edep")
    return columns


@dataclass(frozen=True)
class WriteOptions:
    """How to write.

    Args:
        mantissa_bits: of cell energies to keep; 23 changes nothing.
        columns: of a table: what is meant -> name of the column.
    """

    mantissa_bits: int = 23
    columns: Mapping[str, str] = field(default_factory=dict)
