import numpy as np
import pytest
from sklearn.metrics.pairwise import polynomial_kernel

from caloforge.errors import EmptySample
from caloforge.metrics.kernel import measure_kpd, squared_mmd


def test_agrees_with_scikit_learn_and_with_jetnet():
    """jetnet 0.2.5, its unbiased squared MMD of the same showers: 0.35946369104884823."""
    rng = np.random.default_rng(11)
    x = rng.normal(size=(20_000, 4))
    y = 1.1 * rng.normal(size=(20_000, 4)) + np.array([0.2, 0, 0, 0])
    x, y = x[:500], y[:400]
    xx, yy, xy = (polynomial_kernel(a, b, degree=4, gamma=1 / 4, coef0=1) for a, b in ((x, x), (y, y), (x, y)))
    off = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (xx, yy)]
    assert squared_mmd(x, y) == pytest.approx(sum(off) - 2 * xy.mean())
    assert squared_mmd(x, y) == pytest.approx(0.35946369104884823)


def test_polynomial_in_closed_form():
    """Points at 0 and at 1: k = 1 within zeros and across, 16 within ones; MMD^2 = 1 + 16 - 2."""
    assert squared_mmd(np.zeros((10, 1)), np.ones((20, 1))) == pytest.approx(15)


def test_known_discrepancy_of_gaussians():
    """N(0, 1) and N(d, 1): the sum over p = 1..4 of binomial(4, p) (difference of the p-th moments)^2."""
    rng = np.random.default_rng(1)
    truth, generated = rng.normal(size=(4000, 1)), 0.5 + rng.normal(size=(4000, 1))
    scale = np.abs(truth).max()
    d = 0.5
    differences = [d, d**2, d**3 + 3 * d, d**4 + 6 * d**2]
    expected = sum(c * (x / scale**p) ** 2 for p, (c, x) in enumerate(zip((4, 6, 4, 1), differences, strict=True), 1))
    found = measure_kpd(truth, generated, rng)
    assert abs(found.value - expected) < 4 * found.error
    assert found.significance > 5


def test_more_truth_than_generated_and_many_batches(monkeypatch):
    rng = np.random.default_rng(2)
    monkeypatch.setattr("caloforge.metrics.kernel._MOST", 100)
    found = measure_kpd(rng.normal(size=(2600, 2)), rng.normal(size=(1550, 2)), rng)
    assert abs(found.significance) < 4
    found = measure_kpd(rng.normal(size=(5000, 2)), rng.normal(size=(301, 2)), rng)
    assert abs(found.significance) < 4


def test_too_few_showers_are_refused():
    with pytest.raises(EmptySample, match="KPD"):
        measure_kpd(np.zeros((99, 2)), np.zeros((400, 2)), np.random.default_rng(0))
