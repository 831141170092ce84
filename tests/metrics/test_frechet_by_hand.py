"""FPD written out with NumPy's covariances: parts, straight line, jackknife, floor."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from caloforge.metrics.frechet import frechet_distance, measure_fpd


def distance(x: np.ndarray, y: np.ndarray) -> float:
    a, b = np.cov(x.T), np.cov(y.T)
    shift = x.mean(axis=0) - y.mean(axis=0)
    return float(shift @ shift + np.trace(a + b - 2 * sqrtm(a @ b).real))


def extrapolated(x: np.ndarray, y: np.ndarray) -> float:
    """1 to 5 disjoint parts, mean distance of each, straight line to no parts at all."""
    values = [
        np.mean([distance(*pair) for pair in zip(np.split(x, k), np.split(y, k), strict=True)]) for k in range(1, 6)
    ]
    return float(np.polyfit(range(1, 6), values, 1)[1])


def test_fpd_written_out():
    rng = np.random.default_rng(0)
    truth, generated = rng.normal(size=(300, 2)), 1.5 * rng.normal(size=(420, 2)) + 0.3
    result = measure_fpd(truth, generated, np.random.default_rng(1), repeats=4)
    rng, largest = np.random.default_rng(1), np.abs(truth).max(axis=0)
    scaled = truth / largest
    t, g = rng.permutation(scaled), rng.permutation(generated / largest)
    assert result.value == pytest.approx(extrapolated(t, g))
    null = []
    for _ in range(4):
        first, second = (scaled[rng.integers(300, size=size)] for size in (300, 420))
        null.append(extrapolated(first, second))
    assert result.floor == pytest.approx(np.mean(null))
    assert result.floor_spread == pytest.approx(np.std(null, ddof=1))
    groups = zip(np.split(np.arange(300), 20), np.split(np.arange(420), 20), strict=True)
    left_out = [distance(np.delete(t, i, axis=0), np.delete(g, j, axis=0)) for i, j in groups]
    jackknife = np.sqrt(19 / 20 * np.square(left_out - np.mean(left_out)).sum())
    assert result.error == pytest.approx(np.hypot(jackknife, result.floor_spread))


def test_one_dimension_by_hand():
    """(mean difference)^2 + (difference of the standard deviations)^2."""
    assert frechet_distance(np.array([1.0]), np.array([[4.0]]), np.array([-2.0]), np.array([[25.0]])) == 9 + 9
    assert frechet_distance(np.zeros(1), np.zeros((1, 1)), np.zeros(1), np.array([[0.25]])) == 0.25
