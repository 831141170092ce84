"""Kolmogorov-Smirnov and Wasserstein distances in closed form, with their errors and floors."""

import math

import numpy as np
import pytest
from scipy.stats import kstwo

from caloforge.metrics.distances import kolmogorov_smirnov, measure_wasserstein
from caloforge.metrics.separation import Resamples


def test_six_values_by_hand():
    """F and G differ most at 1, where F = 1/2 and G = 0: error sqrt(1/4 / 4); 1/N = 1/4 + 1/2."""
    truth, generated = np.array([[3.0], [0.0], [2.0], [1.0]]), np.array([[2.5], [1.5]])
    (result,) = kolmogorov_smirnov(truth, generated)
    size = 4 / 3
    assert result.distance == 0.5
    assert result.error == pytest.approx(0.25)
    assert result.p_value == pytest.approx(kstwo.sf(0.5, 1))
    assert result.floor == pytest.approx(math.sqrt(math.pi / 2) * math.log(2) / math.sqrt(size))
    spread = math.sqrt(math.pi**2 / 12 - math.pi / 2 * math.log(2) ** 2)
    assert result.floor_spread == pytest.approx(spread / math.sqrt(size))
    assert result.measured.to_dict() | {"p_value": result.p_value} == result.to_dict()


def test_error_where_both_samples_are_split():
    """At 0: F = 3/4 of 4, G = 1/4 of 8: error sqrt(3/16 / 4 + 3/16 / 8), p of N = 32/12, rounded to 3."""
    truth, generated = np.array([[0.0], [0], [0], [1]]), np.array([[0.0], [0], [1], [1], [1], [1], [1], [1]])
    (result,) = kolmogorov_smirnov(truth, generated)
    assert result.distance == 0.5
    assert result.error == pytest.approx(math.sqrt(3 / 64 + 3 / 128))
    assert result.p_value == pytest.approx(kstwo.sf(0.5, 3))


def test_a_column_each_and_undefined_on_top():
    truth = np.array([[0.0, 5.0], [1.0, np.nan]])
    generated = np.array([[0.0, np.nan], [1.0, np.nan], [2.0, np.nan], [np.nan, np.nan]])
    first, second = kolmogorov_smirnov(truth, generated)
    assert first.distance == 0.5
    assert second.distance == 0.5
    assert kolmogorov_smirnov(truth[:, 1:] * np.nan, generated[:, 1:])[0].distance == 0


def test_wasserstein_of_a_uniform_distribution():
    """Floor: sqrt(2/pi) sqrt(1/n + 1/m) times the integral of sqrt(F (1 - F)), pi/8, in units of 1/sqrt(12).

    Far apart, W is the difference of the means: its error is that of two means, sqrt(1/n + s^2/m) for a generated
    sample s times as wide.
    """
    n, m, s = 500, 125, 3.0
    truth, generated = (np.linspace(0, 1, size)[:, None] for size in (n, m))
    mean, (column,) = measure_wasserstein(
        truth, s * generated + 7, Resamples.draw(n, m, np.random.default_rng(0), 2000)
    )
    width = truth.std()
    assert mean == column
    assert column.value == pytest.approx((7 + s / 2 - 0.5) / width)
    both = math.sqrt(1 / n + 1 / m)
    assert column.floor == pytest.approx(math.sqrt(2 / math.pi) * both * math.pi / 8 / width, rel=0.03)
    assert column.error == pytest.approx(math.sqrt(1 / n + s**2 / m), rel=0.05)


def test_floor_is_of_the_truth_alone():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(200, 2))
    resamples = Resamples.draw(200, 200, np.random.default_rng(2), 30)
    near, far = (measure_wasserstein(truth, truth + shift, resamples) for shift in (0.0, 50.0))
    assert near[0].floor == far[0].floor
    assert near[0].floor_spread == far[0].floor_spread
    assert near[0].value == pytest.approx(0, abs=1e-12)
