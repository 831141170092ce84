"""Offsets of mean and width: errors in closed form, the furthest of many, and what moments cannot tell."""

import numpy as np
import pytest
from numpy.random import default_rng
from scipy.stats import norm

from caloforge.metrics.offsets import Offset, furthest, offsets


def test_offsets_and_their_errors_are_those_of_gaussians():
    rng = default_rng(1)
    t, g = rng.normal(10, 2, (4000, 1)), rng.normal(10.3, 2.2, (9000, 1))
    mean, width = offsets(t, g)
    assert (mean.moment, width.moment) == ("mean", "width")
    assert mean.error == pytest.approx(np.hypot(2 / np.sqrt(4000), 2.2 / np.sqrt(9000)) / 10, rel=0.05)
    assert width.error == pytest.approx(np.hypot(1 / np.sqrt(8000), 1.1 / np.sqrt(18000)), rel=0.1)
    assert abs(mean.value - 0.03) < 4 * mean.error
    assert abs(width.value - 0.1) < 4 * width.error
    assert mean.n == 4000


def test_a_mean_near_zero_is_off_in_units_of_the_width():
    rng = default_rng(2)
    t, g = rng.normal(0, 2, (2000, 1)), rng.normal(1, 2, (2000, 1))
    assert offsets(t, g)[0].value == pytest.approx(0.5, abs=0.1)


def test_pulls_of_equal_samples_have_width_one():
    rng = default_rng(3)
    for sample in (lambda: rng.normal(size=(600, 400)), lambda: rng.exponential(size=(600, 400))):
        listed = offsets(sample(), sample())
        for moment in ("mean", "width"):
            pulls = np.array([o.value / o.error for o in listed if o.moment == moment])
            assert pulls.std() == pytest.approx(1, abs=0.15)


def test_constant_columns_have_no_offset_and_a_width_of_few_showers_no_error():
    rng = default_rng(4)
    constant = np.ones((500, 1))
    assert offsets(constant, constant + rng.normal(size=(500, 1))) == ()
    assert offsets(np.full((500, 1), np.nan), constant) == ()
    tail = np.zeros((500, 1))
    tail[:3] = 100
    mean, width = offsets(tail, tail)
    assert mean.value == 0
    assert width.error == np.inf


def test_the_furthest_of_many_means_less():
    """Šidák: one of N at p has the chance 1 - (1 - p)^N."""
    one, many = [Offset("mean", 0, 3.0, 1.0, 100)], [Offset("mean", i, 3.0 - i / 100, 1.0, 100) for i in range(20)]
    assert furthest(one)[1] == pytest.approx(3)
    chance = 1 - (1 - 2 * norm.sf(3)) ** 20
    assert furthest(many)[1] == pytest.approx(norm.isf(chance / 2))
    far = furthest([Offset("mean", i, 80.0, 1.0, 100) for i in range(20)])[1]
    assert 79 < far < 80
    assert furthest([]) is None
    assert furthest([Offset("mean", 0, 0.0, 1.0, 100)])[1] == pytest.approx(0, abs=1e-9)
