"""The network on cells: the symmetry of the mesh, its neighbours, and what it sees of few showers."""

from dataclasses import replace

import numpy as np
import pytest

from caloforge.classifiers.auc import FAST, classify
from caloforge.classifiers.features import low
from caloforge.classifiers.mesh_network import KERNELS, _Kernels, mesh_sums
from caloforge.classifiers.ridge import ridge
from caloforge.data.showers import Showers
from caloforge.geometry.binning import Binning, Layer
from caloforge.preprocessing.symmetry import AxialSymmetry
from caloforge.validation.spoils import shuffle_sectors

RINGS = (0.0, 5.0, 10.0, 20.0)
REGULAR = Binning(tuple(Layer(i, RINGS, 8) for i in range(4)))
IRREGULAR = Binning((Layer(0, RINGS, 1), Layer(1, (0.0, 7.0, 20.0), 8), Layer(2, RINGS, 4), Layer(5, (0.0, 30.0), 1)))


def random_showers(binning, n, seed=0):
    """Cells that are hit at random, each for itself."""
    rng = np.random.default_rng(seed)
    energy = rng.exponential(1.0, (n, binning.n_voxels)) * (rng.random((n, binning.n_voxels)) < 0.4)
    return Showers.perpendicular(energy.astype(np.float32), rng.uniform(1e3, 1e5, n).astype(np.float32), binning)


def sums(showers):
    return mesh_sums(showers).values[:, -2 * KERNELS :]


def single_hits(binning, *cells):
    """One shower with 1 MeV in each of these cells."""
    energy = np.zeros((1, binning.n_voxels), np.float32)
    energy[0, list(cells)] = 1.0
    return sums(Showers.perpendicular(energy, np.full(1, 1e4, np.float32), binning))


@pytest.mark.parametrize("binning", [REGULAR, IRREGULAR])
def test_turns_by_a_sector_and_mirror_images_change_nothing(binning):
    showers = random_showers(binning, 2)
    images = AxialSymmetry(binning).permutations.numpy()
    assert len(images) == 2 * (8 if binning is REGULAR else 4)
    for image in images:
        turned = replace(showers, energy=showers.energy[:, image])
        assert sums(turned) == pytest.approx(sums(showers), rel=1e-5)


def test_inclined_showers_turn_with_their_particle():
    showers = random_showers(REGULAR, 10)
    n = len(showers)
    inclined = replace(showers, theta=np.full(n, 0.5), phi=np.full(n, 0.3))
    image = AxialSymmetry(REGULAR).permutations.numpy()[2]  # by one sector, without a mirror
    turned = replace(inclined, energy=showers.energy[:, image])
    assert sums(replace(turned, phi=np.full(n, 0.3 + np.pi / 4))) == pytest.approx(sums(inclined), rel=1e-4)
    assert np.abs(sums(turned) - sums(inclined)).max() > 0.01


def test_sectors_close_to_a_ring():
    first, second, third, last = (sector * 3 for sector in (0, 1, 2, 7))  # the inner ring of the first layer
    assert single_hits(REGULAR, first, last) == pytest.approx(single_hits(REGULAR, first, second), rel=1e-6)
    assert np.abs(single_hits(REGULAR, first, third) - single_hits(REGULAR, first, second)).max() > 0.1


def test_the_ends_of_radius_and_depth_do_not_meet():
    """Inner and outer ring, or first and last layer, are no neighbours: the sums are those of both hits alone."""
    for cells in ((0, 2), (0, 3 * 24)):
        both, *alone = (np.expm1(single_hits(REGULAR, *some)) for some in (cells, cells[:1], cells[1:]))
        assert both == pytest.approx(alone[0] + alone[1], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("binning", [REGULAR, IRREGULAR])
def test_sums_are_those_of_the_formula(binning):
    """Neighbours counted by hand from the edges of the cells, one shower, one hit after the other."""
    showers = random_showers(binning, 1)
    energy, kernels = showers.energy[0].astype(float), _Kernels.drawn()
    hit = energy > 0
    z = np.where(hit, (np.log1p(energy / 0.1) - 2.2) / 1.3, 0)
    layer, ring, sector = binning.layer_of_voxel, binning.ring_of_voxel, binning.sector_of_voxel
    low_r, high_r = (
        np.array([binning.layers[a].r_edges[b + i] for a, b in zip(layer, ring, strict=True)]) for i in (0, 1)
    )
    n_alpha = np.array([binning.layers[a].n_alpha for a in layer])
    start, end = sector / n_alpha, (sector + 1) / n_alpha
    total = np.zeros((KERNELS, 2))
    for i in np.flatnonzero(hit):
        same_layer = layer == layer[i]
        same_ring = same_layer & (ring == ring[i])
        step = (sector - sector[i]) % n_alpha[i]
        over = np.minimum(high_r, high_r[i]) - np.maximum(low_r, low_r[i]) > 1e-4
        over &= np.minimum(end, end[i]) - np.maximum(start, start[i]) > 1e-9
        directions = (
            same_layer & (sector == sector[i]) & (ring == ring[i] + 1),
            same_layer & (sector == sector[i]) & (ring == ring[i] - 1),
            same_ring & ((step == 1) | (step == n_alpha[i] - 1)) & (step != 0),
            over & (layer == layer[i] + 1),
            over & (layer == layer[i] - 1),
        )
        means = [[x[d].mean() if d.any() else 0.0 for d in directions] for x in (z, hit)]
        rings = binning.layers[layer[i]].n_r
        place = [2 * layer[i] / (binning.n_layers - 1) - 1, 2 * ring[i] / (rings - 1) - 1 if rings > 1 else 0.0, 0.0]
        answer = np.maximum(
            kernels.weights @ np.array([z[i], *means[0], *means[1], *place]) - kernels.thresholds[:, 0], 0
        )
        total += np.stack([answer, answer**2], axis=1)
    assert sums(showers)[0] == pytest.approx(np.log1p(total.T.reshape(-1)), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("layer", [Layer(0, RINGS, 8), Layer(0, (0.0, 5.0), 8), Layer(0, RINGS, 1)])
def test_one_layer_one_ring_no_sectors(layer):
    """Without neighbours in a direction the others go on; a second hit next to the first is seen wherever it can be."""
    binning = Binning((layer,))
    apart = [np.expm1(single_hits(binning, i)) for i in (0, 1)]
    assert np.abs(np.expm1(single_hits(binning, 0, 1)) - apart[0] - apart[1]).max() > 0.1
    assert np.isfinite(single_hits(binning, *range(binning.n_voxels))).all()


def test_a_single_cell():
    showers = random_showers(Binning((Layer(0, (0.0, 5.0), 1),)), 300)
    brighter = replace(showers, energy=3 * showers.energy)
    area = classify(mesh_sums(showers), mesh_sums(brighter), 1, procedure=ridge).auc
    assert area.value > 0.5 + 3 * area.error


def test_showers_without_hits_and_blocks_of_showers():
    showers = random_showers(REGULAR, 40)
    energy = showers.energy.copy()
    energy[[0, 20, 39]] = 0
    features = sums(replace(showers, energy=energy))
    assert not features[[0, 20, 39]].any()
    assert np.array_equal(features[1:20], sums(replace(showers[1:20], energy=energy[1:20])))


def test_neighbours_that_know_of_each_other_are_seen_where_a_perceptron_sees_nothing():
    """Half of the sectors of each ring, side by side and anywhere; in the other class the same cells in any order."""
    rng = np.random.default_rng(1)
    first = rng.integers(8, size=(400, 4, 1, 3))
    lit = (np.arange(8)[:, None] - first) % 8 < 4
    energy = (lit * rng.exponential(1.0, lit.shape)).reshape(400, -1).astype(np.float32)
    showers = Showers.perpendicular(energy, rng.uniform(1e3, 1e5, 400).astype(np.float32), REGULAR)
    truth, shuffled = showers[:200], shuffle_sectors(showers[200:], 1)
    assert classify(mesh_sums(truth), mesh_sums(shuffled), 1, procedure=ridge).auc.value > 0.95
    blind = classify(low(truth), low(shuffled), 1, replace(FAST, epochs=4, hidden=16)).auc
    assert abs(blind.value - 0.5) < 3 * blind.error
