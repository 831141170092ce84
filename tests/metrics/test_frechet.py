import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import ortho_group

from caloforge.errors import EmptySample
from caloforge.metrics.frechet import frechet_distance, measure_fpd


def test_gaussians_in_closed_form():
    """Axes in common: sum of (mu_1 - mu_2)^2 + (sigma_1 - sigma_2)^2, whatever way the axes point."""
    rng = np.random.default_rng(0)
    mean_1, mean_2, sigma_1, sigma_2 = rng.normal(size=5), rng.normal(size=5), rng.random(5), rng.random(5)
    expected = ((mean_1 - mean_2) ** 2 + (sigma_1 - sigma_2) ** 2).sum()
    turn = ortho_group.rvs(5, random_state=1)
    straight = frechet_distance(mean_1, np.diag(sigma_1**2), mean_2, np.diag(sigma_2**2))
    turned = [turn @ np.diag(s**2) @ turn.T for s in (sigma_1, sigma_2)]
    assert straight == pytest.approx(expected)
    assert frechet_distance(turn @ mean_1, turned[0], turn @ mean_2, turned[1]) == pytest.approx(expected)


def test_covariances_that_do_not_commute():
    rng = np.random.default_rng(2)
    a, b = (m @ m.T for m in rng.normal(size=(2, 6, 6)))
    expected = np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert frechet_distance(np.zeros(6), a, np.zeros(6), b) == pytest.approx(expected)


def test_singular_covariances():
    a, b = np.diag([4.0, 0, 0]), np.diag([1.0, 9.0, 0])
    assert frechet_distance(np.zeros(3), a, np.zeros(3), b) == pytest.approx(1 + 9)
    assert frechet_distance(np.zeros(3), b, np.zeros(3), b) == pytest.approx(0, abs=1e-12)


@pytest.mark.slow
def test_known_distance_of_samples_without_bias():
    """40 pairs of samples from known Gaussians: pulls of the extrapolated value about the truth, mean 0, width 1.

    The plain distance would be too large by about f^2 (1/n + 1/m) / 4 of the variances: several errors.
    """
    rng, f, n = np.random.default_rng(3), 10, 600
    turn, shift, wide = ortho_group.rvs(f, random_state=4), 0.05, 1.1
    pulls = []
    for _ in range(40):
        truth, generated = rng.normal(size=(n, f)) @ turn, (wide * rng.normal(size=(n, f)) + shift) @ turn
        scale = np.abs(truth).max(axis=0)
        to_scale = np.diag(1 / scale)
        means = np.zeros(f), (np.full(f, shift) @ turn) / scale
        expected = frechet_distance(means[0], to_scale**2, means[1], wide**2 * to_scale**2)
        found = measure_fpd(truth, generated, rng, repeats=5)
        pulls.append((found.value - expected) / found.error)
    assert abs(np.mean(pulls)) < 0.5
    assert np.std(pulls) == pytest.approx(1, abs=3.5 / np.sqrt(2 * 40))  # the scatter of a width


def test_agrees_with_jetnet():
    """jetnet 0.2.5, jetnet.evaluation.fpd(x, y, min_samples=4000, max_samples=20000), gave 0.0039857.

    Its batches are drawn with replacement, so that it extrapolates to the two samples instead of their distributions
    and keeps their own bias, here 2 %. jetnet needs coffea and numba: too much for a test, so the number stands here.
    """
    rng = np.random.default_rng(11)
    x = rng.normal(size=(20_000, 4))
    y = 1.1 * rng.normal(size=(20_000, 4)) + np.array([0.2, 0, 0, 0])
    found = measure_fpd(x, y, rng, repeats=5)
    assert found.value == pytest.approx(0.0039857, rel=0.03)
    assert found.significance > 20


def test_units_do_not_matter_and_undefined_values_are_taken():
    rng = np.random.default_rng(5)
    truth, generated = rng.normal(size=(400, 3)), rng.normal(0.5, size=(500, 3))
    truth[::7, 1] = np.nan
    units = np.array([1, 1e3, 1e-3])
    first = measure_fpd(truth, generated, np.random.default_rng(6))
    second = measure_fpd(truth * units, generated * units, np.random.default_rng(6))
    assert first.value == pytest.approx(second.value)
    assert first.floor_spread == pytest.approx(second.floor_spread)


def test_too_few_showers_are_refused():
    with pytest.raises(EmptySample, match="FPD needs at least 300"):
        measure_fpd(np.zeros((299, 2)), np.zeros((400, 2)), np.random.default_rng(0))
