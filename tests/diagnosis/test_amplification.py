"""Equivalent number of showers on samples whose worth is known."""

import json

import numpy as np
import pytest
from scipy.stats import chi2, norm

from caloforge.diagnosis.amplification.plots import draw_factors, draw_saturation
from caloforge.diagnosis.amplification.worth import amplification, equivalent_showers
from caloforge.errors import EmptySample
from caloforge.reporting.style import png
from caloforge.rng import stream


def test_true_showers_are_worth_their_number_but_for_what_looks_like_bias():
    """The positive part of a chi-squared of nine degrees, over nine and less one, passes for bias."""
    values = [
        1 / equivalent_showers(rng.normal(size=20_000), rng.normal(size=500)).value
        for rng in (stream(trial, "worth") for trial in range(200))
    ]
    seen = chi2.expect(lambda x: np.maximum(x / 9 - 1, 0), (9,))
    assert 500 * np.mean(values) == pytest.approx(1 + seen, rel=0.06)


@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_intervals_cover_the_bias(shift):
    known, covered = ceiling_of(shift), 0
    for trial in range(100):
        rng = stream(trial, "cover")
        worth = equivalent_showers(rng.normal(size=4_000), rng.normal(shift, 1, size=8_000))
        covered += worth.ceiling_interval[0] <= known <= worth.ceiling_interval[1]
        assert worth.interval[0] <= worth.value <= worth.interval[1] <= 8_000 * (1 + 1e-9)
    assert covered >= 90


def ceiling_of(shift):
    """Contents of the deciles of N(d, 1) in N(0, 1) give the number at which more showers add nothing."""
    p = np.diff(norm.cdf(norm.ppf(np.arange(1, 10) / 10, shift)), prepend=0, append=1)
    return (p * (1 - p)).sum() / ((p - 0.1) ** 2).sum() if shift else np.inf


def test_a_biased_generator_is_worth_little_however_many_it_makes():
    rng = stream(1, "biased")
    truth = rng.normal(size=40_000)
    worth = equivalent_showers(truth, rng.normal(0.1, 1, size=200_000))
    # expected: shift of 0.1 sigma moves each decile's content by the difference of the densities at its edges
    assert worth.interval[1] < 2000
    assert worth.factor(1000)[0] == pytest.approx(worth.value / 1000)


def test_a_perfect_generator_is_worth_more_than_its_training_set():
    rng = stream(2, "perfect")
    worth = equivalent_showers(rng.normal(size=40_000), rng.normal(size=200_000))
    assert worth.value > 10_000
    assert worth.limit > 10_000


def test_few_showers_are_refused():
    rng = stream(3, "few")
    with pytest.raises(EmptySample, match="cells need"):
        equivalent_showers(rng.normal(size=100), rng.normal(size=1000))


def test_the_ceiling_of_a_biased_generator_is_known():
    values = []
    for trial in range(30):
        rng = stream(trial, "ceiling")
        values.append(1 / equivalent_showers(rng.normal(size=20_000), rng.normal(0.2, 1, size=10_000)).ceiling)
    assert 1 / np.mean(values) == pytest.approx(ceiling_of(0.2), rel=0.1)


def test_what_is_known_of_a_perfect_generator():
    rng, lows = stream(4, "limit"), []
    for _ in range(40):
        worth = equivalent_showers(rng.normal(size=4000), rng.normal(size=100_000))
        lows.append(worth.ceiling_interval[0])
    assert np.median(lows) == pytest.approx(worth.limit, rel=0.25)
    assert worth.truth_needed(int(worth.limit)) == pytest.approx(4000, rel=0.01)


def test_values_that_are_whole_numbers_count_as_well():
    rng = stream(7, "counts")
    values = [
        1 / equivalent_showers(rng.poisson(2.0, 20_000) + 0.0, rng.poisson(2.0, 500) + 0.0).value for _ in range(100)
    ]
    assert 350 < 1 / np.mean(values) < 500


def test_verdicts_on_generators_of_known_worth():
    rng = stream(5, "verdicts")
    truth, perfect, biased = rng.normal(size=20_000), rng.normal(size=60_000), rng.normal(0.1, 1, size=60_000)
    more, less, unsure = (
        amplification("x", truth, made, training)
        for made, training in ((perfect, 1000), (biased, 5000), (perfect, 50_000))
    )
    assert (more.verdict, less.verdict, unsure.verdict) == ("more", "less", "cannot tell")
    assert "worth less" in less.text
    assert f"about {unsure.worth.truth_needed(50_000)} true showers" in unsure.text
    sizes = [point.generated for point in less.curve]
    assert sizes == sorted(sizes)
    assert sizes[-1] == 60_000
    assert less.curve[-1].value < 5000 < sizes[-1]  # it saturates
    json.dumps(unsure.to_dict(), allow_nan=False)


def test_pictures_of_all_verdicts():
    rng = stream(6, "pictures")
    truth = rng.normal(size=3000)
    found = [amplification(name, truth, rng.normal(d, 1, 9000), 800) for name, d in (("a", 0.0), ("b", 0.3))]
    assert png(draw_saturation(found))[:4] == png(draw_factors(found))[:4] == b"\x89PNG"
