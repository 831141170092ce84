r"""What one pass over a file of showers keeps: conditions, observables, pooled spectra, mean cells, a random subset.

Everything but the subset is small beside the cells: :math:`N` showers of :math:`V` cells are read in batches and never
held together, so memory grows with the number of observables and not with the mesh. Sums run in float64, tables are
float32. The subset is drawn by reservoir sampling (Vitter, ACM Trans. Math. Softw. 11 (1985) 37): every shower of the
file has the same chance to be in it.
"""

__all__ = ["Sample", "cell_edges", "read_rows", "read_sample"]

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt64
from numpy import ndarray as Array
from scipy.sparse import csr_array

from caloforge.data.showers import Showers
from caloforge.data.source import Source
from caloforge.errors import EmptySample
from caloforge.geometry.binning import Binning
from caloforge.metrics.separation import Histograms, well_filled
from caloforge.physics.observables import OBSERVABLES, Observable, tabulate
from caloforge.rng import stream

_BATCH = 500
_FOR_EDGES = 2000


@dataclass(frozen=True, eq=False)
class Sample:
    """One sample of showers as validation sees it.

    Args:
        binning: the mesh.
        incident_energy: MeV.
        pdg: PDG particle number.
        theta: polar angle, rad.
        phi: azimuth, rad.
        ids: content hashes.
        table: values of each observable, (N, k) float32, NaN where undefined.
        pooled: histograms of the observables of cells.
        mean_cells: mean energy of each cell, MeV.
        cells: a random subset of the showers with all their cells.
        cell_rows: rows of ``table`` that ``cells`` stand for.
    """

    binning: Binning
    incident_energy: Float[Array, " N"]
    pdg: Int[Array, " N"]
    theta: Float[Array, " N"]
    phi: Float[Array, " N"]
    ids: UInt64[Array, " N"]
    table: Mapping[str, Float[Array, "N _"]]
    pooled: Mapping[str, Histograms]
    mean_cells: Float[Array, " V"]
    cells: Showers
    cell_rows: Int[Array, " s"]

    def __len__(self) -> int:
        return len(self.incident_energy)

    @cached_property
    def table_of_cells(self) -> dict[str, Float[Array, "s _"]]:
        """The observables of the showers kept with all their cells."""
        return {name: values[self.cell_rows] for name, values in self.table.items()}

    def thinned(self, rows: Int[Array, " r"]) -> "Sample":
        """Some showers only, without their cells.

        Args:
            rows: which showers.
        """
        nothing = np.zeros(0, np.int64)
        return replace(
            self,
            **{name: getattr(self, name)[rows] for name in ("incident_energy", "pdg", "theta", "phi", "ids")},
            table={name: values[rows] for name, values in self.table.items()},
            pooled={name: Histograms(csr_array(h.rows[rows]), h.edges) for name, h in self.pooled.items()},
            cells=self.cells[nothing],
            cell_rows=nothing,
        )

    @cached_property
    def mean_layer_energy(self) -> Float[Array, " L"]:
        """Mean energy of each layer, MeV."""
        return np.add.reduceat(self.mean_cells, self.binning.layer_starts[:-1])


def cell_edges(observable: Observable, truth: Showers) -> Float[Array, " e"]:
    """Edges of a cell observable from some showers of the truth.

    Args:
        observable: of cells.
        truth: some showers of the reference.
    """
    values = observable(truth)
    values = values[~np.isnan(values)]
    return well_filled(observable.edges(values), values)


class _Rows:
    """Rows of k float32 values, appended batch by batch to one piece of memory that grows by a quarter at a time."""

    def __init__(self, k: int) -> None:
        self._values, self._count = np.empty((0, k), np.float32), 0

    def append(self, rows: Float[Array, "n k"]) -> None:
        start, self._count = self._count, self._count + len(rows)
        if self._count > len(self._values):
            self._resize(self._count + self._count // 4)
        self._values[start : self._count] = rows

    def all(self) -> Float[Array, "N k"]:
        self._resize(self._count)
        return self._values

    def _resize(self, rows: int) -> None:
        self._values.resize((rows, self._values.shape[1]), refcheck=False)  # nobody else has seen it


class _Reservoir:
    """A uniform random subset of at most k showers of a stream of unknown length."""

    def __init__(self, binning: Binning, k: int, rng: np.random.Generator) -> None:
        self.binning, self.rng, self.count = binning, rng, 0
        self.energy = np.empty((k, binning.n_voxels), np.float32)
        self.rows = np.zeros(k, np.int64)

    def add(self, batch: Showers) -> None:
        """Shower i of the stream enters with probability k/(i+1) and takes the place of one chosen at random."""
        number = self.count + np.arange(len(batch))
        place = np.where(number < len(self.rows), number, (self.rng.random(len(batch)) * (number + 1)).astype(np.int64))
        taken = place < len(self.rows)
        self.energy[place[taken]] = batch.energy[taken]
        self.rows[place[taken]] = number[taken]
        self.count += len(batch)

    def showers(self, conditions: Mapping[str, Array]) -> tuple[Showers, Int[Array, " s"]]:
        """The subset with its rows of the stream, given the conditions of all."""
        rows = self.rows[: self.count]
        columns: dict[str, Any] = {name: values[rows] for name, values in conditions.items()}
        return Showers(energy=self.energy[: self.count], binning=self.binning, **columns), rows


def read_sample(
    source: Source,
    observables: Mapping[str, Observable] = OBSERVABLES,
    pooled_edges: Mapping[str, Float[Array, " _"]] | None = None,
    keep: int = 10_000,
    seed: int = 1,
    progress: Callable[[int], None] = lambda done: None,
    mesh: Binning | None = None,
    threshold: float = 0.0,
) -> Sample:
    """Read a source once (the truth's first showers twice).

    Cells below ``threshold`` count as empty in everything but the ids: a shower is known by all its cells.

    Args:
        source: showers; never held together.
        observables: what to tabulate.
        pooled_edges: edges of the observables of cells; from the first 2,000 showers of this source when not given.
        keep: most showers to keep with all their cells.
        seed: of the subset.
        progress: called with the number of showers read.
        mesh: the source's cells with depths that its own mesh may lack.
        threshold: of cells, MeV.

    Raises:
        EmptySample: the source has no shower.
    """
    mesh = mesh or source.binning
    of_cells = {name: o for name, o in observables.items() if o.per == "cell"}
    edges = _edges(source, of_cells, threshold) if pooled_edges is None else pooled_edges
    reservoir = _Reservoir(mesh, keep, stream(seed, "reservoir"))
    columns: dict[str, list[Array]] = {name: [] for name in ("incident_energy", "pdg", "theta", "phi", "ids")}
    tables: dict[str, _Rows] = {}
    pools: dict[str, list[Histograms]] = {name: [] for name in of_cells}
    sums = np.zeros(mesh.n_voxels)
    for uncut in filter(len, source.batches(_BATCH)):
        for name, parts in columns.items():
            parts.append(getattr(uncut, name))
        batch = replace(uncut, binning=mesh).above(threshold)
        for name, values in tabulate(batch, observables).items():
            tables.setdefault(name, _Rows(values.shape[1])).append(values)
        for name, observable in of_cells.items():
            pools[name].append(Histograms.pool(observable(batch), edges[name]))
        sums += batch.energy.sum(axis=0, dtype=np.float64)
        reservoir.add(batch)
        progress(reservoir.count)
    if reservoir.count == 0:
        raise EmptySample("a comparison needs showers in both samples", 0)
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    cells, rows = reservoir.showers({name: values for name, values in joined.items() if name != "ids"})
    return Sample(
        binning=mesh,
        **joined,
        table={name: rows.all() for name, rows in tables.items()},
        pooled={name: Histograms.stack(parts) for name, parts in pools.items()},
        mean_cells=sums / reservoir.count,
        cells=cells,
        cell_rows=rows,
    )


def read_rows(source: Source, rows: Int[Array, " r"], like: Sample, threshold: float = 0.0) -> Showers:
    """Some showers of a source with their cells, in the order of ``rows``.

    Args:
        source: that ``like`` was read from; read again only as far as it must be.
        rows: which showers.
        like: what was kept of the source, the mesh and perhaps the showers themselves.
        threshold: of cells, MeV, as ``like`` was read.
    """
    if np.isin(rows, like.cell_rows).all():
        order = np.argsort(like.cell_rows)
        return like.cells[order[np.searchsorted(like.cell_rows, rows, sorter=order)]]
    parts: list[Showers] = []
    start = 0
    for batch in source.batches(_BATCH):
        inside = (rows >= start) & (rows < start + len(batch))
        parts.append(replace(batch[np.sort(rows[inside]) - start], binning=like.binning).above(threshold))
        start += len(batch)
        if start > rows.max():
            break
    return Showers.concatenate([part for part in parts if len(part)])[np.argsort(np.argsort(rows))]


def _edges(source: Source, of_cells: Mapping[str, Observable], threshold: float) -> dict[str, Float[Array, " _"]]:
    if not of_cells:
        return {}
    parts = list(itertools.islice(filter(len, source.batches(_BATCH)), _FOR_EDGES // _BATCH))
    if not parts:
        raise EmptySample("a comparison needs showers in both samples", 0)
    first = Showers.concatenate(parts).above(threshold)
    return {name: cell_edges(observable, first) for name, observable in of_cells.items()}
