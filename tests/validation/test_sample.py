import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from caloforge.data.showers import Showers
from caloforge.data.splits import SplitOf, take_split
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.errors import EmptySample
from caloforge.geometry.binning import Binning
from caloforge.geometry.readouts import readout
from caloforge.metrics.separation import Histograms
from caloforge.physics.observables import select, tabulate
from caloforge.validation.sample import read_sample

CHOSEN = select(["response", "layer_energy", "voxel_energy"])


def test_a_sample_holds_what_the_showers_say(halves):
    showers = halves[0]
    sample = read_sample(showers, CHOSEN, keep=5000)
    for name, values in tabulate(showers, CHOSEN).items():
        np.testing.assert_array_equal(sample.table[name], values.astype(np.float32))
    np.testing.assert_allclose(sample.mean_cells, showers.energy.mean(axis=0, dtype=float), rtol=1e-12)
    np.testing.assert_array_equal(sample.ids, showers.ids)
    np.testing.assert_array_equal(sample.cells.energy, showers.energy)
    pooled = sample.pooled["voxel_energy"]
    whole = Histograms.pool(CHOSEN["voxel_energy"](showers), pooled.edges[0])
    assert (pooled.rows != whole.rows).nnz == 0


def test_the_subset_is_drawn_evenly_and_knows_its_rows(halves):
    showers = halves[0]
    chosen = np.zeros(len(showers))
    for seed in range(40):
        sample = read_sample(showers, select(["response"]), keep=150, seed=seed)
        np.testing.assert_array_equal(sample.cells.energy, showers.energy[sample.cell_rows])
        assert len(set(sample.cell_rows)) == 150
        chosen[sample.cell_rows] += 1
    thirds = chosen.reshape(3, -1).sum(axis=1)  # 2,000 each expected, with a spread below 45
    assert abs(thirds - 2000).max() < 200


def test_a_file_reads_as_its_showers(halves, tmp_path):
    write_showers(tmp_path / "a.h5", halves[0], "x", {})
    with ShowerFile(tmp_path / "a.h5") as file:
        from_file, from_test = read_sample(file, CHOSEN), read_sample(SplitOf(file, "test"), CHOSEN)
        assert file.digest == halves[0].digest
    np.testing.assert_array_equal(from_file.table["response"], read_sample(halves[0], CHOSEN).table["response"])
    np.testing.assert_array_equal(from_test.ids, take_split(halves[0], "test").ids)


def test_nothing_is_refused(halves):
    with pytest.raises(EmptySample):
        read_sample(halves[0][:0], CHOSEN)


class Endless:
    """A source of n showers of 6,480 cells that are made when they are read."""

    binning = readout("siw-6480")

    def __init__(self, n):
        self.n = n

    def batches(self, size):
        rng = np.random.default_rng(1)
        energy = np.zeros((size, self.binning.n_voxels), np.float32)
        energy[:, ::20] = rng.exponential(1.0, energy[:, ::20].shape)
        return (
            Showers.perpendicular(energy, np.full(size, 1e4, np.float32), self.binning) for _ in range(self.n // size)
        )


def test_memory_does_not_grow_with_the_cells():
    """8,000 showers more of 6,480 cells, 207 MB as float32, cost less than a tenth of that."""
    peaks = []
    for n in (2000, 10000):
        tracemalloc.start()
        sample = read_sample(Endless(n), CHOSEN, keep=200)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (len(sample), len(sample.cells)) == (n, 200)
    assert peaks[1] - peaks[0] < 0.1 * 8000 * 6480 * 4


def test_depths_come_from_the_file_that_knows_them(halves):
    """The CaloChallenge's files know no depths: where the other one does, depths are in millimetres for both."""
    showers = halves[0]
    layers = showers.binning.layers
    deep = Binning(tuple(replace(layer, z_edges=(10.0 * i, 10.0 * i + 10)) for i, layer in enumerate(layers)))
    bare = replace(showers, binning=Binning(tuple(replace(layer, z_edges=None) for layer in layers)))
    chosen = select(["centre_z"])
    known = read_sample(replace(showers, binning=deep), chosen, keep=1)
    read = read_sample(bare, chosen, keep=1, mesh=bare.binning.with_depths_of(deep))
    assert np.array_equal(read.table["centre_z"], known.table["centre_z"], equal_nan=True)
    assert read.binning is deep
