"""One scale for two samples: rounding is no scale, and one foreign shower counts as one."""

import numpy as np
import pytest

from caloforge.errors import BadValue
from caloforge.metrics.frechet import measure_fpd
from caloforge.metrics.kernel import measure_kpd
from caloforge.metrics.scaling import fill_undefined, rank, scale_by_largest, standardise


def noise(n, seed=0):
    """A width whose hits all lie in one ring: rounding."""
    return 1e-7 * np.abs(np.random.default_rng(seed).normal(size=(n, 1)))


def test_a_column_of_rounding_noise_takes_the_scale_of_both_samples():
    truth, generated = noise(500), noise(400, 1)
    generated[7] = 5.0
    for scaled in (scale_by_largest(truth, generated), standardise(truth, generated)):
        first, second = scaled
        assert np.abs(first).max() < 0.1
        assert second[7] == pytest.approx(np.max(second))
    assert scale_by_largest(truth, generated)[1].max() == 1
    assert standardise(truth, generated)[1].max() == pytest.approx(np.sqrt(900), rel=0.01)


def test_rounding_in_both_samples_stays_rounding():
    for scaled in (scale_by_largest(noise(500), 10 * noise(400, 1)), standardise(noise(500), 10 * noise(400, 1))):
        assert all(np.abs(sample).max() < 1e-4 for sample in scaled)


def test_an_ordinary_column_has_the_scale_of_the_truth_alone():
    rng = np.random.default_rng(2)
    truth, generated = rng.normal(3, 2, (400, 2)), rng.normal(9, 7, (300, 2))
    first, second = scale_by_largest(truth, generated)
    assert np.abs(first).max(axis=0) == pytest.approx([1, 1])
    assert second == pytest.approx(generated / np.abs(truth).max(axis=0))
    first, second = standardise(truth, generated)
    assert first.mean(axis=0) == pytest.approx([0, 0], abs=1e-12)
    assert first.std(axis=0) == pytest.approx([1, 1])
    assert second == pytest.approx((generated - truth.mean(axis=0)) / truth.std(axis=0))


def test_a_constant_in_float32_is_constant():
    """12345.678 in single and in double precision differ by 4e-8 of themselves."""
    truth, generated = np.full((200, 1), 12345.678), np.full((200, 1), np.float32(12345.678), np.float64)
    assert all(np.abs(sample).max() < 1e-2 for sample in standardise(truth, generated))


def test_what_the_truth_never_defines_says_nothing():
    truth, generated = np.full((300, 1), np.nan), np.full((200, 1), np.nan)
    generated[:3] = 40.0
    assert all((sample == 0).all() for sample in fill_undefined(truth, generated))
    partly = np.array([[1.0], [3.0], [np.nan]])
    assert fill_undefined(partly, partly)[0].ravel().tolist() == [1, 3, 2]


@pytest.mark.parametrize("measure", [measure_fpd, measure_kpd])
def test_one_width_among_rounding_noise_does_not_make_a_distance(measure):
    """Geant4 at 1 GeV: the layer's hits lie in one ring in 900 showers and in two rings in one."""
    rng = np.random.default_rng(3)
    truth, generated = rng.normal(size=(500, 4)), rng.normal(size=(400, 4))
    truth, generated = np.hstack([truth, noise(500)]), np.hstack([generated, noise(400, 1)])
    alone = measure(truth, generated, np.random.default_rng(4))
    generated[11, 4] = 3.0
    measured = measure(truth, generated, np.random.default_rng(4))
    assert measured.value == pytest.approx(alone.value, abs=0.02)
    assert measured.value - measured.floor < 4 * measured.error
    assert measured.error < 0.1


def test_ranks_are_shares_of_the_truth_below():
    truth = np.array([[1.0, 5], [2, 5], [2, 5], [np.nan, 5 + 1e-7]])
    generated = np.array([[0.0, 4], [2, 5], [1e9, np.nan]])
    first, second = rank(truth, generated)
    assert first == pytest.approx(np.array([[1 / 6, 0.5], [2 / 3, 0.5], [2 / 3, 0.5], [0.5, 0.5]]))
    assert second == pytest.approx(np.array([[0, 0], [2 / 3, 0.5], [1, 0.5]]))
    with pytest.raises(BadValue):
        rank(truth, np.full((1, 2), np.inf))
