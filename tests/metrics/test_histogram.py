"""Histograms that lose nothing."""

import numpy as np
import pytest

from caloforge.metrics.histogram import bin_numbers, contents

EDGES = np.array([0.0, 1.0, 3.0])


def test_every_value_has_a_bin():
    values = np.array([-np.inf, -0.1, 0.0, 0.99, 1.0, 2.9, 3.0, np.inf, np.nan])
    assert bin_numbers(values, EDGES).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4]


def test_contents_add_to_the_whole():
    rng = np.random.default_rng(0)
    values = np.where(rng.random(500) < 0.1, np.nan, rng.normal(1, 2, 500))
    weights = rng.exponential(size=500)
    assert contents(values, EDGES).sum() == 500
    assert contents(values, EDGES, weights).sum() == pytest.approx(weights.sum())
    assert contents(values, EDGES)[-1] == np.isnan(values).sum()


def test_weights_are_counted_as_repeated_values():
    values, times = np.array([-1.0, 0.5, 2.0, 2.5, np.nan]), np.array([3, 1, 2, 0, 4])
    repeated = contents(np.repeat(values, times), EDGES)
    assert contents(values, EDGES, times.astype(float)).tolist() == repeated.tolist() == [3, 1, 2, 0, 4]


@pytest.mark.parametrize("weights", [None, np.array([0.5])])
def test_empty_bins_are_there_too(weights):
    for value, place in ((-1.0, 0), (0.5, 1), (2.0, 2), (9.0, 3), (np.nan, 4)):
        expected = np.zeros(5)
        expected[place] = 1.0 if weights is None else 0.5
        assert contents(np.array([value]), EDGES, weights).tolist() == expected.tolist()
