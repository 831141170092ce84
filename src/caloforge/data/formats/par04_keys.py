"""Which datasets of a Par04 file hold showers, and where their energies and angles stand: spellings old and new."""

__all__ = ["Segment", "find_segments", "recognises_par04"]

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.formats.peek import Dataset
from caloforge.errors import BadFile
from caloforge.units import GeV, deg

_ENERGIES = ("incident_energy", "incident_energies")
_NUMBER = r"[0-9]+(?:\.[0-9]*)?"
_KEY = re.compile(rf"(?:(?:[Aa]ngle_)?({_NUMBER})/)?({_NUMBER})")  # degrees / GeV
_PRINTED = re.compile(r"\[[-+0-9.eE\s]*\]")  # NumPy's print of an array
_AXES = 4


@dataclass(frozen=True)
class Segment:
    """One dataset of showers and what belongs to it.

    Args:
        cells: (n, r, phi, z).
        incident: incident energies, or the one energy of all, MeV.
        theta: angles to the beam, or the one angle of all, rad.
        phi: azimuths about the beam; None where the file has none.
    """

    cells: h5py.Dataset
    incident: h5py.Dataset | Float[Array, " n"] | float
    theta: h5py.Dataset | float = math.pi / 2
    phi: h5py.Dataset | None = None

    def __len__(self) -> int:
        return int(self.cells.shape[0])

    def energies(self, rows: slice) -> Float[Array, " n"]:
        """Incident energies, MeV.

        Args:
            rows: of the segment.
        """
        return self._column(self.incident, rows)

    def angles(self, rows: slice) -> Float[Array, " n"]:
        """Angles to the beam, rad.

        Args:
            rows: of the segment.
        """
        return self._column(self.theta, rows)

    def _column(self, values: h5py.Dataset | Array | float, rows: slice) -> Float[Array, " n"]:
        n = len(range(*rows.indices(len(self))))
        if isinstance(values, float):
            return np.full(n, values)
        return np.asarray(values[rows], float).reshape(n)


def recognises_par04(datasets: Mapping[str, Dataset]) -> bool:
    """Whether these are the datasets of such a file.

    Args:
        datasets: name -> shape and type.
    """
    showers = datasets.get("showers")
    if showers is not None:
        return len(showers.shape) == _AXES and any(name in datasets for name in _ENERGIES)
    return bool(datasets) and all(
        len(item.shape) == _AXES and (_KEY.fullmatch(name) or _PRINTED.fullmatch(name))
        for name, item in datasets.items()
    )


def find_segments(file: h5py.File, path: Path) -> list[Segment]:
    """All showers of a file, in order: of one dataset, or of one after the other by angle and energy.

    Args:
        file: open for reading.
        path: of the file.

    Raises:
        BadFile: no shower, shapes that differ, or as many energies as showers are not there.
    """
    segments = [_new(file, path)] if "showers" in file else _by_name(file, path)
    if not segments or not sum(map(len, segments)):
        raise BadFile(path, "the file holds no shower")
    if len({segment.cells.shape[1:] for segment in segments}) > 1:
        raise BadFile(path, "its datasets of showers have cells of different numbers", "convert them one by one")
    return segments


def _new(file: h5py.File, path: Path) -> Segment:
    names = {"incident": _ENERGIES, "theta": ("incident_theta",), "phi": ("incident_phi",)}
    columns = {
        part: next((file[name] for name in spellings if isinstance(file.get(name), h5py.Dataset)), None)
        for part, spellings in names.items()
    }
    n = file["showers"].shape[0]
    for column in columns.values():
        if column is not None and (column.shape[:1] != (n,) or column.size != n):
            raise BadFile(path, f"{column.name[1:]} has shape {column.shape} for {n} showers", "make it again")
    theta = math.pi / 2 if columns["theta"] is None else columns["theta"]
    return Segment(file["showers"], columns["incident"], theta, columns["phi"])


def _by_name(file: h5py.File, path: Path) -> list[Segment]:
    keyed: list[tuple[float, float, Segment]] = []

    def note(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        if _PRINTED.fullmatch(name):
            keyed.append((0.0, 0.0, Segment(item, _printed(name, item, path))))
        elif key := _KEY.fullmatch(name):
            angle, energy = float(key[1] or 90), float(key[2])
            keyed.append((angle, energy, Segment(item, energy * GeV, angle * deg)))

    file.visititems(note)
    return [segment for _, _, segment in sorted(keyed, key=lambda item: item[:2])]


def _printed(name: str, cells: h5py.Dataset, path: Path) -> Float[Array, " n"]:
    """Energies of a dataset that is named by the print of their array."""
    energies = np.array([float(word) for word in name.strip("[]").split()])
    if len(energies) != cells.shape[0]:
        problem = f"its dataset is named by {len(energies)} energies and holds {cells.shape[0]} showers"
        raise BadFile(path, problem, "make it again with Par04's newer root2h5, which writes incident_energy")
    return energies
