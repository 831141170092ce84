"""Points and cells: what goes in comes out, whatever the axis, and what lies outside is counted."""

import math
from dataclasses import replace

import numpy as np
import pytest

from caloforge.data.cell_times import CellTimes
from caloforge.data.points.hits import Hits
from caloforge.data.points.placement import Placement, parse_axis, parse_origin
from caloforge.data.points.voxelise import devoxelise, voxelise
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning, Layer
from caloforge.geometry.frame import angles_of, from_axis_frame, to_axis_frames, unit_vectors

Z = Placement((0.0, 0.0, 1.0))


@pytest.fixture(scope="module")
def oblique(showers):
    rng = np.random.default_rng(5)
    theta, phi = np.arccos(rng.uniform(0.3, 1, 200)), rng.uniform(-3, 3, 200)
    return replace(showers[:200], theta=theta, phi=phi, pdg=np.full(200, 22, np.int32))


def cloud(points, energy=None, **fields):
    """One shower of 1 GeV along z."""
    x, y, z = np.array(points, float).reshape(-1, 3).T
    fields = {
        "offsets": np.array([0, len(x)]),
        "incident_energy": np.array([1000.0]),
        "pdg": np.array([22]),
        "direction": np.array([[0.0, 0.0, 1.0]]),
    } | fields
    return Hits(x, y, z, np.ones(len(x)) if energy is None else np.array(energy, float), **fields)


@pytest.mark.parametrize("place", ["centre", "uniform"])
@pytest.mark.parametrize("axis", ["incident", (0.0, 0.0, 1.0)])
def test_back_and_forth_gives_the_same_cells_bit_for_bit(oblique, place, axis):
    frame = "axis" if axis == "incident" else "detector"
    showers = replace(oblique, provenance=oblique.provenance.with_facts(mesh=frame))
    back, outside = voxelise(devoxelise(showers, place, seed=3), showers.binning, Placement(axis))
    np.testing.assert_array_equal(back.energy, showers.energy)
    np.testing.assert_array_equal(back.incident_energy, showers.incident_energy)
    np.testing.assert_allclose(back.theta, showers.theta, atol=1e-12)
    np.testing.assert_allclose(back.phi, showers.phi, atol=1e-12)
    assert not outside.any()
    assert back.provenance.mesh == frame


@pytest.mark.parametrize("place", ["centre", "uniform"])
def test_a_mesh_without_depths_goes_by_layer_numbers(showers, place):
    flat = Binning(tuple(replace(layer, z_edges=None) for layer in showers.binning.layers), "flat")
    bare = replace(showers[:50], binning=flat)
    hits = devoxelise(bare, place)
    assert hits.depth == "layer"
    assert set(hits.layer.tolist()) == {0, 1, 4}
    np.testing.assert_array_equal(voxelise(hits, flat, Placement())[0].energy, bare.energy)


def test_float32_positions_stay_in_their_cells(oblique):
    hits = devoxelise(replace(oblique, theta=np.zeros(200), phi=np.zeros(200)), "uniform")
    rounded = replace(hits, **{name: getattr(hits, name).astype(np.float32) for name in "xyz"})
    np.testing.assert_array_equal(voxelise(rounded, oblique.binning, Placement())[0].energy, oblique.energy)


def test_uniform_places_do_not_depend_on_the_batch_and_fill_the_ring_by_area(showers):
    whole = devoxelise(showers[:40], "uniform", seed=1)
    parts = [devoxelise(showers[i : i + 7], "uniform", seed=1, first=i) for i in range(0, 40, 7)]
    np.testing.assert_array_equal(Hits.concatenate(parts)[:40].x, whole.x)
    ring = Binning((Layer(0, (0.0, 10.0), 1, (0.0, 1.0)),))
    single = replace(showers[:3000], energy=np.ones((3000, 1), np.float32), binning=ring)
    hits = devoxelise(single, "uniform")
    inner = (np.hypot(hits.x, hits.y) < 5).sum()  # a quarter of the area
    assert abs(inner - 750) < 5 * math.sqrt(3000 * 0.25 * 0.75)


def test_energy_outside_is_counted(binning):
    hits = cloud([[0, 0, 5], [0, 25, 5], [0, 25, 25], [0, 0, -1], [0, 0, 50]], [1, 2, 4, 8, 16])
    showers, outside = voxelise(hits, binning, Placement(origin=(0.0, 0.0, 0.0)))
    assert (showers.total_energy[0], outside[0]) == (5, 26)


def test_cells_have_the_times_of_their_points(binning, showers):
    points = [[0, 0, 5], [0, 0, 5], [0, 0, 6], [0, 0, 25], [0, 0, 25], [0, 0, 15]]
    energy, time = [1, 3, 0, 2, 2, 0], np.array([4.0, 8.0, 1.0, 5.0, 3.0, 2.0])
    cells, _ = voxelise(cloud(points, energy, time=time), binning, Placement(origin=(0.0, 0.0, 0.0)))
    hit = cells.energy > 0
    np.testing.assert_array_equal(cells.times.mean[hit], [7, 4])
    np.testing.assert_array_equal(cells.times.first[hit], [4, 3])  # a point without energy is no deposit
    rng = np.random.default_rng(0)
    some = showers[:20]
    first = np.where(some.energy > 0, rng.gamma(1, 1, some.energy.shape), np.nan).astype(np.float32)
    timed = replace(some, times=CellTimes(first, first))
    back, _ = voxelise(devoxelise(timed), binning, Placement())
    np.testing.assert_array_equal(back.times.first, first)


def test_the_mesh_turns_with_the_particle(binning):
    """Points along a direction of the detector lie on the axis of the mesh, at the depth from the entrance."""
    direction = unit_vectors(np.array([1.1]), np.array([2.0]))
    points = direction * np.array([[1250.0], [1265.0], [1280.0]])
    hits = cloud(points, direction=direction, vertex=np.zeros((1, 3)))
    showers, outside = voxelise(hits, binning, Placement())
    assert not outside.any()
    np.testing.assert_array_equal(showers.layer_energy, [[1, 1, 1]])
    assert showers.provenance.mesh == "axis"


def test_a_given_axis_is_the_normal_and_the_particle_enters_where_its_line_meets_the_plane(binning):
    theta = 0.4
    direction = np.array([[math.sin(theta), math.cos(theta), 0.0]])  # normal along y
    start = direction * 1000 / math.cos(theta)
    hits = cloud(start + np.array([[0, 5, 0], [0, 15, 0]]), direction=direction, vertex=np.zeros((1, 3)))
    showers, outside = voxelise(hits, binning, Placement(parse_axis("y"), parse_origin("1m")))
    assert not outside.any()
    np.testing.assert_array_equal(showers.layer_energy, [[1, 1, 0]])
    np.testing.assert_allclose(showers.theta, [theta])
    assert showers.provenance.mesh == "detector"


def test_layer_numbers_are_asked_about(binning):
    flat = Binning(tuple(replace(layer, z_edges=None) for layer in binning.layers), "flat")
    hits = cloud([[0, 0, 0], [0, 0, 0]], layer=np.array([1, 2]))
    with pytest.raises(BadValue, match=r"layers 1 to 2.*--first-layer N"):
        voxelise(hits, flat, Z)
    showers, _ = voxelise(hits, flat, Placement(first_layer=1))
    np.testing.assert_array_equal(showers.layer_energy, [[1, 1, 0]])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"incident_energy": np.array([np.nan])}, "--incident"),
        ({"pdg": np.array([0])}, "--particle"),
        ({"direction": np.full((1, 3), np.nan)}, "--axis X,Y,Z"),
        ({"direction": np.array([[1.0, 0, 0]]), "normal": (0.0, 0.0, -1.0)}, "--origin"),
    ],
)
def test_what_the_file_does_not_say_is_asked_for(binning, change, sentence):
    with pytest.raises(BadValue, match=sentence):
        voxelise(cloud([[0, 0, -5]], **change, vertex=np.zeros((1, 3))), binning, Placement(origin="entrance"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"offsets": np.array([0, 3])}, "offsets is .*number of points, 2"),
        ({"offsets": np.array([0, 2, 1, 2])}, "offsets"),
        ({"offsets": np.array([], int)}, "offsets"),
        ({"time": np.array([1.0, np.nan])}, "time of point 1 of shower 0"),
        ({"incident_energy": np.array([0.0])}, "incident energy is 0.0"),
        ({"direction": np.array([[0.0, 0.0, 2.0]])}, "direction of shower 0"),
    ],
)
def test_bad_points_are_refused(change, sentence):
    with pytest.raises(BadValue, match=sentence):
        cloud(np.zeros((2, 3)), **change)


@pytest.mark.parametrize(("energy", "value"), [([1, np.nan], "nan"), ([1, -2], "-2.0"), ([np.inf, 1], "inf")])
def test_bad_energies_are_refused_with_their_place(energy, value):
    with pytest.raises(BadValue, match=f"energy of point [01] of shower 0 is {value}"):
        cloud(np.zeros((2, 3)), energy)


def test_slices_masks_and_joins_are_those_of_the_showers(oblique):
    hits = devoxelise(oblique)
    rows = np.array([5, 3, 3, 100])
    for index in (rows, slice(3, 9), slice(50, 10, -3), np.arange(200) % 7 == 2, slice(7, 7)):
        part = hits[index]
        np.testing.assert_array_equal(part.incident_energy, hits.incident_energy[index])
        np.testing.assert_array_equal(part.total_energy, hits.total_energy[index])
    joined = Hits.concatenate(list(hits.batches(37)))
    np.testing.assert_array_equal(joined.x, hits.x)
    np.testing.assert_array_equal(joined.offsets, hits.offsets)
    strong = hits.where(hits.energy > 1)
    assert len(strong) == len(hits)
    np.testing.assert_allclose(strong.total_energy, np.where(oblique.energy > 1, oblique.energy, 0).sum(1), rtol=1e-5)


def test_a_particle_that_passes_by_is_refused(binning):
    hits = cloud([[0, 0, 5]], direction=np.array([[1.0, 0.0, 0.0]]), vertex=np.zeros((1, 3)))
    with pytest.raises(BadValue, match="the particle of shower 0 does not fly along it"):
        voxelise(hits, binning, Placement((0.0, 0.0, 1.0), 0.0))


@pytest.mark.parametrize("text", ["incidental", "1,2", "0,0,0", "nan,0,1", ""])
def test_axes_that_are_none(text):
    with pytest.raises(BadValue, match="axis"):
        parse_axis(text)


def test_frames_are_rotations_that_undo_each_other():
    rng = np.random.default_rng(2)
    points, axes = rng.normal(size=(2, 100, 3))
    turned = to_axis_frames(points, axes)
    np.testing.assert_allclose(from_axis_frame(turned, axes), points, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), np.linalg.norm(points, axis=1))
    np.testing.assert_allclose(turned[:, 2], (points * axes).sum(1) / np.linalg.norm(axes, axis=1))
    lengths = np.linalg.norm(axes, axis=1, keepdims=True)
    np.testing.assert_allclose(unit_vectors(*angles_of(axes)), axes / lengths)
