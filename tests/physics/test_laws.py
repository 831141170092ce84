import numpy as np
import pytest

from caloforge.errors import BadValue
from caloforge.physics.laws import (
    fit_gamma,
    fit_line,
    fit_resolution,
    gamma_maximum,
    gamma_shares,
    line,
    resolution,
)

EDGES = np.stack([np.arange(45) * 3.4, np.arange(1, 46) * 3.4], axis=1)
ENERGY = np.geomspace(1, 100, 7)


def test_a_straight_line_is_found_exactly():
    x = np.array([[1.0, 2, 5, 9], [0, 1, 2, 3]])
    found, chi2 = fit_line(x, line(x, 3.0, -2.0), np.array([0.1, 0.2, 0.1, 0.4]))
    assert found == pytest.approx(np.array([[3, -2]] * 2))
    assert chi2 == pytest.approx(0, abs=1e-20)


def test_a_line_counts_bins_by_their_errors():
    """Two bins lie on a line, the third is off by one standard error of its own."""
    y = np.array([[0.0, 1.0, 2.0 + 1e3]])
    found, chi2 = fit_line(np.array([[0.0, 1.0, 2.0]]), y, np.array([1e-3, 1e-3, 1e3]))
    assert found[0] == pytest.approx([1, 0], abs=1e-6)
    assert chi2[0] == pytest.approx(1)


@pytest.mark.parametrize("terms", [(0.13, 0.01, 0.05), (0.1, 0.0, 0.0), (0.0, 0.02, 0.0), (0.5, 0.05, 0.3)])
def test_the_terms_of_a_resolution_are_found_exactly(terms):
    variance = resolution(ENERGY, *terms)[None, :] ** 2
    found, chi2 = fit_resolution(1 / ENERGY[None], 1 / ENERGY[None] ** 2, variance, 0.1 * variance[0])
    assert found[0] == pytest.approx(terms, abs=1e-6)
    assert chi2[0] == pytest.approx(0, abs=1e-12)


def test_no_term_is_negative():
    rng = np.random.default_rng(0)
    variance = resolution(ENERGY, 0.1, 0.0, 0.0) ** 2 * (1 + 0.1 * rng.normal(size=(200, len(ENERGY))))
    inverse = np.tile(1 / ENERGY, (200, 1))
    found, _ = fit_resolution(inverse, inverse**2, variance, 0.1 * variance[0])
    assert (found >= 0).all()
    assert found[:, 0].mean() == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize(("alpha", "beta"), [(1.5, 0.02), (4.0, 0.1), (8.0, 0.3), (0.8, 0.05)])
def test_a_gamma_profile_is_found_exactly(alpha, beta):
    """Also where much of it lies behind the last layer: with alpha 1.5 and beta 0.02/mm, a quarter."""
    shares = gamma_shares(np.array([alpha]), np.array([beta]), EDGES)
    assert shares.sum() == pytest.approx(1)
    found = fit_gamma(shares, EDGES)
    assert found[0] == pytest.approx([alpha, beta], rel=1e-5)
    assert gamma_maximum(*found.T)[0] == pytest.approx((alpha - 1) / beta, rel=1e-4, abs=1e-6)


def test_the_fit_of_a_profile_is_unbiased():
    """Profiles of 1,000 particles each scatter about the truth by what theory allows."""
    rng = np.random.default_rng(1)
    true = gamma_shares(np.array([4.0]), np.array([0.1]), EDGES)[0]
    found = fit_gamma(rng.multinomial(1000, true, 300) / 1000, EDGES)
    assert np.isfinite(found).all()
    assert found.mean(axis=0) == pytest.approx([4, 0.1], rel=0.02)
    relative = 1 / np.sqrt(1000 * (4 * 0.2838 - 1) / 0.2838)  # inverse Fisher information: trigamma(4) = 0.2838
    assert found[:, 0].std() / 4 == pytest.approx(4 * relative / 4, rel=0.15)


def test_what_has_no_profile_is_undefined():
    nothing = np.full((1, 45), np.nan)
    one_layer = np.eye(45)[:1]
    assert np.isnan(fit_gamma(np.concatenate([nothing, one_layer]), EDGES)).all()


def test_a_profile_without_a_maximum_inside_is_undefined():
    """Nearly all energy in the last of three layers, or in the middle one: two parameters are too many."""
    edges = np.array([[0.0, 10.0], [10.0, 20.0], [20.0, 30.0]])
    shares = np.array([[0.001, 0.002, 0.997], [1e-9, 1 - 2e-9, 1e-9]])
    assert np.isnan(fit_gamma(shares, edges)).all()


def test_fits_refuse_too_few_bins_and_bins_without_error():
    one, two = np.ones((1, 1)), np.ones((1, 2))
    with pytest.raises(BadValue, match="straight line"):
        fit_line(one, one, np.ones(1))
    with pytest.raises(BadValue, match="resolution fit"):
        fit_resolution(two, two, two, np.ones(2))
    with pytest.raises(BadValue, match="longitudinal profile"):
        fit_gamma(two, EDGES[:2])
    x = np.array([[1.0, 2.0, 3.0]])
    assert np.isnan(fit_line(x, x, np.zeros(3))[0]).all()
    assert np.isnan(fit_resolution(x, x, x, np.array([1.0, 0.0, 1.0]))[0]).all()
