"""Equivalent number of showers on samples whose worth is known."""

import json

import numpy as np
import pytest
from scipy.stats import norm

from caloforge.diagnosis.amplification import amplification, equivalent_showers
from caloforge.diagnosis.amplification_plots import draw_factors, draw_saturation
from caloforge.errors import EmptySample
from caloforge.rng import stream
from caloforge.validation.style import png


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


@pytest.mark.parametrize("shift", [0.05, 0.2])
def test_the_ceiling_of_a_biased_generator_is_known(shift):
    """Contents of the deciles of N(d, 1) in N(0, 1) give the number at which more showers add nothing."""
    edges = norm.ppf(np.arange(1, 10) / 10, shift)
    p = np.diff(norm.cdf(edges), prepend=0, append=1)
    known = (p * (1 - p)).sum() / ((p - 0.1) ** 2).sum()
    covered, values = 0, []
    for trial in range(40):
        rng = stream(trial, "ceiling")
        worth = equivalent_showers(rng.normal(size=20_000), rng.normal(shift, 1, size=5_000), rng)
        covered += worth.ceiling_interval[0] <= known <= worth.ceiling_interval[1]
        values.append(1 / worth.ceiling)
    assert covered >= 34
    assert 1 / np.mean(values) == pytest.approx(known, rel=0.15)


def test_what_a_truth_can_tell_is_what_a_perfect_sample_is_sure_to_be_worth():
    rng = stream(4, "limit")
    lows = []
    for _ in range(40):
        worth = equivalent_showers(rng.normal(size=4000), rng.normal(size=400_000), rng)
        lows.append(worth.interval[0])
    assert np.median(lows) == pytest.approx(worth.limit, rel=0.25)
    assert worth.truth_needed(int(worth.limit)) == pytest.approx(4000, rel=0.01)


def test_values_that_are_whole_numbers_count_as_well():
    values = []
    for trial in range(100):
        rng = stream(trial, "counts")
        values.append(1 / equivalent_showers(rng.poisson(2.0, 20_000) + 0.0, rng.poisson(2.0, 500) + 0.0, rng).value)
    assert 1 / np.mean(values) == pytest.approx(500, rel=0.15)


def test_verdicts_on_generators_of_known_worth():
    rng = stream(5, "verdicts")
    truth, perfect, biased = rng.normal(size=20_000), rng.normal(size=60_000), rng.normal(0.1, 1, size=60_000)
    more, less, unsure = (
        amplification("x", truth, made, training, 1)
        for made, training in ((perfect, 1000), (biased, 5000), (perfect, 100_000))
    )
    assert (more.verdict, less.verdict, unsure.verdict) == ("more", "less", "cannot tell")
    assert "worth less" in less.text
    assert f"at least {unsure.worth.truth_needed(100_000)} true showers" in unsure.text
    sizes = [point.generated for point in less.curve]
    assert sizes == sorted(sizes)
    assert sizes[-1] == 60_000
    assert less.curve[-1].value < 5000 < sizes[-1]  # it saturates
    json.dumps(unsure.to_dict(), allow_nan=False)


def test_pictures_of_all_verdicts():
    rng = stream(6, "pictures")
    truth = rng.normal(size=3000)
    found = [amplification(name, truth, rng.normal(d, 1, 9000), 800, 1) for name, d in (("a", 0.0), ("b", 0.3))]
    assert png(draw_saturation(found))[:4] == png(draw_factors(found))[:4] == b"\x89PNG"
