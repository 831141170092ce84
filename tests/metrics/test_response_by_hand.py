"""Response where every number can be worked out, with responses below, near and above one."""

import math

import numpy as np
import pytest

from caloforge.errors import EmptySample
from caloforge.metrics.bins import energy_edges
from caloforge.metrics.response import bias_and_ratio, compare_response

EDGES = np.array([1e3, 1e4, 1e5])


def pair(low, high):
    """Incident energies and responses of showers of 2 GeV (``low``) and of 10 GeV (``high``), an edge of the bins."""
    return np.array([2e3] * len(low) + [1e4] * len(high)), np.array([*low, *high], float)


def test_two_bins_by_hand():
    """Low bin: truth 0.8, 1.2 (mean 1, rms 0.2), generated 0.9, 1.3, 1.1 (mean 1.1, rms sqrt(2/75)).

    High bin: truth 1.2, 1.6 (mean 1.4, rms 0.2), generated 1.0, 1.2 (mean 1.1, rms 0.1).
    """
    truth = pair([0.8, 1.2] * 10, [1.2, 1.6] * 10)
    generated = pair([0.9, 1.3, 1.1] * 10, [1.0, 1.2] * 10)
    summary = compare_response(truth, generated, np.random.default_rng(0), EDGES, repeats=20)
    low, high = summary.bins
    assert (low.low, low.high, low.energy, low.n_truth, low.n_generated) == (1e3, 1e4, 2e3, 20, 30)
    assert (high.low, high.high, high.energy, high.n_truth, high.n_generated) == (1e4, 1e5, 1e4, 20, 20)
    assert (low.mean_truth, low.mean_generated, low.bias) == pytest.approx((1.0, 1.1, 0.1))
    assert (high.mean_truth, high.mean_generated, high.bias) == pytest.approx((1.4, 1.1, 1.1 / 1.4 - 1))
    rms = math.sqrt(2 / 75)
    assert (low.resolution_truth, low.resolution_generated, low.ratio) == pytest.approx((0.2, rms / 1.1, rms / 0.22))
    assert (high.resolution_truth, high.resolution_generated) == pytest.approx((0.2 / 1.4, 0.1 / 1.1))
    assert high.ratio == pytest.approx(7 / 11)
    assert summary.bias_bin is high
    assert summary.bias_max.value == pytest.approx(1 - 1.1 / 1.4)
    assert summary.ratio_bin is high
    assert summary.ratio_distance.value == pytest.approx(4 / 11)
    assert summary.ratio_max == pytest.approx(7 / 11)
    assert (low.label, high.label) == ("1–10 GeV", "10–100 GeV")
    assert low.to_dict()["mean_truth"] == low.mean_truth
    assert summary.by_particle() == {"": summary.bins}


def test_particles_are_not_pooled():
    """Two particles of response 0.5 and 1.5: within each the bias is 0 and 0.2; the pooled mean would hide it."""
    responses = np.array([0.4, 0.6, 1.4, 1.6] * 20)
    generated = np.where(responses > 1, responses * 1.2, responses)
    pdg, energy = np.array([11, 11, 211, 211] * 20), np.full(80, 2e3)
    summary = compare_response(
        (energy, responses), (energy, generated), np.random.default_rng(0), EDGES[:2], 20, (pdg, pdg)
    )
    assert [(b.particle, b.n_truth) for b in summary.bins] == [("e-", 40), ("pi+", 40)]
    assert [b.bias for b in summary.bins] == pytest.approx([0, 0.2])
    assert [b.ratio for b in summary.bins] == pytest.approx([1, 1])
    assert list(summary.by_particle()) == ["e-", "pi+"]
    assert summary.bias_bin.label == "pi+ 1–10 GeV"


def test_errors_and_floors_of_gaussian_responses():
    """n = 400 truth, m = 100 generated, relative width 0.1 about 1.2.

    Means are known to 0.12/sqrt(n); the bias, the difference of two, to 0.1 sqrt(1/n + 1/m) times the ratio of the
    means; two truth samples differ by sqrt(2/pi) of that on average and scatter by sqrt(1 - 2/pi) of it. A resolution
    is known to 1/sqrt(2n) of itself. With 4,000 resamples these come out to 5 %.
    """
    rng = np.random.default_rng(1)
    n, m = 400, 100
    truth, generated = (np.sort(rng.normal(size=size)) for size in (n, m))
    truth, generated = ((x - x.mean()) / x.std() * 0.12 + 1.2 for x in (truth, generated))
    energies = np.full(n, 2e3), np.full(m, 2e3)
    summary = compare_response(
        (energies[0], truth), (energies[1], 2 * generated), rng, np.array([1e3, 1e4]), repeats=4000
    )
    (b,) = summary.bins
    assert b.bias == pytest.approx(1)
    assert b.ratio == pytest.approx(1)
    assert b.mean_truth_error == pytest.approx(0.12 / math.sqrt(n), rel=0.05)
    assert b.mean_generated_error == pytest.approx(2 * 0.12 / math.sqrt(m), rel=0.05)
    width = 0.1 * math.sqrt(1 / n + 1 / m)
    assert b.bias_error == pytest.approx(2 * width, rel=0.05)
    assert summary.bias_max.error == b.bias_error
    assert summary.ratio_distance.error == b.ratio_error
    assert summary.bias_max.floor == pytest.approx(math.sqrt(2 / math.pi) * width, rel=0.05)
    assert summary.bias_max.floor_spread == pytest.approx(math.sqrt(1 - 2 / math.pi) * width, rel=0.06)
    assert b.resolution_truth_error == pytest.approx(0.1 / math.sqrt(2 * n), rel=0.15)  # the sample's own kurtosis
    assert b.resolution_generated_error == pytest.approx(0.1 / math.sqrt(2 * m), rel=0.25)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((50, 50, 50, 50), (50, 50, 50, 50)),
        ((100, 80, 10, 60), (100, 80, 70)),  # the poorest joins the poorer neighbour
        ((100, 60, 10, 80), (100, 70, 80)),
        ((100, 60, 10, 60), (100, 70, 60)),  # the left one where both are as poor
        ((100, 30, 10, 60), (100, 100)),  # still too poor: 40 joins the 60
        ((10, 80, 60, 70), (90, 60, 70)),  # at either end there is one neighbour
        ((70, 60, 80, 10), (70, 60, 90)),
        ((49, 1, 1, 1), (52,)),
    ],
)
def test_poor_bins_join_a_neighbour(counts, expected):
    energies = np.repeat([1e3, 2e3, 4e3, 8e3], counts)
    plenty = np.repeat([1e3, 2e3, 4e3, 8e3], 1000)
    for truth, generated in ((energies, plenty), (plenty, energies)):
        assert tuple(np.histogram(energies, energy_edges(truth, generated))[0]) == expected


def test_edges_of_discrete_energies_are_geometric_means():
    energies = np.repeat([1e3, 4e3, 9e3], 60)
    assert energy_edges(energies, energies) == pytest.approx([1e3, 2e3, 6e3, 9e3], rel=2e-6)
    assert energy_edges(energies, energies)[0] < 1e3
    assert energy_edges(energies, energies)[-1] > 9e3


def test_up_to_twenty_energies_are_discrete():
    for number, bins in ((20, 20), (21, 6)):
        energies = np.repeat(np.geomspace(1e3, 1e5, number), 50)
        edges = energy_edges(energies, energies)
        assert len(edges) - 1 == bins
        if bins == 6:
            assert edges == pytest.approx(np.geomspace(1e3, 1e5, 7), rel=2e-6)
            assert len(energy_edges(energies, energies, bins=3)) == 4


def test_too_few_showers_are_counted():
    with pytest.raises(EmptySample, match="50 showers in each sample; got 49 and 60"):
        energy_edges(np.full(49, 1e3), np.full(60, 1e3))
    assert len(energy_edges(np.full(5, 1e3), np.full(5, 1e3), fewest=5)) == 2
    with pytest.raises(EmptySample, match=r"from 1000 to 1e\+04 needs showers.*got 1 and 2"):
        compare_response(pair([1.0], [1.0, 2.0]), pair([1.0, 2.0], [1.0, 2.0]), np.random.default_rng(0), EDGES)


def test_what_few_showers_leave_undefined_is_infinitely_uncertain():
    """A resample of two showers is often one of them twice: no spread, so no ratio of resolutions; the mean is one."""
    truth, generated = pair([0.8, 1.2], []), pair([0.9, 1.3, 1.1], [])
    summary = compare_response(truth, generated, np.random.default_rng(0), EDGES[:2])
    (b,) = summary.bins
    assert (b.bias, b.ratio) == pytest.approx((0.1, math.sqrt(2 / 75) / 0.22))
    assert math.isfinite(b.bias_error)
    assert b.ratio_error == summary.ratio_distance.floor == summary.ratio_distance.floor_spread == math.inf
    dark = compare_response(truth, (generated[0], np.zeros(3)), np.random.default_rng(0), EDGES[:2]).bins[0]
    assert (dark.bias, dark.bias_error, dark.ratio, dark.ratio_error) == pytest.approx((-1, 0, math.inf, math.inf))


def test_bias_and_ratio_of_many_samples_at_once():
    """Truth without response, or without spread, leaves nothing to divide by."""
    truth = np.array([[1.0, 2.0, 0.0, 1.0], [0.2, 0.1, math.inf, 0.0]])
    generated = np.array([[1.1, 1.0, 1.0, 1.0], [0.1, 0.3, 0.1, 0.2]])
    bias, ratio = bias_and_ratio(truth, generated)
    assert bias == pytest.approx([0.1, -0.5, math.nan, 0.0], nan_ok=True)
    assert ratio == pytest.approx([0.5, 3.0, math.nan, math.nan], nan_ok=True)
