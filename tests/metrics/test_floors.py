"""Every metric, truth against truth: value less floor in units of the floor's spread has mean 0 and width 1."""

import numpy as np
import pytest

from caloforge.metrics.correlation import measure_correlation_distance
from caloforge.metrics.distances import kolmogorov_smirnov, measure_wasserstein
from caloforge.metrics.frechet import measure_fpd
from caloforge.metrics.kernel import measure_kpd
from caloforge.metrics.manifold import measure_manifold
from caloforge.metrics.separation import Resamples

PAIRS = {"fpd": 30}  # the costly one; the scatter of 60 skew pulls about a width of 1 is 20 %

MEASURES = {
    "wasserstein": lambda t, g, rng: {
        "wasserstein": measure_wasserstein(t, g, Resamples.draw(len(t), len(g), rng, 30))[0]
    },
    "kolmogorov_smirnov": lambda t, g, rng: {"kolmogorov_smirnov": kolmogorov_smirnov(t, g)[0].measured},
    "correlation": lambda t, g, rng: {"correlation": measure_correlation_distance(t, g, rng)},
    "fpd": lambda t, g, rng: {"fpd": measure_fpd(t, g, rng)},
    "kpd": lambda t, g, rng: {"kpd": measure_kpd(t, g, rng)},
    "manifold": lambda t, g, rng: measure_manifold(t, g, rng, repeats=40),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASURES)
def test_floor_is_what_truth_against_truth_gives(name):
    rng, pairs = np.random.default_rng(1), PAIRS.get(name, 60)
    mix = rng.normal(size=(5, 5))

    def draw(size):
        return np.exp(0.3 * rng.normal(size=(size, 5))) @ mix

    found = [MEASURES[name](draw(400), draw(700), rng) for _ in range(pairs)]
    for metric in found[0]:
        results = [f[metric] for f in found]
        pulls = np.array([r.significance for r in results])
        assert abs(pulls.mean()) < 4 / np.sqrt(pairs)
        assert pulls.std() == pytest.approx(1, abs=5 / np.sqrt(2 * pairs))  # the scatter of a width
        assert np.isfinite([list(r.to_dict().values()) for r in results]).all()
        assert np.median([r.error / r.floor_spread for r in results]) > 0.5
