"""Each spoil keeps what it promises to keep, and boosted trees on all observables notice what it destroys."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from caloforge.classifiers.auc import FAST, classify
from caloforge.classifiers.trees import TreeSettings, boosted, observed
from caloforge.data.bundled import showers_path
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.errors import BadValue, BinningMismatch, EmptySample
from caloforge.geometry.binning import Binning, Layer
from caloforge.physics.observables import tabulate
from caloforge.physics.structure import STRUCTURE
from caloforge.validation import spoils
from caloforge.validation.mixing import foreign_spoils, mix_cells, mix_showers
from caloforge.validation.spoils import SPOILS

NO_ALPHA = ("total_energy", "layer_energy", "layer_hits", "radial_profile", "centre_r", "width_r", "hottest_energy")
ALONG_ALPHA = ("alpha_pair_product", "alpha_pair_hits", "r_pair_product", "r_pair_correlation", "hottest_neighbours")


@cache
def bundled():
    with ShowerFile(showers_path("bundled")) as file:
        return file.read()


@cache
def unspoiled():
    return observed(bundled()[:700])


def auc_of(spoil):
    judged = observed(spoil(bundled()[700:1400], 1))
    return classify(unspoiled(), judged, 1, replace(FAST, folds=3), procedure=boosted(TreeSettings(trees=40))).auc


def ring_of_each_cell(binning):
    return binning.layer_of_voxel * 1000 + binning.ring_of_voxel


def same(names, first, second, observables=None):
    tables = [tabulate(s) if observables is None else tabulate(s, observables) for s in (first, second)]
    for name in names:
        assert tables[1][name] == pytest.approx(tables[0][name], rel=1e-4, abs=1e-4, nan_ok=True), name


@pytest.mark.parametrize("name", [*SPOILS, "1 % other showers", "5 % other cells"])
def test_a_spoil_is_a_function_of_showers_and_seed(name):
    showers = bundled()[:200]
    spoil = {**SPOILS, **foreign_spoils(bundled()[200:400])}[name]
    first, again = spoil(showers, 3), spoil(showers, 3)
    assert np.array_equal(first.energy, again.energy)
    assert len(first) == len(showers)
    assert np.array_equal(first.pdg, showers.pdg)
    if name != "1 % other showers":
        assert np.array_equal(first.incident_energy, showers.incident_energy)
    assert np.array_equal(first.energy, showers.energy) == (name == "nothing")


def test_response_moves_by_what_is_said_and_nothing_else(showers):
    spoiled = spoils.change_response(showers, 1, 0.02)
    assert spoiled.total_energy == pytest.approx(1.02 * showers.total_energy, rel=1e-5)
    same(("longitudinal_profile", "layer_hits", "hottest_share", "centre_z"), showers, spoiled)


def test_resolution_widens_about_the_same_mean():
    """Within a group of like showers the deviations of the response grow by 30 %, their mean stays."""
    nearest = np.argsort(np.abs(bundled().incident_energy - 5e4))[:20]
    showers = bundled()[nearest]
    spoiled = spoils.widen_resolution(showers, 1, 0.3)
    first, second = (s.total_energy / s.incident_energy for s in (showers, spoiled))
    assert second - first.mean() == pytest.approx(1.3 * (first - first.mean()), rel=1e-3, abs=1e-6)
    same(("longitudinal_profile", "hottest_share"), showers, spoiled)


def test_smearing_keeps_hits_and_means():
    showers = bundled()[:500]
    spoiled = spoils.smear_cells(showers, 1, 0.1)
    assert np.array_equal(spoiled.energy > 0, showers.energy > 0)
    hit = showers.energy > 0
    factor = np.log(spoiled.energy[hit].astype(float) / showers.energy[hit])
    error = 0.1 / np.sqrt(hit.sum())
    assert factor.mean() == pytest.approx(-(0.1**2) / 2, abs=5 * error)
    assert factor.std() == pytest.approx(0.1, abs=5 * error)


def test_swapped_twice_is_as_before(showers):
    once = spoils.swap_layers(showers, 1, 0)
    assert np.array_equal(spoils.swap_layers(once, 1, 0).energy, showers.energy)
    assert np.array_equal(once.layer_energy[:, [1, 0, 2]], showers.layer_energy)


@pytest.mark.parametrize("first", [1, 2])
def test_layers_of_other_cells_are_not_swapped(showers, first):
    with pytest.raises(BadValue, match="same cells"):
        spoils.swap_layers(showers, 1, first)


@pytest.mark.parametrize("spoil", [spoils.smear_axis, spoils.break_tracks, spoils.shuffle_sectors])
def test_what_does_not_ask_for_alpha_stays_shower_by_shower(spoil):
    showers = bundled()[:200]
    spoiled = spoil(showers, 1)
    same(NO_ALPHA, showers, spoiled)
    rings = ring_of_each_cell(showers.binning)
    order = [np.lexsort((s.energy[7], rings)) for s in (showers, spoiled)]
    assert np.array_equal(showers.energy[7][order[0]], spoiled.energy[7][order[1]])


@pytest.mark.parametrize("spoil", [spoils.smear_axis, spoils.break_tracks])
def test_turned_layers_keep_their_neighbours_within(spoil):
    showers = bundled()[:200]
    same(ALONG_ALPHA, showers, spoil(showers, 1), STRUCTURE)


def test_tracks_break_at_one_place_of_each_shower():
    """One pair of consecutive layers at most changes what it knows of the other."""
    showers = bundled()[:200]
    first, second = (
        tabulate(s, {"d": STRUCTURE["depth_pair_product"]})["d"] for s in (showers, spoils.break_tracks(showers, 1))
    )
    changed = (np.abs(first - second) > 1e-6).sum(axis=1)
    assert changed.max() == 1


def test_shuffled_cells_are_those_of_their_ring_and_group():
    """At one incident energy: every ring holds the same energies before and after."""
    n, binning = 20, bundled().binning
    showers = Showers.perpendicular(bundled().energy[:n], np.full(n, 5e4, np.float32), binning)
    spoiled = spoils.shuffle_cells(showers, 1)
    rings = ring_of_each_cell(binning)
    for ring in np.unique(rings):
        cells = [np.sort(s.energy[:, rings == ring], axis=None) for s in (showers, spoiled)]
        assert np.array_equal(*cells)


def test_redrawn_cells_hold_what_the_cell_held_before():
    showers = bundled()[:400]
    spoiled = spoils.redraw_cells(showers, 1)
    for cell in range(0, showers.binning.n_voxels, 97):
        assert np.isin(spoiled.energy[:, cell], showers.energy[:, cell]).all()
    occupancy = [(s.energy > 0).mean() for s in (showers, spoiled)]
    assert occupancy[1] == pytest.approx(occupancy[0], abs=5 * 0.5 / np.sqrt(showers.energy.size))


def test_mixed_showers_are_so_many_and_of_nearest_energy():
    showers, others = bundled()[:300], bundled()[300:1300]
    spoiled = mix_showers(showers, 1, others, 0.1)
    moved = np.flatnonzero((spoiled.energy != showers.energy).any(axis=1))
    assert len(moved) == 30
    assert np.isin(spoiled.incident_energy[moved], others.incident_energy).all()
    for row in moved:
        away = np.abs(np.log(others.incident_energy / showers.incident_energy[row]))
        assert abs(np.log(spoiled.incident_energy[row] / showers.incident_energy[row])) == pytest.approx(away.min())


def test_mixed_cells_are_a_share_and_come_from_one_other_shower():
    showers = bundled()[:300]
    other = bundled()[300:301]
    spoiled = mix_cells(showers, 1, other, 0.2)
    taken = spoiled.energy != showers.energy
    assert (spoiled.energy[taken] == np.broadcast_to(other.energy, taken.shape)[taken]).all()
    differing = showers.energy != other.energy
    share = taken.sum() / differing.sum()
    assert share == pytest.approx(0.2, abs=5 * np.sqrt(0.16 / differing.sum()))


def test_others_must_share_the_mesh_and_exist(showers):
    with pytest.raises(BinningMismatch):
        mix_showers(bundled()[:10], 1, showers)
    with pytest.raises(EmptySample):
        mix_cells(showers, 1, showers[:0])


def test_a_mesh_of_one_cell_a_layer_has_nothing_to_turn():
    mesh = Binning(tuple(Layer(i, (0.0, 5.0), 1) for i in range(3)))
    showers = Showers.perpendicular(np.ones((4, 3), np.float32), np.full(4, 10.0, np.float32), mesh)
    for spoil in (spoils.smear_axis, spoils.break_tracks, spoils.shuffle_sectors):
        assert np.array_equal(spoil(showers, 1).energy, showers.energy)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["layers swapped", "axis smeared", "sectors shuffled", "cells shuffled", "cells redrawn"]
)
def test_boosted_trees_see_it_at_700_showers(name):
    auc = auc_of(SPOILS[name])
    assert auc.value - 0.5 > 4 * auc.error


@pytest.mark.slow
def test_boosted_trees_see_nothing_where_nothing_was_spoiled():
    auc = auc_of(SPOILS["nothing"])
    assert abs(auc.value - 0.5) < 3 * auc.error


@pytest.mark.slow
def test_independent_cells_pass_every_look_at_one_cell_and_fail_the_correlations():
    """Each cell keeps its own distribution; neighbours along r and the depth lose what they know of each other."""
    showers = bundled()[:2000]
    spoiled = spoils.shuffle_sectors(showers, 1)
    same(NO_ALPHA, showers, spoiled)
    first, second = (tabulate(s, {"c": STRUCTURE["pair_correlation"]})["c"] for s in (showers, spoiled))
    columns = STRUCTURE["pair_correlation"].columns
    for name in ("r 1", "depth 1"):
        truth, independent = (table[:, columns.index(name)] for table in (first, second))
        assert abs(np.nanmean(independent)) < 5 * np.nanstd(independent) / np.sqrt(len(independent))
        assert np.nanmean(truth) > 20 * np.nanstd(truth) / np.sqrt(len(truth))
