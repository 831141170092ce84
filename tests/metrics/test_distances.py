import numpy as np
import pytest
from scipy.stats import kstest, kstwo, wasserstein_distance

from caloforge.errors import BadValue, EmptySample
from caloforge.metrics.distances import kolmogorov_smirnov, measure_wasserstein, wasserstein
from caloforge.metrics.separation import Resamples


def _wasserstein(truth, generated, rng, repeats=30):
    return measure_wasserstein(truth, generated, Resamples.draw(len(truth), len(generated), rng, repeats))


def test_wasserstein_agrees_with_scipy():
    rng = np.random.default_rng(0)
    x, y = rng.exponential(size=301), rng.normal(size=200)
    assert wasserstein(x, y) == pytest.approx(wasserstein_distance(x, y))
    mean, _ = _wasserstein(x[:, None], y[:, None], rng)
    assert mean.value == pytest.approx(wasserstein_distance(x, y) / x.std())


@pytest.mark.parametrize("kind", ["heavy tails", "whole numbers", "two peaks"])
def test_areas_of_resamples_in_groups_of_values_are_those_of_all_values(kind):
    """Error and floor of 8,000 values, which are grouped, against SciPy's distances of the same resamples."""
    rng, n = np.random.default_rng(4), 4000
    draw = {
        "heavy tails": lambda: rng.standard_t(2, n),
        "whole numbers": lambda: rng.poisson(6, n).astype(float),
        "two peaks": lambda: rng.normal(size=n) + rng.choice([-9, 9], n),
    }[kind]
    x, y = draw(), draw()
    resamples = Resamples.draw(n, n, rng, 30)
    measured, both = measure_wasserstein(x[:, None], y[:, None], resamples)[0], np.concatenate([x, y])
    none = np.zeros(n)
    pairs = [
        *((np.append(t, none), np.append(none, g)) for t, g in zip(resamples.truth, resamples.generated, strict=True)),
        *((np.append(t, none), np.append(o, none)) for t, o in zip(resamples.truth, resamples.null, strict=True)),
    ]
    exact = np.array([wasserstein_distance(both, both, *pair) for pair in pairs]).reshape(2, 30)
    assert measured.value == pytest.approx(wasserstein_distance(x, y) / x.std())
    assert measured.error == pytest.approx(exact[0].std(ddof=1) / x.std(), rel=0.02)
    assert measured.floor == pytest.approx(exact[1].mean() / x.std(), rel=0.005)


def test_wasserstein_of_gaussians_in_closed_form():
    """A shift by d gives d; a width s times as large gives sqrt(2/pi) (s - 1)."""
    rng = np.random.default_rng(1)
    truth = 7 + 2 * rng.normal(size=(20_000, 2))
    generated = 7 + 2 * np.stack([0.3 + rng.normal(size=20_000), 1.5 * rng.normal(size=20_000)], axis=1)
    mean, columns = _wasserstein(truth, generated, rng, repeats=10)
    for found, expected in zip(columns, (0.3, np.sqrt(2 / np.pi) * 0.5), strict=True):
        assert abs(found.value - expected) < 4 * found.error + found.floor
        assert found.value == pytest.approx(expected, rel=0.06)
        assert found.significance > 20
    assert mean.value == pytest.approx(np.mean([c.value for c in columns]))


def test_wasserstein_does_not_depend_on_units():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(500, 2)), rng.normal(0.1, size=(400, 2))
    first, second = (_wasserstein(x * unit, y * unit, np.random.default_rng(3))[0] for unit in (1, 1e6))
    assert first.value == pytest.approx(second.value)
    assert first.floor == pytest.approx(second.floor)


def test_a_constant_truth_is_measured_in_the_spread_of_both():
    constant, half = np.zeros((100, 1)), np.repeat([0.0, 5.0], 50)[:, None]
    rng = np.random.default_rng(4)
    assert _wasserstein(constant, constant, rng)[0].value == 0
    expected = 2.5 / np.concatenate([constant, half]).std()
    assert _wasserstein(constant, half, rng)[0].value == pytest.approx(expected)


def test_kolmogorov_smirnov_p_value_is_uniform_under_the_null():
    rng = np.random.default_rng(5)
    found = kolmogorov_smirnov(rng.normal(size=(300, 400)), rng.normal(size=(431, 400)))
    assert kstest([f.p_value for f in found], "uniform").pvalue > 0.01
    pulls = np.array([f.measured.significance for f in found])
    assert abs(pulls.mean()) < 0.25
    assert pulls.std() == pytest.approx(1, abs=0.2)


def test_kolmogorov_smirnov_of_known_samples():
    """Of N(0, 1) and N(d, 1): D = 2 Phi(d/2) - 1; of one sample with itself: 0; of samples apart: 1."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=(20_000, 1))
    (found,) = kolmogorov_smirnov(x, 0.4 + rng.normal(size=(20_000, 1)))
    assert abs(found.distance - 0.158519) < 4 * found.error
    assert found.p_value < 1e-100
    assert kolmogorov_smirnov(x, x)[0].distance == 0
    assert kolmogorov_smirnov(x, x)[0].p_value == 1
    assert kolmogorov_smirnov(x, x + 50)[0].distance == 1
    assert set(found.to_dict()) == {"value", "error", "floor", "floor_spread", "p_value"}


def test_undefined_values():
    """Half of the values undefined: D = 1/2, since they rank above all others."""
    x = np.random.default_rng(7).normal(size=(1000, 1))
    y = x.copy()
    y[::2] = np.nan
    assert kolmogorov_smirnov(x, y)[0].distance == pytest.approx(0.5, abs=0.05)
    assert kolmogorov_smirnov(y, y)[0].distance == 0
    assert np.isfinite(_wasserstein(y, x, np.random.default_rng(8))[0].value)


def test_what_cannot_be_compared_is_refused():
    rng, x = np.random.default_rng(9), np.zeros((10, 2))
    with pytest.raises(EmptySample):
        _wasserstein(x[:0], x, rng)
    with pytest.raises(EmptySample):
        kolmogorov_smirnov(x, x[:0])
    with pytest.raises(BadValue, match="a feature is inf"):
        _wasserstein(x, x + np.inf, rng)


@pytest.mark.parametrize("size", [35, 125, 2500])
@pytest.mark.parametrize("p", [0.5, 0.05, 1e-3])
def test_the_quick_p_value_is_that_of_the_exact_distribution(size, p):
    """Two samples of 2 ``size`` that differ by the distance whose exact p-value is p."""
    n = 2 * size
    steps = round(kstwo.isf(p, size) * n)
    x = np.arange(n, dtype=float)
    (result,) = kolmogorov_smirnov(x[:, None], (x + steps)[:, None])
    assert result.distance == pytest.approx(steps / n)
    assert result.p_value == pytest.approx(kstwo.sf(steps / n, size), rel=0.03)
