"""Observables of local structure: closed forms by hand, plain loops over cells, and the symmetries of the mesh."""

from itertools import combinations

import numpy as np
import pytest

from caloforge.data.showers import Showers
from caloforge.geometry.binning import Binning, Layer
from caloforge.physics.adjacency import DIRECTIONS, around, neighbours, overlap, pairs, ring_means
from caloforge.physics.hit_spectrum import QUANTILES
from caloforge.physics.observables import OBSERVABLES, tabulate
from caloforge.physics.standard import STANDARD
from caloforge.physics.structure import STRUCTURE

RADII = tuple(float(r) for r in (0, 5, 10, 20))
REGULAR = Binning(tuple(Layer(i, RADII, 6, (10.0 * i, 10.0 * i + 10)) for i in range(5)), "regular")
IRREGULAR = Binning(
    (
        Layer(0, RADII, 1),
        Layer(1, (0.0, 2.0, 5.0, 12.0, 20.0), 5),
        Layer(2, RADII, 4),
        Layer(3, (0.0, 7.0), 1),
        Layer(12, (0.0, 10.0, 30.0), 2),
    ),
    "irregular",
)
LINES = Binning(tuple(Layer(i, (0.0, 5.0 + i), 1) for i in range(4)), "one cell a layer")
MESHES = pytest.mark.parametrize("mesh", [REGULAR, IRREGULAR, LINES], ids=lambda mesh: mesh.name)
PAIR = ("product", "hits", "correlation", "covariance", "difference")


def cell(mesh, layer, ring, sector):
    return mesh.layer_starts[layer] + sector * mesh.layers[layer].n_r + ring


def shower(mesh, cells):
    """One shower from a dictionary (layer, ring, sector) -> MeV."""
    energy = np.zeros((1, mesh.n_voxels), np.float32)
    for place, value in cells.items():
        energy[0, cell(mesh, *place)] = value
    return Showers.perpendicular(energy, np.array([1000.0], np.float32), mesh)


def random_showers(mesh, n=40, share=0.4, seed=5):
    rng = np.random.default_rng(seed)
    energy = rng.gamma(0.7, 3.0, (n, mesh.n_voxels)) * (rng.random((n, mesh.n_voxels)) < share)
    return Showers.perpendicular(energy.astype(np.float32), np.full(n, 1000.0, np.float32), mesh)


def value(name, showers):
    return STRUCTURE[name](showers)[0]


def places(mesh):
    return list(zip(mesh.layer_of_voxel, mesh.ring_of_voxel, mesh.sector_of_voxel, strict=True))


def rings_overlap(mesh, a, b):
    edges = [mesh.layers[layer].r_edges[ring : ring + 2] for layer, ring, _ in (a, b)]
    return edges[0][0] < edges[1][1] and edges[1][0] < edges[0][1]


def sectors_overlap(mesh, a, b):
    n, m = mesh.layers[a[0]].n_alpha, mesh.layers[b[0]].n_alpha
    first, second = ({*np.arange(p[2] * k, (p[2] + 1) * k)} for p, k in ((a, m), (b, n)))
    return bool(first & second)


def is_pair(mesh, direction, distance, a, b):
    """By the words of the module: a and b are (layer, ring, sector), in either order."""
    a, b = sorted((a, b))
    if direction == "depth":
        return b[0] - a[0] == distance and rings_overlap(mesh, a, b) and sectors_overlap(mesh, a, b)
    if direction == "r":
        return a[0] == b[0] and a[2] == b[2] and abs(b[1] - a[1]) == distance
    n = mesh.layers[a[0]].n_alpha
    away = (b[2] - a[2]) % n
    return a[0] == b[0] and a[1] == b[1] and min(away, n - away) == distance


@MESHES
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("distance", [1, 2, 3])
def test_each_pair_enters_once(mesh, direction, distance):
    graph = pairs(mesh, direction, distance).toarray()
    expected = {
        (i, j)
        for (i, a), (j, b) in combinations(enumerate(places(mesh)), 2)
        if is_pair(mesh, direction, distance, a, b)
    }
    assert {tuple(sorted(p)) for p in zip(*map(list, np.nonzero(graph)), strict=True)} == expected
    assert graph.sum() == len(expected)


def test_the_overlap_of_equal_layers_is_the_identity():
    assert np.array_equal(overlap(REGULAR.layers[0], REGULAR.layers[1]).toarray(), np.eye(18))


def test_a_ring_without_sectors_overlaps_every_sector():
    graph = overlap(IRREGULAR.layers[0], IRREGULAR.layers[2]).toarray()
    assert np.array_equal(graph, np.tile(np.eye(3), 4))


def test_eight_cells_touch_an_inner_one():
    table = around(REGULAR)
    middle, axis = table[cell(REGULAR, 2, 1, 0)], table[cell(REGULAR, 2, 0, 0)]
    assert {*middle} == {cell(REGULAR, 2, r, a) for r in range(3) for a in (5, 0, 1)} - {cell(REGULAR, 2, 1, 0)}
    assert {*axis} == {cell(REGULAR, 2, r, a) for r in range(2) for a in (5, 0, 1)} - {cell(REGULAR, 2, 0, 0)} | {-1}


@MESHES
def test_ring_means_are_the_means_of_rings(mesh):
    x = np.random.default_rng(1).normal(size=mesh.n_voxels)
    y = ring_means(mesh) @ x
    for layer in range(mesh.n_layers):
        for ring in range(mesh.layers[layer].n_r):
            chosen = (mesh.layer_of_voxel == layer) & (mesh.ring_of_voxel == ring)
            assert y[chosen] == pytest.approx(x[chosen].mean())


@MESHES
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_sums_over_pairs_against_loops(mesh, direction):
    showers = random_showers(mesh, n=3)
    table = tabulate(showers, STRUCTURE)
    where, columns = places(mesh), STRUCTURE["pair_product"].columns
    x = np.log1p(showers.energy.astype(float) / 0.1)
    y = x - x @ ring_means(mesh).toarray().T
    for distance in (1, 2, 3):
        chosen = [
            p
            for p in combinations(range(mesh.n_voxels), 2)
            if is_pair(mesh, direction, distance, *(where[k] for k in p))
        ]
        column = columns.index(f"{direction} {distance}")
        for row in range(3):
            results = [table[f"pair_{name}"][row, column] for name in PAIR]
            if not chosen:
                assert np.isnan(results).all()
                continue
            first, second = np.array(chosen).T
            assert results[0] == pytest.approx((x[row, first] * x[row, second]).mean())
            assert results[1] == pytest.approx(((x[row, first] > 0) & (x[row, second] > 0)).mean())
            square = (y[row, first] ** 2 + y[row, second] ** 2).sum()
            expected = 2 * (y[row, first] * y[row, second]).sum() / square if square > 1e-9 else np.nan
            assert results[2] == pytest.approx(expected, nan_ok=True)
            assert results[3] == pytest.approx((y[row, first] * y[row, second]).mean())
            assert results[4] == pytest.approx(root_mean_square_difference(x[row, first], x[row, second]), nan_ok=True)


def root_mean_square_difference(first, second):
    both = (first > 0) & (second > 0)
    return np.sqrt(((first - second)[both] ** 2).mean()) if both.any() else np.nan


@MESHES
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_pairs_of_each_ring_against_loops(mesh, direction):
    showers = random_showers(mesh, n=3)
    covariance, difference = (STRUCTURE[f"{direction}_ring_{name}"](showers) for name in ("covariance", "difference"))
    x = np.log1p(showers.energy.astype(float) / 0.1)
    y = x - x @ ring_means(mesh).toarray().T
    pairs_of = np.argwhere(pairs(mesh, direction).toarray())
    for ring in range(covariance.shape[1]):
        first, second = pairs_of[mesh.ring_of_voxel[pairs_of[:, 0]] == ring].T
        for row in range(3):
            expected = (y[row, first] * y[row, second]).mean() if len(first) else np.nan
            assert covariance[row, ring] == pytest.approx(expected, nan_ok=True)
            expected = root_mean_square_difference(x[row, first], x[row, second])
            assert difference[row, ring] == pytest.approx(expected, nan_ok=True)


@MESHES
@pytest.mark.parametrize("kind", ["product", "hits"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_layers_add_up_to_the_mesh(mesh, direction, kind):
    table = tabulate(random_showers(mesh), STRUCTURE)
    counts = np.add.reduceat(pairs(mesh, direction).toarray().sum(axis=1), mesh.layer_starts[:-1])
    layers, whole = table[f"{direction}_pair_{kind}"], table[f"pair_{kind}"][:, DIRECTIONS.index(direction) * 3]
    assert np.array_equal(np.isnan(layers), np.broadcast_to(counts == 0, layers.shape))
    if counts.any():
        assert np.nansum(layers * counts, axis=1) / counts.sum() == pytest.approx(whole)


@MESHES
def test_isolated_hits_and_gaps_against_loops(mesh):
    showers = random_showers(mesh, n=5)
    table, where, hit = tabulate(showers, STRUCTURE), places(mesh), showers.energy > 0
    near = {
        d: [[j for j, b in enumerate(where) if i != j and is_pair(mesh, d, 1, a, b)] for i, a in enumerate(where)]
        for d in DIRECTIONS
    }
    near["all"] = [[j for d in DIRECTIONS for j in near[d][i]] for i in range(mesh.n_voxels)]
    for row, hits in enumerate(hit):
        for column, name in enumerate(("r", "alpha", "depth", "all")):
            count = sum(hits[i] and bool(near[name][i]) and not hits[near[name][i]].any() for i in range(mesh.n_voxels))
            expected = count if any(near[name]) else np.nan
            assert table["isolated_hits"][row, column] == pytest.approx(expected, nan_ok=True)
        alone = [i for i in np.flatnonzero(hits) if near["all"][i] and not hits[near["all"][i]].any()]
        energies = showers.energy[row, alone].astype(float)
        for ring in range(mesh.ring_of_voxel.max() + 1):
            able = [i for i in range(mesh.n_voxels) if mesh.ring_of_voxel[i] == ring and near["all"][i]]
            expected = len({*able} & {*alone}) if able else np.nan
            assert table["ring_isolated_hits"][row, ring] == pytest.approx(expected, nan_ok=True)
        mean, highest = (np.log10(energies).mean(), energies.max()) if alone else (np.nan, np.nan)
        assert table["isolated_log_energy"][row, 0] == pytest.approx(mean, nan_ok=True)
        assert table["isolated_energy"][row, 0] == pytest.approx(highest, nan_ok=True)
        before = [[j for j in near["depth"][i] if where[j][0] < where[i][0]] for i in range(mesh.n_voxels)]
        after = [[j for j in near["depth"][i] if where[j][0] > where[i][0]] for i in range(mesh.n_voxels)]
        count = sum(not hits[i] and hits[before[i]].any() and hits[after[i]].any() for i in range(mesh.n_voxels))
        assert table["gaps"][row, 0] == count


@MESHES
def test_energies_of_the_hits_against_numpy(mesh):
    showers = random_showers(mesh, n=6, share=0.3)
    showers = Showers.perpendicular(
        showers.energy * np.float32([0, 1, 1, 1, 1, 1])[:, None], showers.incident_energy, mesh
    )
    table = tabulate(showers, STRUCTURE)
    places_of = {
        "": np.zeros(mesh.n_voxels, int),
        "layer_": mesh.layer_of_voxel,
        "ring_": mesh.ring_of_voxel,
    }
    for row, energy in enumerate(showers.energy.astype(float)):
        hits = energy[energy > 0]
        expected = np.quantile(hits, QUANTILES, method="lower") if hits.size else np.full(len(QUANTILES), np.nan)
        assert np.array_equal(table["hit_quantile"][row], expected, equal_nan=True)
        for prefix, place in places_of.items():
            for k in range(place.max() + 1):
                u = np.log10(energy[(energy > 0) & (place == k)])
                mean, spread = (u.mean(), u.std()) if u.size else (np.nan, np.nan)
                assert table[f"{prefix}log_energy_mean"][row, k] == pytest.approx(mean, nan_ok=True)
                assert table[f"{prefix}log_energy_spread"][row, k] == pytest.approx(spread, abs=1e-9, nan_ok=True)


def test_hits_of_one_energy_do_not_differ():
    """Rounding of sums of squares is no spread."""
    even = Showers.perpendicular(np.full((1, REGULAR.n_voxels), 0.3, np.float32), np.array([10.0], np.float32), REGULAR)
    assert value("log_energy_spread", even)[0] == 0
    assert value("log_energy_mean", even)[0] == pytest.approx(np.log10(0.3))
    assert np.array_equal(value("pair_difference", even), [0, 0, np.nan, 0, 0, 0, 0, 0, 0], equal_nan=True)


def flooded(energy, near):
    """Clusters of the cells with energy: lists of cells."""
    left, result = {*np.flatnonzero(energy)}, []
    while left:
        cluster, edge = set(), [left.pop()]
        while edge:
            cluster.add(i := edge.pop())
            edge += [j for j in near[i] if j in left]
            left -= {*near[i]}
        result.append(sorted(cluster))
    return result


@MESHES
@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 1.0])
def test_clusters_against_a_flood(mesh, share):
    showers = random_showers(mesh, n=20, share=share)
    table = tabulate(showers, STRUCTURE)
    graph = neighbours(mesh).toarray()
    near = [np.flatnonzero(row).tolist() for row in graph]
    for row, energy in enumerate(showers.energy.astype(float)):
        clusters = flooded(energy, near)
        assert table["clusters"][row, 0] == len(clusters)
        size, largest = max(((len(c), energy[c].sum()) for c in clusters), default=(0, 0.0))
        assert table["largest_cluster"][row, 0] == size
        expected = 1 - largest / energy.sum() if clusters else np.nan
        assert table["outside_largest_cluster"][row, 0] == pytest.approx(expected, abs=1e-6, nan_ok=True)


def best_run(mesh, energy, hit):
    """Longest run and most energy on one, over every run from every hit."""
    where = places(mesh)

    def onwards(i):
        following = [
            j
            for j, b in enumerate(where)
            if b[0] == where[i][0] + 1 and hit[j] and is_pair(mesh, "depth", 1, where[i], b)
        ]
        length, amount = max(map(onwards, following), default=(0, 0.0))
        return length + 1, amount + energy[i]

    return max((onwards(i) for i in np.flatnonzero(hit)), default=(0, 0.0))


@MESHES
def test_tracks_against_every_run(mesh):
    showers = random_showers(mesh, n=8, share=0.35)
    table = tabulate(showers, STRUCTURE)
    plane = neighbours(mesh, ("r", "alpha")).toarray()
    for row, energy in enumerate(showers.energy.astype(float)):
        for name, hit in (("track", energy > 0), ("lone_track", (energy > 0) & (plane @ (energy > 0) == 0))):
            length, amount = best_run(mesh, energy, hit)
            assert table[f"{name}_length"][row, 0] == length
            expected = amount / energy.sum() if energy.any() else np.nan
            assert table[f"{name}_energy"][row, 0] == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_a_line_of_hits():
    """Five hits of 2 MeV one behind the other at one place, with 10 MeV elsewhere in one cell."""
    line = shower(REGULAR, {(layer, 1, 2): 2.0 for layer in range(5)} | {(0, 1, 5): 10.0})
    assert value("track_length", line)[0] == 5
    assert value("lone_track_length", line)[0] == 5
    assert value("track_energy", line)[0] == pytest.approx(0.5)
    assert value("clusters", line).tolist() == [2, 2]
    assert value("largest_cluster", line)[0] == 5
    assert value("outside_largest_cluster", line)[0] == pytest.approx(0.5)
    assert value("isolated_hits", line).tolist() == [6, 6, 1, 1]
    assert value("gaps", line)[0] == 0
    assert value("hottest_neighbours", line)[0] == 0
    assert value("hits_above_maximum_share", line).tolist() == [1, 6, 6, 6]
    depth = STRUCTURE["pair_hits"].columns.index("depth 1")
    assert value("pair_hits", line)[depth : depth + 3] == pytest.approx([4 / 72, 3 / 54, 2 / 36])


def test_a_hole_in_a_line_is_a_gap():
    line = shower(REGULAR, {(layer, 1, 2): 2.0 for layer in (0, 1, 3, 4)})
    assert value("gaps", line)[0] == 1
    assert value("track_length", line)[0] == 2


def test_neighbours_across_the_seam_in_alpha():
    """Sectors 5 and 0 touch; 5 and 1 do not."""
    across, apart = (shower(REGULAR, {(1, 2, 5): 1.0, (1, 2, k): 3.0}) for k in (0, 1))
    assert [value("clusters", s)[0] for s in (across, apart)] == [1, 2]
    assert [value("isolated_hits", s)[1] for s in (across, apart)] == [0, 2]
    assert value("hottest_neighbours", across)[0] == pytest.approx(1 / 3)


def test_without_sectors_and_without_neighbours_is_undefined():
    one = shower(LINES, {(0, 0, 0): 1.0, (1, 0, 0): 1.0})
    assert np.isnan(value("pair_product", one)[:6]).all()
    assert np.isfinite(value("pair_product", one)[6:]).all()
    assert np.isnan(value("pair_correlation", one)).all()
    assert np.isnan(value("isolated_hits", one)[:2]).all()
    for name in ("hottest_neighbours", "axis_spread", "axis_tilt", "axis_step", "axis_cosine"):
        assert np.isnan(value(name, one)).all(), name
    flat = Binning((Layer(0, RADII, 4),), "one layer")
    single = shower(flat, {(0, 0, 0): 1.0})
    assert np.isnan(value("gaps", single)).all()
    assert np.isnan(value("isolated_hits", single)[2])


def test_nothing_is_counted_in_an_empty_shower():
    nothing = shower(REGULAR, {})
    for name, o in STRUCTURE.items():
        values = o(nothing)
        is_count = "hits" in name or name in ("gaps", "clusters", "largest_cluster") or name.endswith("_length")
        assert np.isnan(values).all() != (is_count or name.endswith(("_product", "_covariance"))), name


def test_cells_of_a_constant_shower_do_not_correlate():
    """Every ring even: nothing varies within rings."""
    even = Showers.perpendicular(np.full((1, REGULAR.n_voxels), 0.3, np.float32), np.array([10.0], np.float32), REGULAR)
    assert np.isnan(value("pair_correlation", even)).all()
    expected = np.full(9, np.log1p(3.0) ** 2)
    expected[2] = np.nan  # three rings have no two that are three apart
    assert value("pair_product", even) == pytest.approx(expected, rel=1e-5, nan_ok=True)


def test_a_pattern_repeated_in_every_layer_correlates_fully():
    pattern = np.random.default_rng(2).gamma(1.0, 1.0, 18)
    energy = np.tile(pattern, 5).astype(np.float32)[None]
    same = Showers.perpendicular(energy, np.array([10.0], np.float32), REGULAR)
    assert value("pair_correlation", same)[6:] == pytest.approx(1)
    assert value("depth_pair_correlation", same)[:4] == pytest.approx(1)
    assert np.isnan(value("depth_pair_correlation", same)[4])


def test_a_ring_that_alternates_has_correlations_of_plus_and_minus_one():
    even = shower(REGULAR, {(0, 1, k): 1.0 for k in (0, 2, 4)})
    assert value("pair_correlation", even)[3:6] == pytest.approx([-1, 1, -1])


def test_a_straight_axis_has_no_spread():
    """Centroids at 7.5 mm in every layer, then one at the opposite side."""
    straight = {(layer, 1, 2): float(layer + 1) for layer in range(5)}
    line = shower(REGULAR, straight)
    assert value("axis_spread", line)[0] == pytest.approx(0, abs=1e-4)
    assert value("axis_tilt", line)[0] == pytest.approx(0, abs=1e-6)
    assert value("axis_cosine", line)[0] == pytest.approx(1)
    assert value("axis_step", line)[0] == pytest.approx(0, abs=1e-5)
    two = shower(REGULAR, {(0, 1, 2): 1.0, (1, 1, 5): 1.0})
    assert value("axis_step", two)[0] == pytest.approx(15)
    assert value("axis_cosine", two)[0] == pytest.approx(-1)
    assert value("axis_tilt", two)[0] == pytest.approx(1.5)
    assert np.isnan(value("axis_spread", two)[0])
    bent = shower(REGULAR, {(0, 1, 2): 1.0, (1, 1, 5): 1.0, (2, 1, 2): 1.0})
    assert value("axis_spread", bent)[0] == pytest.approx(np.sqrt(2 * 5**2 / 3 + 10**2 / 3), rel=1e-5)


@pytest.mark.parametrize("move", ["turn", "mirror"])
def test_symmetries_of_the_mesh(move):
    showers = random_showers(REGULAR)
    cells = showers.energy.reshape(len(showers), 5, 6, 3)
    moved = np.roll(cells, 2, axis=2) if move == "turn" else cells[:, :, ::-1]
    images = Showers.perpendicular(
        np.ascontiguousarray(moved).reshape(len(showers), -1), showers.incident_energy, REGULAR
    )
    first, second = tabulate(showers, STRUCTURE), tabulate(images, STRUCTURE)
    for name in STRUCTURE:
        assert second[name] == pytest.approx(first[name], rel=1e-5, abs=1e-5, nan_ok=True), name


@MESHES
def test_one_shower_at_a_time_gives_the_same(mesh):
    """Blocks and batches leave no trace."""
    showers = random_showers(mesh, n=7)
    whole, single = tabulate(showers, STRUCTURE), tabulate(showers, STRUCTURE, batch=1)
    for name in STRUCTURE:
        assert single[name] == pytest.approx(whole[name], rel=1e-6, abs=1e-6, nan_ok=True), name


def test_names_are_new_and_proper():
    assert not STRUCTURE.keys() & STANDARD.keys()
    assert OBSERVABLES.keys() >= STRUCTURE.keys()
    assert all(name.isidentifier() and name == o.name for name, o in STRUCTURE.items())
