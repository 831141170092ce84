"""KPD written out: batches, median, its error, and the floor."""

import numpy as np
import pytest

from caloforge.metrics.kernel import measure_kpd, squared_mmd


def test_kpd_written_out():
    """230 and 320 showers: ten disjoint batches of 23, the median of their squared MMD, 1.2533 errors of the mean."""
    rng = np.random.default_rng(0)
    truth, generated = rng.normal(size=(230, 2)), 0.5 + rng.normal(size=(320, 2))
    result = measure_kpd(truth, generated, np.random.default_rng(1))
    rng, largest = np.random.default_rng(1), np.abs(truth).max(axis=0)
    t, g = rng.permutation(truth / largest), rng.permutation(generated / largest)
    values = [squared_mmd(x, y) for x, y in zip(np.split(t, 10), np.array_split(g[:230], 10), strict=True)]
    assert result.value == pytest.approx(np.median(values))
    assert result.error == pytest.approx(np.sqrt(np.pi / 2) * np.std(values, ddof=1) / np.sqrt(10))


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(320, 230), (100, 900)])
def test_the_floor_is_that_of_fresh_batches(n, m):
    """Median of as many batches of the same size, drawn from the distribution itself: mean and scatter within 30 %."""
    rng = np.random.default_rng(2)
    truth = rng.normal(size=(n, 1))
    scale, b = np.abs(truth).max(), min(n, m) // 10
    fresh = [
        np.median([squared_mmd(*(rng.normal(size=(2, b, 1)) / scale)) for _ in range(min(n, m) // b)])
        for _ in range(400)
    ]
    result = measure_kpd(truth, rng.normal(size=(m, 1)), rng, repeats=400)
    assert result.floor == pytest.approx(np.mean(fresh), abs=0.3 * np.std(fresh))
    assert result.floor_spread == pytest.approx(np.std(fresh), rel=0.3)
