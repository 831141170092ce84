"""Freak showers from file to page: what is shown of them, and what is left as if they were not there."""

from dataclasses import replace

import numpy as np
import pytest

from caloforge.classifiers.protocol import STANDARD
from caloforge.data.showers import Showers
from caloforge.physics.observables import select
from caloforge.validation.figures.lineup import Lineup
from caloforge.validation.multivariate import freaks, multivariate, without
from caloforge.validation.outside import freaks_text
from caloforge.validation.sample import read_rows, read_sample

CHOSEN = select(["response", "layer_energy", "hits", "centre_z", "mean_r", "hottest_share"])
ROWS = [3, 77, 251]


def concentrated(showers: Showers) -> Showers:
    """At these rows all energy in one outer cell of the last layer."""
    energy = showers.energy.copy()
    total = energy[ROWS].sum(axis=1)
    energy[ROWS] = 0
    energy[ROWS, -1] = total
    return replace(showers, energy=energy)


@pytest.fixture(scope="module")
def samples(halves):
    generated = concentrated(halves[1])
    return read_sample(halves[0], CHOSEN, keep=100), read_sample(generated, CHOSEN, keep=100), generated


def test_showers_in_one_cell_are_named_and_shown_and_left_out_of_the_mean(samples, halves):
    truth, generated, showers = samples
    outside = freaks(CHOSEN, truth, generated, 1)
    assert sorted(outside.rows) == ROWS
    cells = read_rows(showers, outside.rows, generated)
    np.testing.assert_array_equal(cells.energy, showers.energy[outside.rows])
    lineup = Lineup(truth, {"generated": generated}, np.array([1e3, 1e5]), {"generated": cells})
    others = np.delete(showers.energy, ROWS, axis=0)
    np.testing.assert_allclose(lineup.means[1], others.mean(axis=0, dtype=float), rtol=1e-5, atol=1e-6)
    assert lineup.means[0] is truth.mean_cells
    page = freaks_text(outside, truth.binning)
    assert all(f"{row}" in page for row in ROWS)
    assert "3 of 1,500" in page


def test_rows_that_were_kept_are_not_read_again(halves):
    sample = read_sample(halves[0], CHOSEN, keep=2000)
    rows = np.array([5, 2, 599])
    nothing = halves[0][:0]
    np.testing.assert_array_equal(read_rows(nothing, rows, sample).energy, halves[0].energy[rows])


def test_too_few_showers_cannot_tell(samples):
    truth, generated, _ = samples
    assert freaks(CHOSEN, truth.thinned(np.arange(150)), generated, 1) is None
    assert freaks(select(["voxel_energy"]), truth, generated, 1) is None
    assert "Too few showers" in freaks_text(None, truth.binning)


def test_moments_are_those_of_ordinary_showers(samples):
    """FPD of a truth in which three showers are freaks: with them far above its floor, without them at it."""
    truth, generated, _ = samples
    with_freaks, without_them = (
        multivariate(CHOSEN, truth, generated, STANDARD, np.array(rows, int), 1)["fpd"] for rows in ([], ROWS)
    )
    assert with_freaks.value > 10 * abs(without_them.value)
    assert abs(without_them.significance) < 4
    assert (without(0), without(1), without(3)) == ("", "without 1 freak", "without 3 freaks")
