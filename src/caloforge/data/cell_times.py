"""Times of cells: energy-weighted mean and first deposit, NaN where a cell is empty; their datasets in a file."""

__all__ = ["CellTimes", "append_times", "check_times", "holds_times", "read_times"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import h5py
import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

from caloforge.errors import BadValue

DATASETS = {"time": "mean", "first_time": "first"}  # name in the file, name in `CellTimes`


@dataclass(frozen=True, eq=False, repr=False)
class CellTimes:
    """When the energy of N showers was left in their cells, ns, as global time of the event.

    Args:
        mean: weighted with the energy, float32; NaN in empty cells.
        first: of the first deposit, likewise.
    """

    mean: Float[Array, "N V"]
    first: Float[Array, "N V"]

    def check(self, energy: Float[Array, "N V"]) -> None:
        """That the times are those of these cells.

        Args:
            energy: of the cells, MeV.

        Raises:
            BadValue: another shape, infinite times, times of empty cells, or none of cells with energy.
        """
        for name, of_cells in (("time", self.mean), ("first_time", self.first)):
            if of_cells.shape != energy.shape:
                raise BadValue(f"shape of {name}", of_cells.shape, f"the cells have shape {energy.shape}")
            wrong = np.flatnonzero((np.isfinite(of_cells) != (energy > 0)).any(axis=1) | np.isinf(of_cells).any(axis=1))
            if len(wrong):
                what = f"{name} of shower {wrong[0]}"
                raise BadValue(what, "a wrong NaN or infinity", "every cell with energy has a time, empty cells NaN")
        if (self.first > self.mean).any():
            raise BadValue("first_time", "later than the mean time of its cell", "give both in ns of one clock")

    def __getitem__(self, index: slice | Int[Array, " n"] | Bool[Array, " N"]) -> "CellTimes":
        return CellTimes(self.mean[index], self.first[index])

    def of_hit(self, energy: Float[Array, "N V"]) -> "CellTimes":
        """The same with NaN where a cell is now empty.

        Args:
            energy: MeV.
        """
        return CellTimes(*(np.where(energy > 0, t, np.float32(np.nan)) for t in (self.mean, self.first)))

    @classmethod
    def concatenate(cls, parts: Sequence["CellTimes"]) -> "CellTimes":
        """Join in order.

        Args:
            parts: one at least.
        """
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("mean", "first")))


def holds_times(file: h5py.File) -> bool:
    """Whether a file of showers has times.

    Args:
        file: open.
    """
    return all(isinstance(file.get(name), h5py.Dataset) for name in DATASETS)


def check_times(file: h5py.File) -> str | None:
    """What is wrong with the shape of the times of a file, if anything.

    Args:
        file: open, with times.
    """
    shape = file["showers"].shape
    for name in DATASETS:
        if file[name].shape != shape or file[name].dtype.kind != "f":
            return f"{name} has shape {file[name].shape} and type {file[name].dtype} for cells of shape {shape}"
    return None


def read_times(file: h5py.File, rows: slice) -> CellTimes | None:
    """Times of some showers; None where the file has none.

    Args:
        file: open.
        rows: of the file.
    """
    return CellTimes(*(np.asarray(file[name][rows], np.float32) for name in DATASETS)) if holds_times(file) else None


def append_times(file: h5py.File, times: CellTimes | None, trim: Callable[[Array], Array]) -> None:
    """Add the times of the showers that were added to a file before; datasets are made with the first ones.

    Args:
        file: open, its ``showers`` hold the energies, as kept.
        times: of the last showers.
        trim: how many digits are kept.

    Raises:
        BadValue: only some of the showers have times.
    """
    cells = file["showers"]
    n = 0 if times is None else len(times.mean)
    earlier = len(cells) - n
    if times is not None and earlier == 0 and not holds_times(file):
        for name in DATASETS:
            packed = {"compression": "gzip", "compression_opts": 6, "shuffle": True, "chunks": cells.chunks}
            file.create_dataset(name, (0, cells.shape[1]), "f4", maxshape=cells.maxshape, **packed)
            file[name].attrs["unit"] = "ns"
    if (times is not None) != holds_times(file):
        raise BadValue("times of cells", "in some showers only", "join showers that all have them, or none")
    if times is None:
        return
    kept = times.of_hit(cells[earlier:])
    for name, attribute in DATASETS.items():
        file[name].resize(len(cells), axis=0)
        file[name][earlier:] = trim(getattr(kept, attribute))
