"""Quality of fits: chi2 of profiles has its distribution, limits cover, laws that do not describe are named."""

from dataclasses import replace

import numpy as np
import pytest

from caloforge.metrics.fits import DOUBTFUL, chance, fit_of_profiles, misfit
from caloforge.metrics.overview import measure_overview
from caloforge.metrics.shower_laws import BinMeans, Depths, measure_laws
from caloforge.physics.laws import fit_gamma, fit_resolution, gamma_shares, resolution, resolution_limits
from caloforge.reporting.quoting import parameter_words, quality_words

EDGES = np.stack([np.arange(10) * 10.0, np.arange(10) * 10.0 + 10], axis=1)
ENERGY = np.array([1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0])


def shares_of(rng, p, n, resamples=100):
    """Mean profile of n quanta of energy, and of its resamples: (1 + R, 1, L)."""
    mean = rng.multinomial(n, p) / n
    return np.concatenate([mean[None], rng.multinomial(n, mean, resamples) / n])[:, None]


def quality(rng, p):
    profile = shares_of(rng, p, 20_000)
    alpha, beta = fit_gamma(profile[:, 0], EDGES).T
    return fit_of_profiles(profile, gamma_shares(alpha, beta, EDGES)[:, None])


def test_chi2_of_a_gamma_profile_has_its_mean_and_spread():
    rng, p = np.random.default_rng(1), gamma_shares(np.array([3.0]), np.array([0.08]), EDGES)[0]
    fits = [quality(rng, p) for _ in range(60)]
    freedom = fits[0].degrees_of_freedom
    assert freedom == len(EDGES) - 3
    chi2 = np.array([fit.chi2[0] for fit in fits])
    assert chi2.mean() == pytest.approx(freedom, abs=4 * np.sqrt(2 * freedom / len(chi2)))


def test_a_profile_with_a_bump_is_named_with_its_size():
    rng, p = np.random.default_rng(2), gamma_shares(np.array([3.0]), np.array([0.08]), EDGES)[0]
    p[6] += 0.05 * p.max()
    fit = quality(rng, p / p.sum())
    assert chance(fit.chi2[0], fit.degrees_of_freedom) < DOUBTFUL
    assert fit.misfit("Geant4").startswith("the mean profile of Geant4 is no gamma distribution in 1 of 1")
    assert 0.02 < fit.furthest[0] <= 0.06


def test_a_limit_is_where_chi2_has_grown_by_271():
    terms, error = (0.15, 0.0, 0.05), 0.02 * resolution(ENERGY, 0.15, 0.01, 0.05) ** 2
    inverse, square = 1 / ENERGY, 1 / ENERGY**2
    variance = resolution(ENERGY, *terms) ** 2 + error * np.random.default_rng(3).normal(size=len(ENERGY))
    fitted, best = fit_resolution(inverse[None], square[None], variance[None], error)
    limits = resolution_limits(inverse, square, variance, error)
    assert (limits > fitted[0]).all()
    for i, basis in enumerate((inverse, np.ones_like(inverse), square)):
        raised = (variance - limits[i] ** 2 * basis) / error
        others = np.stack([inverse, np.ones_like(inverse), square], axis=1)[:, np.arange(3) != i] / error[:, None]
        # the two others are positive here, so that plain least squares is enough
        free, chi2, *_ = np.linalg.lstsq(others, raised)
        if (free >= 0).all():
            assert chi2[0] - best[0] == pytest.approx(2.7055, abs=1e-3)


def test_a_limit_covers_the_true_term_in_95_of_100_cases():
    rng, inverse, square = np.random.default_rng(4), 1 / ENERGY, 1 / ENERGY**2
    true = resolution(ENERGY, 0.15, 0.01, 0.2) ** 2
    error, repeats = 0.05 * true, 200
    limits = [
        resolution_limits(inverse, square, true + error * rng.normal(size=len(true)), error)[2] for _ in range(repeats)
    ]
    assert np.mean(np.array(limits) > 0.2) == pytest.approx(0.95, abs=4 * np.sqrt(0.05 * 0.95 / repeats))


def test_a_term_at_its_bound_has_a_limit_and_no_other_has():
    """Variances that ask for a negative constant term."""
    n, resamples = len(ENERGY), 60
    rng = np.random.default_rng(5)
    variance = np.maximum(0.15**2 / ENERGY - 1e-5, 1e-6) * (1 + 0.02 * rng.normal(size=(1 + resamples, n)))
    response = np.ones((1 + resamples, n)) + 1e-4 * rng.normal(size=(1 + resamples, n))
    ones = np.ones_like(response)
    shares = np.broadcast_to(gamma_shares(np.array([3.0]), np.array([0.08]), EDGES)[0], (*response.shape, len(EDGES)))
    powers = [response, response**2 * (1 + variance), ones / ENERGY, ones / ENERGY**2, ones * np.log(ENERGY)]
    values = np.concatenate([np.stack([*powers, *([ones] * 6)], axis=-1), shares], axis=-1)
    fit = measure_laws(BinMeans(values), Depths(EDGES, "mm")).laws["resolution"]
    assert fit.parameters["constant"][0] == 0
    assert 0 < fit.limits["constant"] < 0.01
    assert "stochastic" not in fit.limits
    words = parameter_words("resolution", "constant", 0.0, 0.001, fit.limits["constant"])
    assert words.startswith("< 0.")
    assert words.endswith("% (95 %)")


def test_numbers_are_in_percent_and_mev_and_chi2_says_when_a_law_does_not_describe():
    assert parameter_words("resolution", "stochastic", 0.12, 0.0063) == "12.00 ± 0.63 % √GeV"
    assert parameter_words("resolution", "noise", 0.099, 0.021) == "99 ± 21 MeV"
    assert parameter_words("shower_maximum", "slope", 4.37, 0.16, unit="mm") == "4.37 ± 0.16 mm"
    assert quality_words(5.4, 3) == "χ²/ndf = 5.4/3"
    assert quality_words(349, 4) == "χ²/ndf = 349/4, does not describe"
    assert quality_words(0.0, 0) == quality_words(np.nan, 3) == ""
    assert misfit("a linear response", "e-", 5.4, 4) == ""
    assert misfit("a linear response", "e-", 349, 4).startswith("a linear response does not describe e-")


def test_a_response_that_leaks_is_no_line(halves):
    """Energy behind the last layer that grows with ln E."""
    showers = halves[0]
    lost = 1 - 0.08 * np.log(showers.incident_energy / 1e3)[:, None]
    leaky = replace(showers, energy=(showers.energy * lost).astype(np.float32))
    straight, bent = (measure_overview(s).particles[0].misfits for s in (showers, leaky))
    assert not any(sentence.startswith("a linear response") for sentence in straight)
    assert bent[0].startswith("a linear response does not describe e-")
