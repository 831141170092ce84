"""A file of showers as one works with it in Python: opened at once, read when it is needed, shown by itself."""

__all__ = ["Dataset", "open_dataset", "origin_of"]

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.api.glance import html_of, mesh_in_words
from caloforge.api.lazy import LazyShowers
from caloforge.api.observable_table import ObservableTable
from caloforge.data.bundled import showers_path
from caloforge.data.joined import JoinedFiles
from caloforge.data.opening import open_showers
from caloforge.data.showers import Showers
from caloforge.geometry.binning import Binning
from caloforge.metrics.measured import standard_error
from caloforge.metrics.particles import particle_name
from caloforge.units import format_energy

if TYPE_CHECKING:
    import matplotlib.figure

    import caloforge.metrics.overview

_GLANCE = 1000  # showers read for the mean response that a notebook shows


class Dataset(LazyShowers):
    """Showers in a file, or some rows of it; nothing is read before it is asked for.

    ``len`` counts showers. A slice, ``truth[:500]``, is another lazy `Dataset`; a number, a list of numbers or a mask
    reads these showers and gives `Showers`. Iterating, ``for batch in truth``, gives `Showers` of at most 1,000 at a
    time. The file stays open until `close`, the end of a ``with`` block, or until nobody refers to it any more.

    Args:
        file: the open file.
        name: what it was asked for by.
        rows: of the file; all of them when not given.
    """

    @overload
    def observables(self, name: str, /) -> Float[Array, "..."]: ...

    @overload
    def observables(self, *names: str) -> ObservableTable: ...

    def observables(self, *names: str) -> Float[Array, "..."] | ObservableTable:
        """Observables T(h) of every shower, read in batches.

        Args:
            names: of the observables (`caloforge inspect --list-observables` lists them); all but those of single cells
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

    def overview(self, seed: int = 1) -> "caloforge.metrics.overview.Overview":
        """Response, resolution and mean profiles in bins of energy, particle by particle; reads all showers once.

        Args:
            seed: of the bootstrap errors.

        Raises:
            EmptySample: too few showers.
        """
        from caloforge.metrics.overview import measure_overview  # what only some need is imported there

        return measure_overview(self, seed)

    def plot(self) -> "matplotlib.figure.Figure":
        """Response, resolution with its fit, and the profiles along and across the axis, as `caloforge plot` draws.

        Raises:
            EmptySample: too few showers.
        """
        from caloforge.reporting.overview import draw_overview  # matplotlib

        return draw_overview(self.overview())

    @property
    def _kinds(self) -> dict[str, str]:
        return {
            "particles": self._particles,
            "incident energy": _energy_range(self.incident.energy),
        }

    @property
    def _particles(self) -> str:
        if self.events is None or not len(self):
            return ", ".join(sorted(map(particle_name, np.unique(self.incident.pdg).tolist())))
        low, high = int(self.events.multiplicity.min()), int(self.events.multiplicity.max())
        return f"events of {low if low == high else f'{low} to {high}'} particles"

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
            error = standard_error(response)
            facts["mean response"] = f"{100 * response.mean():.3f} ± {100 * error:.3f} %{of}"
        return facts

    def __repr__(self) -> str:
        return f"<Dataset {self.name}: {len(self):,} showers, {', '.join(self._kinds.values())}, {self.binning.name}>"

    def _repr_html_(self) -> str:
        return html_of(self.name, self.summary)


def open_dataset(path: str | Path | Sequence[str | Path], binning: str | Binning | None = None) -> Dataset:
    """Open a file of showers, or several as one, without reading them.

    Args:
        path: file of showers in any format, ``"bundled"`` for the sample that comes with caloforge, or several files.
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
    if isinstance(path, str | Path):
        return Dataset(open_showers(path, binning), str(path))
    return Dataset(JoinedFiles([showers_path(part) for part in path], binning), ", ".join(map(str, path)))


def origin_of(sample: Dataset | Showers) -> dict[str, Any]:
    """Where showers come from, for the provenance of what is made of them.

    Args:
        sample: an open file, or showers in memory.
    """
    if isinstance(sample, Dataset):
        return sample.origin()
    return {"detector": sample.detector, **sample.provenance.facts}


def _energy_range(energy: Float[Array, " N"]) -> str:
    low, high = (format_energy(float(end)) for end in (energy.min(), energy.max())) if len(energy) else ("none", "none")
    return low if low == high else f"{low} to {high}"
