"""Equivalent number of showers on samples whose worth is known."""

import numpy as np
import pytest

from caloforge.diagnosis.amplification import equivalent_showers
from caloforge.errors import EmptySample
from caloforge.rng import stream


def test_true_showers_are_worth_their_number():
    values = [
        1 / equivalent_showers(rng.normal(size=20_000), rng.normal(size=500), rng).value
        for rng in (stream(trial, "worth") for trial in range(200))
    ]
    assert 1 / np.mean(values) == pytest.approx(500, rel=0.1)


def test_intervals_cover_the_number():
    covered = 0
    for trial in range(100):
        rng = stream(trial, "cover")
        low, high = equivalent_showers(rng.normal(size=20_000), rng.normal(size=500), rng).interval
        covered += low <= 500 <= high
    assert covered >= 85


def test_a_biased_generator_is_worth_little_however_many_it_makes():
    rng = stream(1, "biased")
    truth = rng.normal(size=40_000)
    worth = equivalent_showers(truth, rng.normal(0.1, 1, size=200_000), rng)
    # expected: shift of 0.1 sigma moves each decile's content by the difference of the densities at its edges
    assert worth.interval[1] < 2000
    assert worth.factor(1000)[0] == pytest.approx(worth.value / 1000)


def test_a_perfect_generator_is_worth_more_than_its_training_set():
    rng = stream(2, "perfect")
    worth = equivalent_showers(rng.normal(size=40_000), rng.normal(size=200_000), rng)
    assert worth.value > 10_000
    assert worth.limit > 10_000


def test_few_showers_are_refused():
    rng = stream(3, "few")
    with pytest.raises(EmptySample, match="cells need"):
        equivalent_showers(rng.normal(size=100), rng.normal(size=1000), rng)
