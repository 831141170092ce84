"""What every metric is quoted by, in closed form."""

import math

import numpy as np
import pytest

from caloforge.errors import EmptySample
from caloforge.metrics.measured import Measured, need_showers, standard_error, summarise


def test_standard_error_of_a_mean():
    """-3, -1, 1, 3: variance 20/3, so the mean of four is known to sqrt(20/3)/2; twice as many copies know more."""
    values = np.array([-3.0, -1.0, 1.0, 3.0])
    assert standard_error(values) == pytest.approx(math.sqrt(20 / 3) / 2)
    assert standard_error(values + 1e3) == pytest.approx(math.sqrt(20 / 3) / 2)
    assert standard_error(np.tile(values, 4)) == pytest.approx(math.sqrt(80 / 15) / 4)


def test_standard_error_is_the_scatter_of_means():
    """2,000 means of 25 normal values scatter by 1/5, and the mean square of their standard errors is 1/25."""
    samples = np.random.default_rng(0).normal(size=(2000, 25))
    errors = np.array([standard_error(sample) for sample in samples])
    assert samples.mean(axis=1).std() == pytest.approx(0.2, rel=5 / math.sqrt(2 * 2000))
    assert (errors**2).mean() == pytest.approx(0.04, rel=5 * math.sqrt(2 / 24 / 2000))


def test_significance_counts_the_spread_of_the_floor():
    assert Measured(0.5, 99.0, 0.2, 0.1).significance == pytest.approx(3)
    assert Measured(0.1, 99.0, 0.2, 0.1).significance == pytest.approx(-1)
    assert Measured(0.2, 0.0, 0.2, 0.0).significance == 0
    assert Measured(1.2, 0.0, 0.2, 0.0).significance == pytest.approx(1e12)


def test_summary_of_columns_by_hand():
    """The mean over the columns is taken draw by draw, so that columns that move together keep their error."""
    values = np.array([1.0, 3.0])
    draws = np.array([[0.0, 0.0], [2.0, 2.0], [4.0, 4.0]])  # together
    null = np.array([[0.0, 2.0], [1.0, 1.0], [2.0, 0.0]])  # against each other
    mean, columns = summarise(values, draws, null)
    assert mean == Measured(2.0, 2.0, 1.0, 0.0)
    assert columns == (Measured(1.0, 2.0, 1.0, 1.0), Measured(3.0, 2.0, 1.0, 1.0))
    mean, columns = summarise(values, null, draws)
    assert mean == Measured(2.0, 0.0, 2.0, 2.0)
    assert columns == (Measured(1.0, 1.0, 2.0, 2.0), Measured(3.0, 1.0, 2.0, 2.0))


@pytest.mark.parametrize(("n", "m", "fewest"), [(0, 5, 1), (5, 0, 1), (3, 4, 4), (4, 3, 4)])
def test_too_few_showers_in_either_sample_are_refused(n, m, fewest):
    with pytest.raises(EmptySample, match=f"a test needs at least {fewest} showers.*got {n} and {m}"):
        need_showers(n, m, fewest, "a test")


def test_just_enough_showers_are_taken():
    need_showers(1, 1)
    need_showers(4, 4, 4)
    with pytest.raises(EmptySample, match="a comparison needs at least 1 "):
        need_showers(0, 1)


def test_a_metric_as_plain_numbers():
    assert Measured(1.0, 2.0, 3.0, 4.0).to_dict() == {"value": 1.0, "error": 2.0, "floor": 3.0, "floor_spread": 4.0}
