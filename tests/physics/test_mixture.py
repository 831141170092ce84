"""Gaussian mixtures: densities against SciPy, components and modes of samples whose modes are known."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from caloforge.physics.mixture import GaussianMixture, best_mixture, fit_mixture, separate_modes
from caloforge.rng import stream

N = 3000


def two(n, distance, share, rng):
    """Two spheres in three dimensions, and which of them."""
    second = rng.random(n) < share
    return rng.normal(size=(n, 3)) + distance * second[:, None] * np.array([1.0, 0.0, 0.0]), second


def test_density_is_that_of_its_normals():
    rng = stream(1, "mixture")
    root = rng.normal(size=(2, 3, 3))
    mixture = GaussianMixture(np.array([0.3, 0.7]), rng.normal(size=(2, 3)), root @ root.transpose(0, 2, 1) + np.eye(3))
    t = rng.normal(size=(50, 3))
    normals = [multivariate_normal(m, c).pdf(t) for m, c in zip(mixture.mean, mixture.covariance, strict=True)]
    np.testing.assert_allclose(np.exp(mixture.log_density(t)), mixture.share @ normals, rtol=1e-9)


@pytest.mark.parametrize("share", [0.3, 0.02])
def test_two_modes_are_found_with_their_shares(share):
    t, second = two(N, 7.0, share, stream(2, "mixture"))
    mixture = best_mixture(t, stream(2, "fit"))
    mode = separate_modes(mixture)
    assert mode.max() == 1
    found = mode[np.argmax(mixture.log_joint(t), axis=1)]
    assert (found == second).mean() > 0.998


def test_one_normal_is_one_component():
    t = stream(3, "mixture").normal(size=(N, 3))
    assert len(best_mixture(t, stream(3, "fit")).share) == 1


def test_a_skewed_or_bent_mode_of_several_components_is_one_mode():
    rng, n = stream(4, "mixture"), 1000
    skewed = np.stack([rng.gamma(2, 1, n), rng.normal(size=n)], 1)
    bent = rng.normal(size=(n, 2)) * [2.0, 0.3]
    bent[:, 1] += 0.3 * bent[:, 0] ** 2
    for t in (skewed, bent):
        mixture = best_mixture(t, stream(4, "fit"), most=4)
        assert len(mixture.share) > 1
        assert separate_modes(mixture).max() == 0


def test_normals_that_overlap_are_one_mode_and_far_ones_two():
    for distance, modes in ((1.0, 1), (6.0, 2)):
        mixture = GaussianMixture(np.full(2, 0.5), np.array([[0.0], [distance]]), np.ones((2, 1, 1)))
        assert separate_modes(mixture).max() + 1 == modes


def test_likelihood_rises_with_components_and_seeds_repeat():
    t, _ = two(500, 4.0, 0.3, stream(5, "mixture"))
    one, two_of_them, again = (fit_mixture(t, n, stream(5, "fit", n)) for n in (1, 2, 2))
    assert two_of_them.log_density(t).sum() > one.log_density(t).sum()
    np.testing.assert_array_equal(two_of_them.mean, again.mean)
    assert two_of_them.bic(t) == pytest.approx(19 * np.log(500) - 2 * two_of_them.log_density(t).sum())
