"""Ids: one for a shower whatever the precision of the copy, different ones for different showers, evenly spread."""

import numpy as np
import pytest
from scipy.stats import chisquare

from caloforge.data.ids import SURE_CELLS, shower_ids
from caloforge.data.writer import trim_mantissa


@pytest.fixture(scope="module")
def cells():
    """20,000 rows of 360 cells, energies over three decades, half of the cells hit: all at one incident energy."""
    rng = np.random.default_rng(11)
    energy = np.exp(rng.normal(0, 1.5, (20_000, 360))) * (rng.random((20_000, 360)) < 0.5)
    return energy.astype(np.float32)


@pytest.fixture(scope="module")
def incident(cells):
    return np.full(len(cells), 1e4)


def test_the_copy_in_another_type_order_or_block_has_the_same_ids(cells, incident):
    ids = shower_ids(cells, incident)
    np.testing.assert_array_equal(shower_ids(cells.astype(np.float64), incident.astype(np.float32)), ids)
    np.testing.assert_array_equal(shower_ids(np.asfortranarray(cells), incident), ids)
    np.testing.assert_array_equal(shower_ids(cells[::-7], incident[::-7]), ids[::-7])
    np.testing.assert_array_equal(shower_ids(cells[1:2], incident[1:2]), ids[1:2])
    assert shower_ids(cells[:0], incident[:0]).shape == (0,)


@pytest.mark.parametrize(("bits", "share"), [(8, 0.03), (11, 0.005), (15, 0.001), (23, 0.0)])
def test_a_trimmed_copy_keeps_its_id(cells, incident, bits, share):
    """What the module says of a sample, with half as much again for its scatter."""
    changed = shower_ids(trim_mantissa(cells, bits), incident) != shower_ids(cells, incident)
    assert changed.mean() <= share


def test_different_showers_have_different_ids(cells, incident):
    assert len(np.unique(shower_ids(cells, incident))) == len(cells)
    full = np.maximum(cells, np.float32(1e-3))  # no cell without energy: only the energies tell
    assert len(np.unique(shower_ids(full, incident))) == len(full)


def test_incident_energy_each_cell_hit_and_each_group_of_energies_count(cells, incident):
    ids = shower_ids(cells[:1], incident[:1])
    assert shower_ids(cells[:1], incident[:1] * (1 + 1e-6)) != ids
    for cell in range(cells.shape[1]):
        change = cells[:1].copy()
        change[0, cell] = 0.0 if change[0, cell] else 1.0
        assert shower_ids(change, incident[:1]) != ids
        brighter = cells[:1].copy()
        brighter[0, cell] *= 2**12
        assert brighter[0, cell] == 0 or shower_ids(brighter, incident[:1]) != ids


def test_showers_of_few_cells_are_told_apart_from_the_sure_number_on():
    """Cells of one ring over all layers, as of a muon: same cells hit, same incident energy."""
    rng = np.random.default_rng(5)
    for n_hit in (SURE_CELLS, 15):
        energy = np.zeros((5000, 1080), np.float32)
        energy[np.arange(5000)[:, None], 72 * rng.permuted(np.tile(np.arange(15), (5000, 1)), axis=1)[:, :n_hit]] = (
            rng.exponential(1, (5000, n_hit))
        )
        assert len(np.unique(shower_ids(energy, np.full(5000, 1e3)))) == 5000


def test_ids_are_spread_evenly(cells, incident):
    """In their first bits, which the splits use, and in their last."""
    ids = shower_ids(cells, incident)
    for bits in (ids >> np.uint64(57), ids & np.uint64(127)):
        assert chisquare(np.bincount(bits.astype(int), minlength=128)).pvalue > 1e-4


def test_a_fixed_id_does_not_change_with_the_release():
    """Files of weights and run folders store ids."""
    energy = np.arange(60, dtype=np.float32).reshape(2, 30)
    assert shower_ids(energy, np.array([1e3, 2e3])).tolist() == [
        11883156571096771139,
        8632588751764468661,
    ]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (5, 10516602362553441131),
        (23, 17030492752347267724),
        (369, 7045564754787767620),
        (1080, 5666938184266756280),
        (6481, 8170338302837543919),
    ],
)
def test_fixed_ids_of_meshes_of_any_size(cells, expected):
    """Fewer cells than groups, as many, and numbers that no block of columns divides."""
    place = np.arange(cells)
    energy = (place * 7919 % 1013 * (place % 3 > 0)).astype(np.float32)[None]
    assert shower_ids(energy, np.array([1e3])).tolist() == [expected]
