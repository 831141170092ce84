"""Operations on files of showers: energies, physics and ids that must stay, blocks that must not matter."""

import math
from dataclasses import replace

import h5py
import numpy as np
import pytest

from caloforge.data.cell_times import CellTimes
from caloforge.data.event_particles import EventParticles
from caloforge.data.formats.options import WriteOptions
from caloforge.data.formats.registry import format_named
from caloforge.data.merge import merge_files
from caloforge.data.opening import open_showers
from caloforge.data.operations import operation as machinery
from caloforge.data.operations.cells import Mask, MergeCells, Threshold
from caloforge.data.operations.images import Mirror, Rotate
from caloforge.data.operations.operation import apply_to_file
from caloforge.data.operations.rows import Select, Slice, Weight
from caloforge.data.operations.shuffle import shuffle_file
from caloforge.data.operations.split import split_file
from caloforge.data.showers import Showers
from caloforge.data.splits import SPLITS, take_split
from caloforge.data.store import ShowerFile
from caloforge.data.unseen import unseen_showers
from caloforge.data.writer import write_showers
from caloforge.errors import BadFile, BadValue, EmptySample, UnwritablePath
from caloforge.geometry.binning import Binning, Layer
from caloforge.geometry.images import image
from caloforge.geometry.readouts import readout

RINGS = tuple(float(r) for r in range(0, 35, 5))
MESH = Binning(tuple(Layer(i, RINGS, 8, (10.0 * i, 10.0 * i + 10)) for i in range(6)), "even")


@pytest.fixture(scope="module")
def inclined() -> Showers:
    """400 showers on an even mesh, half of them inclined, all of another shape."""
    rng = np.random.default_rng(4)
    n, cells = 400, MESH.n_voxels
    energy = (rng.gamma(0.5, 10, (n, cells)) * (rng.random((n, cells)) < 0.3)).astype(np.float32)
    theta = np.where(rng.random(n) < 0.5, 0.0, rng.uniform(0.1, 0.7, n)).astype(np.float32)
    incident = rng.uniform(5e3, 5e4, n).astype(np.float32)
    phi = rng.uniform(-3, 3, n).astype(np.float32)
    return Showers(energy, incident, np.full(n, 11), theta, phi, MESH, "flat")


@pytest.fixture
def file(inclined, tmp_path):
    path = tmp_path / "in.h5"
    write_showers(
        path, inclined, "flat", {"mesh": "detector", "energy": "5GeV:50GeV", "phi": "0deg", "readout": "even"}
    )
    return path


def read(path) -> Showers:
    with ShowerFile(path) as file:
        return file.read()


def direction(showers):
    return np.stack([np.cos(showers.phi), np.sin(showers.phi)], 1) * np.sin(showers.theta)[:, None]


def transverse(showers):
    """Energy-weighted sums of x and y, with every cell at its centre."""
    mesh = showers.binning
    centres = mesh.r_centres * np.stack([np.cos(mesh.alpha_centres), np.sin(mesh.alpha_centres)])
    return showers.energy.astype(np.float64) @ centres.T


@pytest.mark.parametrize("factors", [(3, 1, 1), (1, 2, 1), (1, 1, 3), (2, 4, 6)])
def test_merged_cells_hold_the_energy_of_each_shower_layer_and_ring(inclined, factors):
    merged = MergeCells(layers=factors[0], sectors=factors[1], rings=factors[2]).apply(inclined)
    np.testing.assert_allclose(merged.total_energy, inclined.total_energy, rtol=1e-6)
    fine, coarse = (
        s.energy.reshape(400, layers, sectors, rings)
        for s, layers, sectors, rings in (
            (inclined, 6, 8, 6),
            (merged, 6 // factors[0], 8 // factors[1], 6 // factors[2]),
        )
    )
    blocks = fine.reshape(400, *(n for f, size in zip(factors, (6, 8, 6), strict=True) for n in (size // f, f)))
    np.testing.assert_allclose(coarse, blocks.astype(np.float64).sum((2, 4, 6)), rtol=1e-6)
    assert (merged.binning.z_edges[0, 0], merged.binning.z_edges[-1, 1]) == (0, 60)


def test_merging_twice_is_merging_once(inclined):
    once = MergeCells(layers=6, sectors=4, rings=3).apply(inclined)
    twice = MergeCells(layers=3, sectors=2).apply(MergeCells(layers=2, sectors=2, rings=3).apply(inclined))
    assert once.binning.same_cells(twice.binning)
    np.testing.assert_allclose(once.energy, twice.energy, rtol=1e-6)


def test_a_target_mesh_of_uneven_unions_and_what_is_none():
    fine = Binning(
        (Layer(0, (0, 5, 10, 20), 4, (0, 10)), Layer(1, (0, 10, 20), 8, (10, 20)), Layer(2, (0, 20), 1, (20, 50)))
    )
    coarse = Binning((Layer(0, (0, 10, 20), 2, (0, 20)), Layer(1, (0, 20), 1, (20, 50))), "target")
    energy = np.random.default_rng(1).random((5, fine.n_voxels)).astype(np.float32)
    merged = MergeCells(target=coarse).apply(Showers.perpendicular(energy, np.full(5, 1e4), fine))
    np.testing.assert_allclose(merged.total_energy, energy.sum(1), rtol=1e-6)
    # first ring of the coarse layer: rings 0 and 1 of layer 0 and ring 0 of layer 1, in the first half of their sectors
    by_hand = energy[:, [0, 1, 3, 4]].sum(1) + energy[:, [12, 14, 16, 18]].sum(1)
    np.testing.assert_allclose(merged.energy[:, 0], by_hand, rtol=1e-6)
    for layers in (
        (Layer(0, (0, 7, 20), 2, (0, 20)), Layer(1, (0, 20), 1, (20, 50))),  # 7 mm cuts a ring
        (Layer(0, (0, 10), 2, (0, 20)), Layer(1, (0, 20), 1, (20, 50))),  # too narrow
        (Layer(0, (0, 10, 20), 3, (0, 20)), Layer(1, (0, 20), 1, (20, 50))),  # sectors cut
        (Layer(0, (0, 10, 20), 2, (0, 15)), Layer(1, (0, 20), 1, (15, 50))),  # a layer cut
        (Layer(0, (0, 10, 20), 2, (0, 20)), Layer(1, (0, 20), 1, (20, 40))),  # too short
        (Layer(0, (0, 10, 20), 2), Layer(1, (0, 20), 1)),  # 3 layers do not fill 2 evenly
    ):
        with pytest.raises(BadValue, match="target mesh is 'wrong'"):
            MergeCells(target=Binning(layers, "wrong")).mesh(fine)


def test_factors_that_do_not_divide_are_refused_with_those_that_do(inclined, binning):
    for factors, words in (
        ({"layers": 4}, "6 layers, divisible by 1, 2, 3, 6"),
        ({"sectors": 3}, "8 sectors, divisible by 1, 2, 4, 8"),
        ({"rings": 4}, "6 rings"),
        ({}, "above 1"),
    ):
        with pytest.raises(BadValue, match=words):
            MergeCells(**factors).apply(inclined)
    with pytest.raises(BadValue, match="layers 0 and 4 have other rings or sectors"):
        MergeCells(layers=3).mesh(binning)


def test_turns_carry_cells_and_direction_together(inclined, file, tmp_path):
    apply_to_file(Rotate(sectors=3), file, tmp_path / "out.h5")
    turned, angle = read(tmp_path / "out.h5"), 2 * math.pi * 3 / 8
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    np.testing.assert_allclose(transverse(turned), transverse(inclined) @ rotation.T, rtol=1e-5, atol=1e-2)
    np.testing.assert_allclose(direction(turned), direction(inclined) @ rotation.T, atol=1e-6)
    np.testing.assert_array_equal(np.sort(turned.energy, 1), np.sort(inclined.energy, 1))
    for sectors in (-3, 5, 8 * 10**17 - 3):  # whole turns more change nothing
        back = Rotate(sectors=sectors).apply(turned)
        np.testing.assert_array_equal(back.energy, inclined.energy)
        np.testing.assert_allclose(direction(back), direction(inclined), atol=1e-6)


def test_a_mesh_about_the_axis_turns_along_with_inclined_particles(inclined):
    turned = Rotate(sectors=1, frame="axis").apply(inclined)
    upright = inclined.theta == 0
    np.testing.assert_array_equal(turned.energy[~upright], inclined.energy[~upright])
    assert not np.array_equal(turned.energy[upright], inclined.energy[upright])
    np.testing.assert_array_equal(turned.phi[upright], inclined.phi[upright])
    np.testing.assert_allclose((turned.phi - inclined.phi)[~upright] % (2 * math.pi), math.pi / 4, atol=1e-5)
    with pytest.raises(BadValue, match="give the frame of the mesh"):
        Rotate().apply(inclined)
    with pytest.raises(BadValue, match="none at all"):
        Rotate(sectors=8).apply(inclined)


def test_a_mirror_image_turns_y_over(inclined):
    mirrored = Mirror().apply(inclined)
    for quantity in (transverse, direction):
        np.testing.assert_allclose(quantity(mirrored), quantity(inclined) * [1, -1], rtol=1e-5, atol=1e-2)
    np.testing.assert_array_equal(Mirror().apply(mirrored).energy, inclined.energy)


def test_particles_of_events_turn_with_the_cells(inclined):
    one = np.float32([1.0])
    particles = EventParticles(
        one * 1e4, np.array([11]), one * 0.3, one * 0.5, one * 3, one * 4, np.array([0, 1]), np.array([0])
    )
    cells = inclined.energy[:1]
    event = Showers(cells, one * 1e4, np.array([0]), one * 0, one * 0, MESH, events=particles)
    turned, mirrored = Rotate(sectors=2).apply(event).events, Mirror().apply(event).events
    assert (float(turned.x[0]), float(turned.y[0])) == pytest.approx((-4, 3))
    assert float(turned.phi[0]) == pytest.approx(0.5 + math.pi / 2)
    assert (float(mirrored.x[0]), float(mirrored.y[0]), float(mirrored.phi[0])) == pytest.approx((3, -4, -0.5))


@pytest.fixture
def timed(inclined):
    rng = np.random.default_rng(8)
    first = np.where(inclined.energy > 0, rng.exponential(2, inclined.energy.shape), np.nan).astype(np.float32)
    return replace(inclined, times=CellTimes(first + np.float32(0.5), first))


def test_times_of_cells_go_where_their_energy_goes(timed, tmp_path):
    def moments(showers):
        """Sum of energy times mean time, and the first of all, of each shower."""
        weighted = np.nan_to_num(showers.times.mean) * showers.energy.astype(np.float64)
        return np.stack([weighted.sum(1), np.nanmin(showers.times.first, 1)])

    write_showers(tmp_path / "in.h5", timed, "flat", {"mesh": "detector"})
    for i, operation in enumerate((MergeCells(layers=2, rings=3), Rotate(sectors=3), Mirror())):
        apply_to_file(operation, tmp_path / "in.h5", tmp_path / f"{i}.h5")
        np.testing.assert_allclose(moments(read(tmp_path / f"{i}.h5")), moments(timed), rtol=1e-5)
    turned, cut = read(tmp_path / "1.h5"), Threshold(energy=3.0).apply(timed)
    permutation = image(MESH, 3 / 8)
    np.testing.assert_array_equal(turned.times.first, timed.times.first[:, permutation])
    np.testing.assert_array_equal(np.isfinite(cut.times.mean), cut.energy > 0)
    shuffle_file(tmp_path / "in.h5", tmp_path / "shuffled.h5")
    order = np.argsort(timed.ids)[np.argsort(np.argsort(read(tmp_path / "shuffled.h5").ids))]
    np.testing.assert_array_equal(read(tmp_path / "shuffled.h5").times.mean, timed.times.mean[order])


def test_threshold_and_mask(inclined):
    cut = Threshold(energy=2.0).apply(inclined)
    assert cut.energy[cut.energy > 0].min() >= 2.0
    np.testing.assert_array_equal(cut.energy[inclined.energy >= 2], inclined.energy[inclined.energy >= 2])
    masked = Mask(layers=(0, 4), cells=(50,)).apply(inclined)
    dead = np.isin(MESH.layer_of_voxel, [0, 4])
    dead[50] = True
    assert not masked.energy[:, dead].any()
    np.testing.assert_array_equal(masked.energy[:, ~dead], inclined.energy[:, ~dead])
    for options, words in (({"layers": (9,)}, "layers 0 to 5"), ({"cells": (288,)}, "cells 0 to 287"), ({}, "nothing")):
        with pytest.raises(BadValue, match=words):
            Mask(**options).mesh(MESH)


@pytest.mark.parametrize(
    "operation", [MergeCells(layers=2), Threshold(energy=1.0), Mask(layers=(1,)), Rotate(frame="detector"), Mirror()]
)
def test_a_changed_copy_is_known_as_the_shower_it_was(inclined, file, tmp_path, operation):
    """In every direction: its id, its split, and what a model was trained on."""
    apply_to_file(operation, file, tmp_path / "once.h5")
    apply_to_file(Threshold(energy=0.1), tmp_path / "once.h5", tmp_path / "twice.h5")
    copy = read(tmp_path / "twice.h5")
    np.testing.assert_array_equal(copy.ids, inclined.ids)
    assert len(unseen_showers(copy, inclined.ids[:100])) == 300
    assert len(unseen_showers(inclined, copy.ids[:100])) == 300
    for split in SPLITS:
        np.testing.assert_array_equal(take_split(copy, split).ids, take_split(inclined, split).ids)
    assert copy.digest != inclined.digest


def test_the_steps_are_kept_in_order_with_what_they_made_untrue(file, tmp_path):
    a, b, c = (tmp_path / f"{name}.h5" for name in "abc")
    apply_to_file(MergeCells(layers=2, rings=2), file, a)
    apply_to_file(Rotate(sectors=2), a, b)
    apply_to_file(Select(energy=(1e4, 2e4)), b, c)
    with ShowerFile(c) as opened:
        facts = opened.provenance.facts
    assert [(s["operation"], s["options"], s.get("before")) for s in facts["steps"]] == [
        ("merge-cells", {"layers": 2, "sectors": 1, "rings": 2}, {"readout": "even"}),
        ("rotate", {"sectors": 2}, {"phi": "0deg"}),
        ("select", {"energy": [1e4, 2e4]}, {"energy": "5GeV:50GeV"}),
    ]
    assert facts["mesh"] == "detector"
    assert not {"energy", "phi", "readout"} & facts.keys()


def test_rows_by_number_and_by_condition(inclined, file, tmp_path):
    apply_to_file(Slice(start=30, stop=90), file, tmp_path / "slice.h5")
    np.testing.assert_array_equal(read(tmp_path / "slice.h5").energy, inclined.energy[30:90])
    apply_to_file(Slice(stop=1000), file, tmp_path / "head.h5")
    assert len(read(tmp_path / "head.h5")) == 400
    apply_to_file(Select(theta=(0.2, 0.5), pdg=(11, 22)), file, tmp_path / "select.h5")
    expected = inclined[(inclined.theta >= 0.2) & (inclined.theta <= 0.5)]
    np.testing.assert_array_equal(read(tmp_path / "select.h5").energy, expected.energy)
    with pytest.raises(BadValue, match="rows 0 to 399"):
        apply_to_file(Slice(start=400), file, tmp_path / "none.h5")
    with pytest.raises(EmptySample):
        apply_to_file(Select(pdg=(211,)), file, tmp_path / "none.h5")
    assert not list(tmp_path.glob("*none*"))


def test_weighted_showers_follow_the_weights(inclined, file, tmp_path):
    energy = inclined.incident_energy.astype(np.float64)
    count = apply_to_file(Weight(weights=1 / energy, by="1/E", seed=3), file, tmp_path / "out.h5")
    chance = energy.min() / energy
    deviation = (count - chance.sum()) / math.sqrt((chance * (1 - chance)).sum())
    assert abs(deviation) < 4
    kept = np.isin(inclined.ids, read(tmp_path / "out.h5").ids)
    slope = ((kept - chance) * (energy - energy.mean())).sum()
    assert abs(slope) < 4 * math.sqrt((chance * (1 - chance) * (energy - energy.mean()) ** 2).sum())
    for weights in (-energy, energy * np.nan, energy * 0):
        with pytest.raises(BadValue, match="one finite number a shower"):
            Weight(weights=weights, by="wrong")
    with pytest.raises(BadValue, match="the file has 400"):
        apply_to_file(Weight(weights=energy[:-1], by="short"), file, tmp_path / "none.h5")


def test_blocks_do_not_matter(inclined, file, tmp_path, monkeypatch):
    weight = Weight(weights=inclined.incident_energy.astype(np.float64), by="E")
    for operation in (weight, MergeCells(rings=2), Select(energy=(1e4, 3e4))):
        apply_to_file(operation, file, tmp_path / "large.h5", overwrite=True)
        monkeypatch.setattr(machinery, "_BLOCK_BYTES", 4 * MESH.n_voxels * 70)
        apply_to_file(operation, file, tmp_path / "small.h5", overwrite=True)
        monkeypatch.undo()
        np.testing.assert_array_equal(read(tmp_path / "small.h5").energy, read(tmp_path / "large.h5").energy)


def test_a_shuffled_file_holds_every_shower_in_an_order_of_the_seed(inclined, file, tmp_path):
    orders = []
    for name, seed, piece in (("a", 1, 2**28), ("b", 1, 120_000), ("c", 2, 120_000)):
        shuffle_file(file, tmp_path / f"{name}.h5", seed, piece_bytes=piece)
        orders.append(read(tmp_path / f"{name}.h5"))
    np.testing.assert_array_equal(orders[0].energy, orders[1].energy)
    assert orders[0].digest == inclined.digest == orders[2].digest
    for order in (inclined, orders[2]):
        assert not np.array_equal(orders[0].ids, order.ids)
    row = {shower: i for i, shower in enumerate(inclined.ids.tolist())}
    order = np.array([row[shower] for shower in orders[0].ids.tolist()])
    np.testing.assert_array_equal(orders[0].theta, inclined.theta[order])
    assert abs(np.corrcoef(order, np.arange(400))[0, 1]) < 4 / math.sqrt(400)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "b.h5", "c.h5", "in.h5"]


def test_the_parts_of_a_split_are_those_of_training(inclined, file, tmp_path):
    paths = {tmp_path / f"{name}.h5": high - low for name, (low, high) in SPLITS.items()}
    counts = split_file(file, paths)
    for path, name in zip(paths, SPLITS, strict=True):
        np.testing.assert_array_equal(read(path).energy, take_split(inclined, name).energy)
    assert sum(counts.values()) == 400
    apply_to_file(Mirror(), file, tmp_path / "mirror.h5")
    split_file(tmp_path / "mirror.h5", {tmp_path / "mirrored.h5": 0.7})
    np.testing.assert_array_equal(read(tmp_path / "mirrored.h5").ids, take_split(inclined, "train").ids)
    for fractions in ((0.7, 0.4), (0.0, 0.5), ()):
        with pytest.raises(BadValue, match="fractions"):
            split_file(file, {tmp_path / f"wrong{i}.h5": f for i, f in enumerate(fractions)})
    with pytest.raises(EmptySample, match="falls to"):
        split_file(file, {tmp_path / "wrong1.h5": 0.5, tmp_path / "wrong2.h5": 1e-7})
    assert not list(tmp_path.glob("*wrong*"))


def test_copies_join_only_when_asked_for(file, tmp_path):
    apply_to_file(Mirror(), file, tmp_path / "mirror.h5")
    both = [file, tmp_path / "mirror.h5"]
    with pytest.raises(BadFile, match="400 of its showers lie in"):
        merge_files(both, tmp_path / "both.h5")
    merge_files(both, tmp_path / "both.h5", copies=True)
    joined, first = read(tmp_path / "both.h5"), read(file)
    np.testing.assert_array_equal(joined.ids, np.tile(first.ids, 2))
    np.testing.assert_array_equal(joined.energy[400:], read(tmp_path / "mirror.h5").energy)


def test_a_converted_file_of_copies_still_knows_the_showers(inclined, file, tmp_path):
    apply_to_file(Mirror(), file, tmp_path / "mirror.h5")
    with open_showers(tmp_path / "mirror.h5") as opened:
        format_named("caloforge").write(opened, tmp_path / "converted.h5", WriteOptions())
    np.testing.assert_array_equal(read(tmp_path / "converted.h5").ids, inclined.ids)


@pytest.mark.parametrize(
    "ids", [np.arange(399, dtype=np.uint64), np.arange(400.0), None], ids=["short", "float", "group"]
)
def test_ids_that_make_no_sense_are_refused(file, ids):
    with h5py.File(file, "a") as raw:
        if ids is None:
            raw.create_group("source_ids")
        else:
            raw["source_ids"] = ids
    with pytest.raises(BadFile, match="source_ids"):
        ShowerFile(file)


@pytest.mark.parametrize("work", ["apply", "shuffle", "split"])
def test_what_is_interrupted_or_in_the_way_leaves_all_as_it_was(file, tmp_path, work):
    output = tmp_path / "out.h5"

    def run(path, progress=lambda done, total: None):
        if work == "apply":
            apply_to_file(Mirror(), file, path, progress=progress)
        elif work == "shuffle":
            shuffle_file(file, path, progress=progress)
        else:
            split_file(file, {path: 1.0}, progress=progress)

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(output, interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["in.h5"]
    output.write_text("precious")
    for path in (output, file):
        with pytest.raises(UnwritablePath):
            run(path)
    assert output.read_text() == "precious"


def test_published_meshes_merge():
    for name in ("calochallenge-2", "calochallenge-3", "siw-1080"):
        mesh = readout(name)
        coarse = MergeCells(layers=5, rings=3).mesh(mesh)
        assert coarse.n_voxels * 15 == mesh.n_voxels
