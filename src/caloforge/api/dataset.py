"""A file of showers as one works with it in Python: opened at once, read when it is needed, shown by itself."""

__all__ = ["Dataset", "open_dataset"]

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, overload

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64
from matplotlib.figure import Figure
from numpy import ndarray as Array

from caloforge.api.glance import html_of, mesh_in_words
from caloforge.api.observable_table import ObservableTable
from caloforge.data.incident import Incident
from caloforge.data.opening import open_showers
from caloforge.data.provenance import Provenance
from caloforge.data.showers import Showers
from caloforge.data.splits import Split, take_split
from caloforge.data.store import ShowerFile
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.metrics.overview import Overview, measure_overview
from caloforge.metrics.particles import particle_name
from caloforge.reporting.overview import draw_overview
from caloforge.units import format_energy

_GLANCE = 1000  # showers read for the mean response that a notebook shows


class Dataset:
    """Showers in a file, or some rows of it; nothing is read before it is asked for.

    ``len`` counts showers. A slice, ``truth[:500]``, is another lazy `Dataset`; a number, a list of numbers or a mask
    reads these showers and gives `Showers`. Iterating, ``for batch in truth``, gives `Showers` of at most 1,000 at a
    time. The file stays open until `close`, the end of a ``with`` block, or until nobody refers to it any more.

    Args:
        file: the open file.
        name: what it was asked for by.
        rows: of the file; all of them when not given.
    """

    def __init__(self, file: ShowerFile, name: str, rows: range | None = None) -> None:
        self._file, self.name = file, name
        self._rows = range(len(file)) if rows is None else rows

    @property
    def binning(self) -> Binning:
        """The mesh of its showers."""
        return self._file.binning

    @property
    def detector(self) -> str:
        """Name of the detector, or "unknown"."""
        return self._file.detector

    @cached_property
    def provenance(self) -> Provenance:
        """How the file was made; empty for a file that does not say."""
        return self._file.provenance

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self._file.path

    @property
    def whole(self) -> bool:
        """Whether these are all showers of the file."""
        return self._rows == range(len(self._file))

    @property
    def training_ids(self) -> UInt64[Array, " k"]:
        """Ids of the showers that the generator of these was trained on; none where the file does not say."""
        return self._file.training_ids

    @property
    def digest(self) -> str:
        """Hash of all showers of the file, whatever their order; reads them in batches."""
        return self._file.digest

    @cached_property
    def incident(self) -> Incident:
        """The particles that made the showers, read without their cells."""
        return self._file.incident(_as_slice(self._rows))

    def origin(self) -> dict[str, Any]:
        """Where its showers come from, for the provenance of what is made of them."""
        return {
            "file": self.name,
            "detector": self.detector,
            **self.provenance.facts,
            **({} if self.whole else self._part),
        }

    @property
    def _part(self) -> dict[str, Any]:
        return {"rows": [self._rows.start, self._rows.stop, self._rows.step]}

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: slice) -> "Dataset": ...

    @overload
    def __getitem__(self, index: int | Sequence[int] | Int[Array, " n"] | Bool[Array, " N"]) -> Showers: ...

    def __getitem__(
        self, index: slice | int | Sequence[int] | Int[Array, " n"] | Bool[Array, " N"]
    ) -> "Dataset | Showers":
        if isinstance(index, slice):
            if index.step is not None and index.step < 1:
                raise BadValue("step of the slice", index.step, "files are read forwards; turn the showers once read")
            return Dataset(self._file, self.name, self._rows[index])
        rows = np.arange(len(self))[index].reshape(-1)
        wanted, places = np.unique(rows, return_inverse=True)
        if len(wanted) == 0:
            return self[:0].read()
        first, last = int(wanted[0]), int(wanted[-1])
        return self[first : last + 1].read()[wanted - first][places]

    def batches(self, size: int = 1000) -> Iterator[Showers]:
        """The showers in order, at most ``size`` at a time, each checked as it is read.

        Args:
            size: showers in memory at a time.

        Raises:
            BadFile: truncated or damaged, NaN or negative energies.
        """
        for start in range(0, len(self), size):
            yield self._read(self._rows[start : start + size])

    def _read(self, rows: range) -> Showers:
        return replace(self._file[_as_slice(rows)], detector=self.detector, provenance=self.provenance)

    def __iter__(self) -> Iterator[Showers]:
        return self.batches()

    def read(self) -> Showers:
        """All showers, in memory."""
        return self._read(self._rows)

    def split(self, name: Split) -> Showers:
        """The showers of the ``train``, ``validation`` or ``test`` split, in memory; the file is read in batches.

        Args:
            name: of the split.

        Raises:
            BadFile: truncated or damaged, NaN or negative energies.
        """
        return Showers.concatenate([take_split(batch, name) for batch in self.batches()])

    @overload
    def observables(self, name: str, /) -> Float[Array, "..."]: ...

    @overload
    def observables(self, *names: str) -> ObservableTable: ...

    def observables(self, *names: str) -> Float[Array, "..."] | ObservableTable:
        """Observables T(h) of every shower, read in batches.

        Args:
            names: of the observables (`caloforge inspect --observables` lists them); all but those of single cells
                when none is given.

        Returns:
            For one name an array, (N,) or (N, k); else a table by name that knows units and columns. Energies are in
            MeV, lengths in mm.

        Raises:
            UnknownName: no such observable.
            BadValue: an observable with a value for every cell.

        Example:
            >>> import caloforge as cf
            >>> cf.open("bundled")[:100].observables("response", "layer_energy").units
            {'response': '', 'layer_energy': 'MeV'}
        """
        table = ObservableTable.of(self, names)
        if len(names) != 1:
            return table
        return table[names[0]][:, 0] if table[names[0]].shape[1] == 1 else table[names[0]]

    def overview(self, seed: int = 1) -> Overview:
        """Response, resolution and mean profiles in bins of energy, particle by particle; reads all showers once.

        Args:
            seed: of the bootstrap errors.

        Raises:
            EmptySample: too few showers.
        """
        return measure_overview(self, seed)

    def plot(self) -> Figure:
        """Response, resolution with its fit, and the profiles along and across the axis, as `caloforge plot` draws.

        Raises:
            EmptySample: too few showers.
        """
        return draw_overview(self.overview())

    @property
    def _kinds(self) -> dict[str, str]:
        return {
            "particles": ", ".join(sorted(map(particle_name, np.unique(self.incident.pdg).tolist()))),
            "incident energy": _energy_range(self.incident.energy),
        }

    @cached_property
    def summary(self) -> dict[str, str]:
        """What it holds, in words: particles, energies, mesh, detector, and the mean response of its first showers."""
        first = self[:_GLANCE]
        facts = {
            "showers": f"{len(self):,}",
            **self._kinds,
            "mesh": mesh_in_words(self.binning),
            "detector": self.detector,
        }
        if len(first) > 1:
            response = first.observables("response")
            of = "" if len(first) == len(self) else f", first {len(first):,} showers"
            error = response.std(ddof=1) / np.sqrt(len(first))
            facts["mean response"] = f"{100 * response.mean():.3f} ± {100 * error:.3f} %{of}"
        return facts

    def __repr__(self) -> str:
        return f"<Dataset {self.name}: {len(self):,} showers, {', '.join(self._kinds.values())}, {self.binning.name}>"

    def _repr_html_(self) -> str:
        return html_of(self.name, self.summary)

    def close(self) -> None:
        """Close the file, also for the slices of this dataset."""
        self._file.__exit__()

    def __enter__(self) -> "Dataset":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_dataset(path: str | Path, binning: str | Binning | None = None) -> Dataset:
    """Open a file of showers without reading them.

    Args:
        path: HDF5 file in CaloChallenge layout, or ``"bundled"`` for the sample that comes with caloforge.
        binning: mesh by name, XML file or object, for files that do not carry one.

    Raises:
        BadFile: missing, not HDF5, or not a file of showers.
        UnknownName: no such mesh.

    Example:
        >>> import caloforge as cf
        >>> truth = cf.open("bundled")
        >>> truth[:500]
        <Dataset bundled: 500 showers, e-, 1.002GeV to 98.58GeV, siw-1080>
    """
    return Dataset(open_showers(path, binning), str(path))


def _as_slice(rows: range) -> slice:
    return slice(rows.start, rows.stop, rows.step)


def _energy_range(energy: Float[Array, " N"]) -> str:
    low, high = (format_energy(float(end)) for end in (energy.min(), energy.max())) if len(energy) else ("none", "none")
    return low if low == high else f"{low} to {high}"
