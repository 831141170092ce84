"""Density ratios, weighted AUCs and calibrations whose answers are known."""

import numpy as np
import pytest
from scipy.special import gamma, gammaincc

from caloforge.classifiers.auc import ClassifierSettings
from caloforge.classifiers.features import Features
from caloforge.classifiers.roc import auc, weighted_auc
from caloforge.errors import BadValue, EmptySample
from caloforge.reweighting.judge import Judged, judge, mean_area, mean_gain
from caloforge.reweighting.ratio import balanced, calibrate, fit_ratio

QUICK = ClassifierSettings(hidden=32, epochs=12, folds=3)
SHIFT = 0.7


def gaussians(n, seed, shift=0.0):
    """A column for the incident energy, then normal numbers; the second column is shifted."""
    x = np.random.default_rng(seed).normal(size=(n, 4)).astype(np.float32)
    x[:, 1] += shift
    return Features(x, ("energy", "a", "b", "c"))


@pytest.fixture(scope="module")
def shifted():
    return fit_ratio(gaussians(2000, 1), gaussians(4000, 2, SHIFT), 1, QUICK)


def test_the_ratio_of_two_gaussians_is_found(shifted):
    r"""N(0, 1) over N(d, 1): ln w = d^2/2 - d x, on showers that took no part in the fit."""
    new = gaussians(5000, 3, SHIFT)
    x = new.values[:, 1]
    found, exact = shifted.log_ratio(new), SHIFT**2 / 2 - SHIFT * x
    common = np.abs(x - SHIFT / 2) < 1.5
    assert np.sqrt(np.mean((found - exact)[common] ** 2)) < 0.2
    assert np.polyfit(x[common], found[common], 1)[0] == pytest.approx(-SHIFT, rel=0.2)
    w = np.exp(found)
    assert np.average(x, weights=w) == pytest.approx(0, abs=0.12)
    assert np.average(new.values[:, 2], weights=w) == pytest.approx(0, abs=0.06)


def test_a_ratio_knows_its_features(shifted):
    with pytest.raises(BadValue, match="others"):
        shifted.log_ratio(Features(np.zeros((3, 2), np.float32), ("energy", "a")))


def test_same_distribution_gives_weights_of_one():
    ratio = fit_ratio(gaussians(1500, 1), gaussians(3000, 2), 1, QUICK)
    assert np.exp(ratio.log_ratio(gaussians(1000, 3))).std() < 0.06


def test_judged_weights_of_the_exact_ratio_leave_nothing():
    truth, generated = gaussians(1500, 4), gaussians(3000, 5, SHIFT)
    exact = np.exp(SHIFT**2 / 2 - SHIFT * generated.values[:, 1].astype(np.float64))
    before = judge(truth, generated, np.ones(3000), 1, QUICK)
    after = judge(truth, generated, exact, 1, QUICK)
    area, error = mean_area([after])
    assert area == pytest.approx(0.5, abs=4 * error)
    gain, error = mean_gain([before], [after])
    assert gain == pytest.approx(0.69 - 0.5, abs=0.05)  # Phi(d / sqrt 2) = 0.69
    assert gain > 5 * error


def test_weighted_auc_by_hand_and_by_repetition():
    rng = np.random.default_rng(0)
    t, g = rng.integers(0, 9, 40).astype(float), rng.integers(2, 11, 50).astype(float)
    ones = np.ones((1, 40)), np.ones((1, 50))
    assert weighted_auc(t, g, *ones)[0] == pytest.approx(auc(t, g))
    u, w = rng.integers(0, 4, (3, 40)), rng.integers(0, 4, (3, 50))
    found = weighted_auc(t, g, u.astype(float), w.astype(float))
    assert found == pytest.approx([auc(np.repeat(t, a), np.repeat(g, b)) for a, b in zip(u, w, strict=True)])
    with pytest.raises(EmptySample):
        weighted_auc(t[:0], g, ones[0][:, :0], ones[1])


def test_the_error_of_an_auc_is_its_scatter():
    """The larger of two errors, of which the spread of three folds scatters itself: on average 1.139 times the truth.

    With u exponential, max(sqrt(u), 1) has the mean 1 - 1/e + Gamma(3/2, 1) and the variance 0.07; the scatter of n
    areas is known to 1/sqrt(2 n) of itself.
    """

    def judged(seed):
        rng = np.random.default_rng(seed)
        scores, folds = (rng.normal(size=300), rng.normal(0.5, 1, 400)), (np.arange(300) % 3, np.arange(400) % 3)
        return Judged(scores, folds, rng.gamma(2.0, 0.5, 400), seed)

    n = 100
    areas, errors = zip(*(mean_area([judged(seed)]) for seed in range(n)), strict=True)
    expected = 1 - np.exp(-1) + gammaincc(1.5, 1) * gamma(1.5)
    uncertainty = np.sqrt(1 / (2 * n) + 0.07 / expected**2 / n)
    assert np.mean(errors) / np.std(areas) == pytest.approx(expected, rel=3 * uncertainty)


def test_classes_weigh_the_same():
    w = balanced(10, 30, np.linspace(1, 3, 30))
    assert w.mean() == pytest.approx(1)
    assert w[:10].sum() == pytest.approx(w[10:].sum())
    assert w[-1] / w[10] == pytest.approx(3)


def test_calibration_finds_the_stretch_of_scores_and_ignores_noise():
    rng = np.random.default_rng(1)
    logit = rng.normal(0, 1, 20_000)
    labels = (rng.random(20_000) < 1 / (1 + np.exp(-logit))).astype(int)
    ones = np.ones(20_000)
    slope, offset = calibrate(3 * logit + 1, labels, ones)
    assert slope == pytest.approx(1 / 3, rel=0.06)
    assert offset == pytest.approx(-1 / 3, abs=0.06)
    assert calibrate(-logit, labels, ones) == (0.0, 0.0)
