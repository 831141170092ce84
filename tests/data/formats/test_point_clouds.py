"""Point clouds in HDF5: step2point, ShowerData and CaloClouds, their traps, and what comes back of what was written."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from caloforge.data.formats.options import ReadOptions, WriteOptions
from caloforge.data.formats.registry import FORMATS, detect
from caloforge.data.points.hits import Hits
from caloforge.data.points.placed import placed
from caloforge.data.points.placement import Placement
from caloforge.data.points.point_file import PointFile
from caloforge.data.points.voxelise import devoxelise, voxelise
from caloforge.errors import BadFile, BadValue


class InMemory(PointFile):
    """Points as a file of them."""

    def __init__(self, hits, path, at_once=3):
        self.hits, self.path, self.provenance, self.showers_at_once = hits, path, hits.provenance, at_once

    def __len__(self):
        return len(self.hits)

    def __getitem__(self, rows):
        return self.hits[rows]

    def close(self):
        """Nothing is open."""


def read(path, **options):
    with detect(path).open(path, ReadOptions(**options)) as file:
        return Hits.concatenate(list(file.batches(2)))


def write(name, hits, path):
    FORMATS[name].write(InMemory(hits, path), path, WriteOptions())
    return path


def change(path, **columns):
    """Other datasets in the place of some; None deletes one."""
    with h5py.File(path, "r+") as file:
        for name, values in columns.items():
            place = name.replace("__", "/")
            if place in file:
                del file[place]
            if values is not None:
                file[place] = values
    return path


@pytest.fixture(scope="module")
def points():
    """Seven showers of float32 numbers, the fourth without points, some points without energy, layers from 0."""
    rng = np.random.default_rng(0)
    counts = np.array([4, 1, 9, 0, 3, 2, 5])
    n = counts.sum()
    layer = rng.integers(0, 30, n)
    energy = np.float32(rng.gamma(1, 1e-3, n)).astype(float) * 1000
    energy[5:7] = 0
    direction = rng.normal(size=(7, 3)) * [0.1, 0.1, 0] + [0, 0, 1]
    return Hits(
        *np.float32(rng.normal(0, 20, (2, n))),
        z=np.float32(layer + rng.uniform(0.1, 0.8, n)),
        energy=energy,
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        incident_energy=np.float32(rng.uniform(1, 100, 7)).astype(float) * 1000,
        pdg=rng.choice([22, 11, 211], 7),
        direction=direction / np.linalg.norm(direction, axis=1, keepdims=True),
        vertex=np.zeros((7, 3)),
        time=np.float32(rng.gamma(1, 1, n)),
        layer=layer,
        depth="layer",
        first_layer=0,
        normal=(0.0, 0.0, 1.0),
        detector="mine",
    )


def test_showerdata_comes_back_without_points_of_zero_energy_in_their_order(points, tmp_path):
    back = read(write("showerdata", points, tmp_path / "a.h5"))
    hit = points.where(points.energy > 0)
    for name in ("x", "y", "z", "energy", "time", "layer", "offsets", "incident_energy", "pdg"):
        np.testing.assert_array_equal(getattr(back, name), getattr(hit, name))
    np.testing.assert_allclose(back.direction, hit.direction, atol=1e-7)
    assert back.detector == "mine"


def test_the_library_reads_what_is_written_and_is_read(points, tmp_path):
    showerdata = pytest.importorskip("showerdata")
    path = write("showerdata", points, tmp_path / "a.h5")
    theirs = showerdata.load(str(path))
    hit = points.where(points.energy > 0)
    np.testing.assert_allclose(theirs.points[..., 3].sum(1) * 1000, hit.total_energy, rtol=1e-6)
    np.testing.assert_array_equal(theirs.energies[:, 0].astype(float) * 1000, hit.incident_energy)
    layers = showerdata.observables.calc_num_points_per_layer(theirs, 30).sum(0)
    np.testing.assert_array_equal(layers, np.bincount(hit.layer, minlength=30))
    timeless = write("showerdata", replace(points, time=None), tmp_path / "timeless.h5")
    assert showerdata.load(str(timeless)).points.shape == (7, 7, 4)
    assert read(timeless).time is None
    theirs.save(str(tmp_path / "theirs.h5"))
    np.testing.assert_array_equal(read(tmp_path / "theirs.h5").energy, hit.energy)


def test_a_fraction_near_the_next_layer_stays_in_its_layer(points, tmp_path):
    late = replace(points, z=np.float32(points.layer + 0.95))
    np.testing.assert_array_equal(
        read(write("showerdata", late, tmp_path / "a.h5")).layer, points.layer[points.energy > 0]
    )


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"directions": None}, "no dataset 'directions'"),
        ({"pdg": np.zeros(3, np.int32)}, "where shape says 7"),
        ({"shape": np.array([7, 9, 3])}, "of 3 numbers a point"),
        ({"shape": np.array([7, 9, 4])}, "not a whole number of points of 4"),
        ({"energies": np.full((7, 1), -1, np.float32)}, "incident energy is -1000.0"),
    ],
)
def test_bad_files_of_showerdata(points, tmp_path, columns, sentence):
    path = change(write("showerdata", points, tmp_path / "a.h5"), **columns)
    with pytest.raises(BadFile, match=sentence):
        read(path)


def test_more_showers_than_ids_are_refused(points, tmp_path):
    class Huge(InMemory):
        def __len__(self):
            return 2**31

    with pytest.raises(BadFile, match="ids have 32 bits"):
        FORMATS["showerdata"].write(Huge(points, tmp_path / "a.h5"), tmp_path / "b.h5", WriteOptions())


def padded(points, axes, front=True):
    """Events as CaloClouds has them: x, depth, z, energy in GeV, with zeros in front."""
    width = 12
    events = np.zeros((len(points), width, 4), np.float32)
    for i, shower in enumerate(points.batches(1)):
        rows = np.stack([shower.y, shower.z, shower.x, shower.energy / 1000], 1)
        events[i, width - len(rows) if front else 0 :][: len(rows)] = rows
    return events if axes == "NP4" else events.swapaxes(1, 2)


@pytest.mark.parametrize("axes", ["NP4", "N4P"])
@pytest.mark.parametrize("front", [True, False])
def test_layouts_of_caloclouds(points, tmp_path, axes, front):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["events"], file["energy"] = padded(points, axes, front), points.incident_energy[:, None] / 1000
        file["p_norm_local"] = points.direction.T
    hit = points.where(points.energy > 0)
    back = read(tmp_path / "a.h5", particle=22)
    for name in ("x", "y", "z", "energy", "layer", "offsets"):
        np.testing.assert_array_equal(getattr(back, name), getattr(hit, name))
    np.testing.assert_allclose(back.incident_energy, hit.incident_energy)
    np.testing.assert_allclose(back.direction, hit.direction)
    assert set(back.pdg) == {22}
    assert not read(tmp_path / "a.h5").pdg.any()


def test_depths_in_mm_are_no_layers(points, tmp_path):
    deep = replace(points, z=np.float32(1811 + 7 * points.layer))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["events"], file["energy"] = padded(deep, "N4P"), deep.incident_energy / 1000
    back = read(tmp_path / "a.h5")
    assert (back.depth, back.layer) == ("mm", None)
    np.testing.assert_array_equal(back.y, deep.z[deep.energy > 0])


def test_whole_numbers_are_asked_about(points, tmp_path):
    whole = replace(points, z=np.float32(points.layer))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["events"], file["energy"] = padded(whole, "NP4"), whole.incident_energy / 1000
    with pytest.raises(BadFile, match="depths or numbers of layers; say which: --columns y=depth or y=layer"):
        read(tmp_path / "a.h5")
    assert read(tmp_path / "a.h5", columns={"y": "layer"}).depth == "layer"
    assert read(tmp_path / "a.h5", columns={"y": "depth"}).depth == "mm"
    with pytest.raises(BadValue, match="y=layer or y=depth"):
        read(tmp_path / "a.h5", columns={"y": "z"})


def test_caloclouds_comes_back(points, tmp_path):
    back = read(write("caloclouds", points, tmp_path / "a.h5"), particle=22)
    hit = points.where(points.energy > 0)
    for name in ("x", "y", "z", "energy", "layer", "offsets", "incident_energy"):
        np.testing.assert_array_equal(getattr(back, name), getattr(hit, name))


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"events": np.zeros((7, 4, 4), np.float32)}, r"not \(N, 4, P\) or \(N, P, 4\)"),
        ({"energy": np.zeros(6, np.float32)}, "6 energies for 7 showers"),
        ({"p_norm_local": np.zeros((7, 3))}, r"not \(3, 7\)"),
        ({"energy": np.zeros(7, np.float32)}, "incident energy is 0"),
    ],
)
def test_bad_files_of_caloclouds(points, tmp_path, columns, sentence):
    path = change(write("caloclouds", points, tmp_path / "a.h5"), **columns)
    with pytest.raises(BadFile, match=sentence):
        read(path)


@pytest.fixture(scope="module")
def steps(points):
    """The same in the frame of a detector, with cells and parts."""
    n = len(points.x)
    return replace(
        points,
        z=np.float32(1250 + 5.0 * points.layer),
        depth="mm",
        normal=None,
        first_layer=None,
        cell=np.arange(n, dtype=np.uint64) + 2**60,
        part=np.arange(n) % 3,
    )


def test_step2point_comes_back(steps, tmp_path):
    back = read(write("step2point", steps, tmp_path / "a.h5"))
    for name in ("x", "y", "z", "energy", "time", "layer", "cell", "part", "offsets", "pdg", "vertex"):
        np.testing.assert_array_equal(getattr(back, name), getattr(steps, name))
    np.testing.assert_allclose(back.incident_energy, steps.incident_energy, rtol=2e-7)
    np.testing.assert_allclose(back.direction, steps.direction, atol=2e-7)


def test_an_event_without_rows_is_an_event_and_older_files_have_no_particles(steps, tmp_path):
    path = write("step2point", steps, tmp_path / "a.h5")
    with h5py.File(path) as file:
        assert 3 not in file["steps/event_id"][:]
    assert len(read(path)) == 7
    old = read(change(path, primary=None), particle=22, incident=5000.0)
    assert len(old) == 6  # of an older file only events with rows are known
    assert (set(old.pdg), set(old.incident_energy)) == ({22}, {5000})


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"steps__time": np.zeros(3)}, "different lengths"),
        ({"steps__event_id": np.arange(24) % 6}, "rows of event 0 do not lie together; sort"),
        ({"steps__event_id": np.arange(24) // 2}, "rows of event 7, which has no incident particle"),
        ({"primary__event_id": np.zeros(7, int)}, "two incident particles"),
        ({"steps__energy": np.full(24, np.nan)}, "energy of point 0 of shower 0 is nan"),
        ({"steps__energy": np.full(24, 100.0)}, "times the incident energy"),
        ({"steps__position": np.zeros((24, 2))}, "different lengths"),
    ],
)
def test_bad_files_of_step2point(steps, tmp_path, columns, sentence):
    path = change(write("step2point", steps, tmp_path / "a.h5"), **columns)
    with pytest.raises(BadFile, match=sentence):
        read(path)


@pytest.mark.parametrize("name", ["step2point", "showerdata", "caloclouds"])
def test_every_cut_file_is_a_sentence(points, steps, tmp_path, name):
    path = write(name, steps if name == "step2point" else points, tmp_path / "a.h5")
    whole = path.read_bytes()
    for size in range(0, len(whole), len(whole) // 40):
        path.write_bytes(whole[:size])
        with pytest.raises(BadFile):
            read(path)


@pytest.mark.parametrize("name", ["showerdata", "caloclouds"])
def test_points_of_a_detector_are_placed_first(steps, tmp_path, name):
    with pytest.raises(BadFile, match="--axis"):
        write(name, steps, tmp_path / "a.h5")
    local = placed(steps, Placement((0.0, 0.0, 1.0), 1250.0, first_layer=0))
    with pytest.raises(BadValue, match=r"parts of the calorimeter is \[0, 1, 2\]; each counts its layers by itself"):
        write(name, local, tmp_path / "b.h5")
    local = replace(local, part=np.full(len(local.x), 2))
    back = read(write(name, local, tmp_path / "b.h5"))
    np.testing.assert_array_equal(back.layer, steps.layer[steps.energy > 0])
    entry = steps.direction[:, :2] / steps.direction[:, 2:] * 1250  # of the particle in the plane of the face
    shower = steps.shower_of_point[steps.energy > 0]
    np.testing.assert_allclose(back.x, steps.x[steps.energy > 0] - entry[shower, 0], atol=1e-4)


@pytest.mark.parametrize("name", ["showerdata", "caloclouds", "step2point", "parquet", "csv", "npz", "edm4hep"])
@pytest.mark.parametrize("place", ["centre", "uniform"])
def test_from_cells_to_points_and_back(showers, tmp_path, name, place):
    """A mesh goes out as points and comes in as the same mesh, to the rounding of GeV in float32."""
    pytest.importorskip("pyarrow" if name == "parquet" else "uproot" if name == "edm4hep" else "h5py")
    few = replace(showers[:20], pdg=np.full(20, 11, np.int32))
    path = write(name, devoxelise(few, place), tmp_path / "a")
    axis = (0.0, 0.0, 1.0)
    by_layers = name in ("showerdata", "caloclouds")
    back, outside = voxelise(
        read(path, **({"particle": 11} if name == "caloclouds" else {})),
        few.binning,
        Placement(axis, (0.0, 0.0, 0.0), 0 if by_layers else None),
    )
    np.testing.assert_allclose(back.energy, few.energy, rtol=2e-7)
    assert not outside.any()


@pytest.mark.parametrize("depth", [1e30, -1e30, np.nan])
def test_a_depth_of_showerdata_that_is_no_number_of_a_layer_is_refused(points, tmp_path, depth):
    path = write("showerdata", points, tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        cloud = file["showers"][2]
        cloud[2] = depth
        file["showers"][2] = cloud
    with pytest.raises(BadFile, match="number of the layer of a point"):
        read(path)
