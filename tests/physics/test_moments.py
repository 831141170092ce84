import numpy as np
import pytest
from scipy import stats

from caloforge.physics.moments import centre, kurtosis, maximum, quantile, skewness, width

EDGES = np.stack([np.arange(0, 400) / 10, np.arange(1, 401) / 10], axis=1)
MIDDLES = EDGES.mean(axis=1)


@pytest.mark.parametrize("law", [stats.gamma(4.0), stats.gamma(9.0, scale=1.1), stats.norm(20, 3), stats.expon()])
def test_moments_and_quantiles_of_known_laws(law):
    weights = np.stack([law.cdf(EDGES[:, 1]) - law.cdf(EDGES[:, 0])] * 2) * [[1.0], [50.0]]
    mean, variance, skew, kurt = (float(m) for m in law.stats("mvsk"))
    assert centre(weights, MIDDLES) == pytest.approx(mean, rel=1e-3)
    assert width(weights, MIDDLES) == pytest.approx(np.sqrt(variance), rel=1e-3)
    assert skewness(weights, MIDDLES) == pytest.approx(skew, abs=0.01)
    assert kurtosis(weights, MIDDLES) == pytest.approx(kurt, abs=0.03)
    for share in (0.05, 0.5, 0.9):
        assert quantile(weights, EDGES, share) == pytest.approx(law.ppf(share), abs=2e-3)


def test_a_point_has_a_centre_and_no_shape():
    point = np.zeros((1, 5))
    point[0, 3] = 0.7
    positions = np.array([0.1, 0.3, 0.7, 1.1, 2.3])
    assert centre(point, positions) == pytest.approx(1.1)
    assert width(point, positions) == pytest.approx(0, abs=1e-12)
    assert np.isnan(skewness(point, positions)).all()
    assert np.isnan(kurtosis(point, positions)).all()


def test_quantiles_jump_over_empty_intervals_and_nothing_has_none():
    edges = np.array([[0.0, 1.0], [1.0, 2.0], [5.0, 6.0]])
    assert quantile(np.array([[1.0, 0.0, 1.0]]), edges, 0.5) == pytest.approx(1)
    assert quantile(np.array([[1.0, 0.0, 1.0]]), edges, 0.75) == pytest.approx(5.5)
    assert quantile(np.array([[1.0, 0.0, 1.0]]), edges, 1.0) == pytest.approx(6)
    assert np.isnan(quantile(np.zeros((1, 3)), edges, 0.5)).all()


def test_the_maximum_of_a_parabola_is_found_exactly():
    positions = np.array([0.0, 1.0, 2.5, 3.0, 5.0])
    for vertex in (0.8, 1.4, 2.6, 3.1):
        assert maximum(20 - (positions - vertex)[None, :] ** 2, positions) == pytest.approx(vertex)


def test_the_maximum_at_an_end_or_of_a_plateau_or_of_nothing():
    positions = np.arange(4.0)
    rows = np.array([[5.0, 1, 0, 0], [0, 1, 2, 9], [3, 3, 3, 3], [0, 0, 0, 0], [0, 7, 7, 0]])
    assert maximum(rows, positions) == pytest.approx([0, 3, 0, np.nan, 1.5], nan_ok=True)


def test_the_vertex_stays_between_the_middles():
    rng = np.random.default_rng(0)
    positions = np.cumsum(rng.uniform(0.5, 3, 12))
    density = rng.exponential(size=(500, 12))
    found, peak = maximum(density, positions), density.argmax(axis=1)
    low, high = positions[np.maximum(peak - 1, 0)], positions[np.minimum(peak + 1, 11)]
    assert (found >= 0.5 * (low + positions[peak]) - 1e-9).all()
    assert (found <= 0.5 * (high + positions[peak]) + 1e-9).all()
