"""Times of cells in memory and in files: sliced, joined, trimmed and merged along with the energies."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from caloforge.api.dataset import open_dataset
from caloforge.data.cell_times import CellTimes
from caloforge.data.merge import merge_files
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.data.writer import write_showers
from caloforge.errors import BadFile, BadValue
from caloforge.geometry.binning import Binning, Layer

MESH = Binning((Layer(0, (0.0, 1.0, 2.0), 3, (0.0, 1.0)), Layer(1, (0.0, 1.0), 4, (1.0, 2.0))))


def timed(seed=1, n=30):
    rng = np.random.default_rng(seed)
    energy = (rng.exponential(1, (n, MESH.n_voxels)) * (rng.random((n, MESH.n_voxels)) < 0.7)).astype(np.float32)
    first = np.where(energy > 0, rng.exponential(5, energy.shape), np.nan).astype(np.float32)
    times = CellTimes(first * np.float32(1.5), first)
    return replace(Showers.perpendicular(energy, np.full(n, 1000.0, np.float32), MESH), times=times)


def assert_same(a, b):
    np.testing.assert_array_equal(a.energy, b.energy)
    np.testing.assert_array_equal(a.time, b.time)
    np.testing.assert_array_equal(a.first_time, b.first_time)


def test_showers_without_times_have_none_and_no_datasets(tmp_path):
    plain = replace(timed(), times=None)
    assert plain.time is None
    assert plain[:3].first_time is None
    write_showers(tmp_path / "plain.h5", plain, "d", {})
    with h5py.File(tmp_path / "plain.h5") as file:
        assert not {"time", "first_time"} & set(file)
    with ShowerFile(tmp_path / "plain.h5") as file:
        assert not file.holds_times
        assert file.read().times is None


def test_slices_and_joins_carry_the_times(tmp_path):
    showers = timed()
    write_showers(tmp_path / "t.h5", showers, "d", {})
    with ShowerFile(tmp_path / "t.h5") as file:
        assert_same(file.read(), showers)
        assert_same(file[5:12], showers[5:12])
        assert_same(Showers.concatenate(list(file.batches(7))), showers)
    lazy = open_dataset(tmp_path / "t.h5")
    np.testing.assert_array_equal(lazy[4:20:3].times().first, showers.first_time[4:20:3])
    np.testing.assert_array_equal(lazy[[5, 2]].time, showers.time[[5, 2]])
    order = np.array([3, 1, 2])
    np.testing.assert_array_equal(showers[order].time, showers.time[order])
    with pytest.raises(BadValue, match="times"):
        Showers.concatenate([showers, replace(showers, times=None)])


def test_zero_suppression_leaves_no_time_in_an_empty_cell():
    above = timed().above(0.5)
    np.testing.assert_array_equal(np.isnan(above.time), above.energy == 0)
    np.testing.assert_array_equal(np.isnan(above.first_time), above.energy == 0)


@pytest.mark.parametrize("bits", [1, 8, 22])
def test_trimmed_times_are_near_and_in_order(tmp_path, bits):
    showers = timed()
    write_showers(tmp_path / "t.h5", showers, "d", {}, bits)
    with ShowerFile(tmp_path / "t.h5") as file:
        kept = file.read()
    hit = showers.energy > 0
    for exact, trimmed in ((showers.time, kept.time), (showers.first_time, kept.first_time)):
        np.testing.assert_allclose(trimmed[hit], exact[hit], rtol=2.0 ** -(bits + 1))
        assert np.isnan(trimmed[~hit]).all()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t, e: CellTimes(t.mean[:, 1:], t.first[:, 1:]),
        lambda t, e: CellTimes(np.where(e > 0, t.mean, 0), t.first),
        lambda t, e: CellTimes(t.mean, np.full_like(t.first, np.nan)),
        lambda t, e: CellTimes(np.where(e > 0, np.inf, np.nan), t.first),
        lambda t, e: CellTimes(np.where(e > 0, t.mean, np.inf), t.first),
        lambda t, e: CellTimes(t.first, t.mean),
    ],
)
def test_times_that_are_not_those_of_the_cells(spoil):
    showers = timed()
    with pytest.raises(BadValue, match="time"):
        replace(showers, times=spoil(showers.times, showers.energy))


def test_merge_carries_times_and_refuses_to_mix(tmp_path):
    one, two = timed(1), timed(2)
    write_showers(tmp_path / "1.h5", one, "d", {"gate_ns": 200.0})
    write_showers(tmp_path / "2.h5", two, "d", {"gate_ns": 200.0})
    merge_files([tmp_path / "1.h5", tmp_path / "2.h5"], tmp_path / "12.h5")
    with ShowerFile(tmp_path / "12.h5") as file:
        assert_same(file.read(), Showers.concatenate([one, two]))
        assert file.provenance.gate_ns == 200
    mixes = {"none.h5": (timed(3), {}), "other.h5": (timed(4), {"gate_ns": 50.0})}
    mixes["untimed.h5"] = replace(timed(5), times=None), {"gate_ns": 200.0}
    for name, (showers, facts) in mixes.items():
        write_showers(tmp_path / name, showers, "d", facts)
        match = "times of cells" if name == "untimed.h5" else r"gate differs \((none|50 ns) against 200 ns\)"
        for pair in (["1.h5", name], [name, "1.h5"]):
            with pytest.raises(BadFile, match=match if pair[0] == "1.h5" else "gate differs|times of cells"):
                merge_files([tmp_path / part for part in pair], tmp_path / "mixed.h5")
            assert not (tmp_path / "mixed.h5").exists()


def test_damaged_times(tmp_path):
    for damage in ("short", "zeros"):
        path = tmp_path / f"{damage}.h5"
        write_showers(path, timed(), "d", {})
        with h5py.File(path, "r+") as file:
            if damage == "short":
                file["time"].resize(10, axis=0)
            else:
                file["time"][:] = 0
        with pytest.raises(BadFile, match="time"), ShowerFile(path) as file:
            file.read()
