import numpy as np
import pytest
from scipy.stats import norm

from caloforge.errors import EmptySample
from caloforge.metrics.separation import (
    Histograms,
    Resamples,
    fill_well,
    measure_separation,
    separation_power,
    well_filled,
)

EDGES = np.linspace(-3, 3, 31)


def measured(truth, generated, edges=EDGES, seed=0, repeats=60):
    resamples = Resamples.draw(len(truth), len(generated), np.random.default_rng(seed), repeats)
    samples = (Histograms.fill(x.reshape(len(x), -1), [edges] * (x.size // len(x))) for x in (truth, generated))
    return measure_separation(*samples, resamples)


def test_identities():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=500), rng.normal(0.3, 1.2, size=700)
    assert separation_power(x, x, EDGES) == 0
    assert separation_power(x, np.concatenate([x, x]), EDGES) == pytest.approx(0, abs=1e-12)
    assert separation_power(x, y, EDGES) == pytest.approx(separation_power(y, x, EDGES))
    assert separation_power(x, x + 20, EDGES) == pytest.approx(0.5 * 2, abs=0.01)
    assert 0 < separation_power(x, y, EDGES) < 1


def test_two_bins_by_hand():
    """h = (3/4, 1/4), g = (1/4, 3/4): S = 1/2 (1/4 + 1/4) = 1/4."""
    truth, generated = np.array([0.5, 0.5, 0.5, 1.5]), np.array([0.5, 1.5, 1.5, 1.5])
    assert separation_power(truth, generated, np.array([0.0, 1.0, 2.0])) == pytest.approx(0.25)


def test_gaussians_with_known_separation():
    """S of N(0, 1) and N(d, 1) in fine bins is the integral of (p - q)^2 / (2 (p + q))."""
    rng = np.random.default_rng(1)
    n, shift, edges = 400_000, 0.5, np.linspace(-5, 5.5, 80)
    x = np.linspace(-8, 8, 20001)
    p, q = norm.pdf(x), norm.pdf(x - shift)
    expected = 0.5 * np.trapezoid((p - q) ** 2 / (p + q), x)
    found = separation_power(rng.normal(size=n), rng.normal(shift, size=n), edges)
    assert found == pytest.approx(expected, rel=0.03)


def test_what_lies_outside_and_what_is_undefined_counts():
    x = np.zeros(100)
    for other in (np.full(100, 9.0), np.full(100, -9.0), np.full(100, np.nan)):
        assert separation_power(x, other, EDGES) == 1
    assert separation_power(np.full(10, -9.0), np.full(10, 9.0), EDGES) == 1
    assert separation_power(np.full(10, np.nan), np.full(10, np.nan), EDGES) == 0


def test_empty_samples_are_refused():
    with pytest.raises(EmptySample):
        separation_power(np.zeros(0), np.zeros(5), EDGES)
    with pytest.raises(EmptySample):
        Resamples.draw(5, 0, np.random.default_rng(0))


@pytest.mark.slow
def test_floor_is_what_two_samples_of_one_distribution_give():
    """Over 60 pairs of samples: mean value = mean floor = B/4 (1/n + 1/m), significances as normal numbers."""
    rng = np.random.default_rng(2)
    n, m, edges = 600, 3000, norm.ppf(np.linspace(0, 1, 22)[1:-1])
    found = [measured(rng.normal(size=n), rng.normal(size=m), edges, k)[0] for k in range(60)]
    value, floor = (np.mean([getattr(f, name) for f in found]) for name in ("value", "floor"))
    expected = 20 / 4 * (1 / n + 1 / m)
    assert value == pytest.approx(expected, rel=0.15)
    assert floor == pytest.approx(expected, rel=0.1)
    significances = np.array([f.significance for f in found])
    assert abs(significances.mean()) < 0.5
    assert significances.std() == pytest.approx(1, abs=4 / np.sqrt(2 * 60))  # the scatter of a width
    assert (significances > 4).sum() <= 1


def test_a_shift_is_seen():
    rng = np.random.default_rng(3)
    result, _ = measured(rng.normal(size=2000), rng.normal(0.5, size=4000))
    assert result.significance > 10
    assert result.error < 0.3 * result.value
    assert set(result.to_dict()) == {"value", "error", "floor", "floor_spread"}


def test_error_covers_the_scatter_of_the_value():
    rng = np.random.default_rng(4)
    found = [measured(rng.normal(size=1000), rng.normal(0.5, size=1000), seed=k)[0] for k in range(40)]
    assert np.mean([f.error for f in found]) == pytest.approx(np.std([f.value for f in found]), rel=0.35)


def test_mean_over_layers_and_their_own_values():
    rng = np.random.default_rng(5)
    truth, generated = rng.normal(size=(800, 3)), rng.normal(size=(900, 3))
    generated[:, 1] += 1
    mean, columns = measured(truth, generated)
    assert mean.value == pytest.approx(np.mean([c.value for c in columns]))
    assert columns[1].significance > 20 > abs(columns[0].significance)


def test_correlated_layers_have_the_larger_error():
    """Fifteen copies of one layer know no more than one: the error of their mean is not smaller."""
    rng = np.random.default_rng(6)
    one, other = rng.normal(size=(1000, 1)), rng.normal(0.5, size=(1000, 1))
    single, _ = measured(one, other)
    copies, _ = measured(np.repeat(one, 15, axis=1), np.repeat(other, 15, axis=1))
    assert copies.error == pytest.approx(single.error, rel=1e-6)


def test_pooled_cells():
    cells = np.array([[0.5, np.nan, 1.5], [np.nan, np.nan, 0.2]])
    histogram = Histograms.pool(cells, np.array([0.0, 1.0, 2.0]))
    assert histogram.contents(np.ones((1, 2)))[0] == pytest.approx([0, 2 / 3, 1 / 3, 0, 0])
    mean, error = histogram.per_shower()
    assert mean == pytest.approx([0, 1, 0.5, 0, 0])
    assert error[2] == pytest.approx(0.5 / np.sqrt(2))
    joined = Histograms.stack([histogram, histogram])
    assert joined.rows.shape == (4, 5)


def test_showers_without_any_cell_do_not_divide_by_zero():
    empty = Histograms.pool(np.full((5, 3), np.nan), EDGES)
    full = Histograms.pool(np.zeros((5, 3)), EDGES)
    resamples = Resamples.draw(5, 5, np.random.default_rng(0))
    assert measure_separation(full, empty, resamples)[0].value == 1


def test_well_filled_bins_hold_enough():
    rng = np.random.default_rng(7)
    x = np.append(rng.standard_cauchy(500), np.nan)
    edges = well_filled(np.linspace(-30, 30, 61), x)
    counts = np.histogram(x[~np.isnan(x)], np.concatenate([[-np.inf], edges, [np.inf]]))[0]
    assert counts.min() >= 10
    assert set(edges) <= set(np.linspace(-30, 30, 61))
    assert len(well_filled(EDGES, np.zeros(3))) >= 1


@pytest.mark.parametrize("deciding", [1, 2])
def test_values_looked_up_once_fill_the_bins_between_the_edges_that_stay(deciding):
    rng = np.random.default_rng(8)
    x, y = (np.stack([rng.normal(size=n), rng.poisson(3, n) / 5.0, np.zeros(n)], axis=1) for n in (400, 300))
    x[::9, 0] = y[::7, 1] = np.nan
    edges = [EDGES, np.arange(-2.0, 3.0, 0.2), np.array([1.0, 2.0])]
    of_both = np.concatenate([x, y][:deciding])
    kept = [well_filled(e, column, 25) for e, column in zip(edges, of_both.T, strict=True)]
    for found, sample in zip(fill_well((x, y), edges, 25, deciding), (x, y), strict=True):
        expected = Histograms.fill(sample, kept)
        assert all(np.array_equal(a, b) for a, b in zip(found.edges, kept, strict=True))
        assert np.array_equal(found.rows.toarray(), expected.rows.toarray())
