"""The bootstrap against closed forms."""

import numpy as np
import pytest

from caloforge.metrics.measured import Measured, bootstrap, bootstrap_weights, resample, standard_error


def test_the_bootstrap_of_a_mean_has_its_standard_error():
    x = np.random.default_rng(0).normal(size=400)
    means = bootstrap(x, lambda rows: rows.mean(keepdims=True), 2000, np.random.default_rng(1))
    assert means.mean() == pytest.approx(x.mean(), abs=4 * x.std() / np.sqrt(400 * 2000))
    assert means.std() == pytest.approx(x.std() / np.sqrt(400), rel=4 / np.sqrt(2 * 2000))


def test_resamples_of_another_size_have_the_error_of_that_size():
    x = np.random.default_rng(0).normal(size=400)
    means = bootstrap(x, lambda rows: rows.mean(keepdims=True), 2000, np.random.default_rng(1), size=100)
    assert means.std() == pytest.approx(x.std() / 10, rel=4 / np.sqrt(2 * 2000))


def test_a_resample_keeps_rows_together():
    rows = np.arange(30).reshape(10, 3)
    drawn = resample(rows, 50, np.random.default_rng(2))
    assert drawn.shape == (50, 3)
    assert {tuple(row) for row in drawn} <= {tuple(row) for row in rows}


def test_the_standard_error_of_a_mean():
    assert standard_error(np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(np.sqrt(5 / 3) / 2)


def test_significance_counts_spreads_of_the_floor():
    assert Measured(0.5, 0.1, 0.2, 0.06).significance == pytest.approx(5)


def test_bootstrap_weights_are_those_of_drawing_rows():
    """Binomial: mean size/n, variance size/n (1 - 1/n), and every resample has its size."""
    weights = bootstrap_weights(50, 20_000, np.random.default_rng(3), size=20)
    assert (weights.sum(axis=1) == 20).all()
    assert weights.mean(axis=0) == pytest.approx(np.full(50, 0.4), abs=5 * np.sqrt(0.4 / 20_000))
    assert weights.var(axis=0).mean() == pytest.approx(0.4 * (1 - 1 / 50), rel=0.01)
