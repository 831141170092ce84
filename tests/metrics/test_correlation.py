import numpy as np
import pytest

from caloforge.errors import BadValue, EmptySample
from caloforge.metrics.correlation import correlation_distance, correlation_matrix, measure_correlation_distance


def gaussians(rng, rho, n):
    return rng.multivariate_normal([3, 40], [[4, 2 * rho * 5], [2 * rho * 5, 25]], n)


def test_matrix_is_that_of_numpy():
    x = np.random.default_rng(0).normal(size=(200, 4)) @ np.random.default_rng(1).normal(size=(4, 4)) + 1e3
    assert correlation_matrix(x) == pytest.approx(np.corrcoef(x.T), abs=1e-9)


def test_constant_and_undefined_columns():
    x = np.random.default_rng(0).normal(size=(100, 3))
    x[:, 1] = 0.1
    x[::3, 2] = np.nan
    c = correlation_matrix(x)
    assert np.isfinite(c).all()
    assert c[0, 1] == 0
    assert c.diagonal() == pytest.approx(1)


def test_known_distance():
    """Correlation 0.8 against 0.3: distance 0.5; the scatter of r is (1 - rho^2)/sqrt(n)."""
    rng = np.random.default_rng(2)
    found = measure_correlation_distance(gaussians(rng, 0.8, 4000), gaussians(rng, 0.3, 4000), rng, repeats=100)
    expected_error = np.hypot(1 - 0.8**2, 1 - 0.3**2) / np.sqrt(4000)
    assert abs(found.value - 0.5) < 4 * expected_error
    assert found.error == pytest.approx(expected_error, rel=0.3)
    assert found.significance > 30


def test_floor_in_closed_form():
    """Uncorrelated features: the mean square of the difference is 1/n + 1/m."""
    rng = np.random.default_rng(3)
    found = measure_correlation_distance(rng.normal(size=(1000, 30)), rng.normal(size=(500, 30)), rng)
    assert found.floor == pytest.approx(np.sqrt(1 / 1000 + 1 / 500), rel=0.05)
    assert abs(found.significance) < 4


def test_seen_where_every_single_distribution_agrees():
    rng = np.random.default_rng(4)
    truth = gaussians(rng, 0.5, 2000)
    shuffled = np.stack([truth[:, 0], rng.permutation(truth[:, 1])], axis=1)
    assert measure_correlation_distance(truth, shuffled, rng).significance > 10
    same = correlation_matrix(truth)
    assert correlation_distance(same, same) == 0


def test_what_cannot_be_compared_is_refused():
    rng = np.random.default_rng(5)
    with pytest.raises(BadValue):
        measure_correlation_distance(np.zeros((10, 1)), np.zeros((10, 1)), rng)
    with pytest.raises(EmptySample):
        measure_correlation_distance(np.zeros((1, 3)), np.zeros((10, 3)), rng)


def test_three_showers_far_outside_among_2000_change_nothing():
    """Pearson's coefficients of the same samples differ by ten floors."""
    rng = np.random.default_rng(6)
    truth, generated = (rng.normal(size=(2000, 8)) @ (np.eye(8) + 0.3) for _ in range(2))
    generated[:3] = 1000 * rng.choice([-1, 1], size=(3, 8))
    with_ranks = measure_correlation_distance(truth, generated, rng)
    assert abs(with_ranks.significance) < 3
    pearson = correlation_distance(correlation_matrix(truth), correlation_matrix(generated))
    assert pearson > 10 * with_ranks.floor


def test_ranks_are_blind_to_any_rising_function():
    rng = np.random.default_rng(7)
    truth, generated = gaussians(rng, 0.5, 300), gaussians(rng, 0.2, 300)
    bent = measure_correlation_distance(np.exp(truth / 20), np.exp(generated / 20), np.random.default_rng(8))
    assert bent.value == pytest.approx(
        measure_correlation_distance(truth, generated, np.random.default_rng(8)).value, abs=1e-4
    )
