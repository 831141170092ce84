import numpy as np
import pytest

from caloforge.errors import BadValue, EmptySample
from caloforge.metrics.bins import energy_edges
from caloforge.metrics.response import compare_response


def sample(n, seed, scale=1.0, smear=1.0):
    """Showers with the resolution 10 % / sqrt(E/GeV) and response 0.03."""
    rng = np.random.default_rng(seed)
    energy = np.exp(rng.uniform(np.log(1e3), np.log(1e5), n))
    return energy, 0.03 * scale * (1 + smear * 0.1 / np.sqrt(energy / 1e3) * rng.normal(size=n))


def compare(truth, generated, seed=0, **options):
    return compare_response(truth, generated, np.random.default_rng(seed), **options)


def test_identical_samples_have_no_bias():
    summary = compare(sample(2000, 1), sample(2000, 1))
    assert summary.bias_max.value == 0
    assert summary.ratio_max == 1
    assert len(summary.bins) == 6
    assert sum(b.n_truth for b in summary.bins) == 2000


def test_a_shift_of_three_percent_is_found_in_every_bin():
    summary = compare(sample(3000, 1), sample(20000, 2, scale=1.03))
    for energy_bin in summary.bins:
        assert energy_bin.bias == pytest.approx(0.03, abs=4 * energy_bin.bias_error)
        assert energy_bin.ratio == pytest.approx(1, abs=4 * energy_bin.ratio_error)
    assert summary.bias_max.significance > 5
    assert summary.ratio_distance.significance < 4


def test_a_worse_resolution_is_found():
    summary = compare(sample(3000, 1), sample(20000, 2, smear=1.3))
    for energy_bin in summary.bins:
        assert energy_bin.ratio == pytest.approx(1.3, abs=4 * energy_bin.ratio_error)
    assert summary.ratio_max > 1.2


def test_the_ratio_furthest_from_one_may_lie_below():
    assert compare(sample(3000, 1), sample(3000, 2, smear=0.7)).ratio_max < 0.85


def test_errors_are_those_of_theory():
    """Error of a mean s/sqrt(n); of a resolution 1/sqrt(2n), relative, for Gaussian responses."""
    summary = compare(sample(6000, 1), sample(6000, 2), repeats=300)
    for b in summary.bins:
        assert b.mean_truth_error / b.mean_truth == pytest.approx(b.resolution_truth / np.sqrt(b.n_truth), rel=0.25)
        assert b.resolution_truth_error / b.resolution_truth == pytest.approx(1 / np.sqrt(2 * b.n_truth), rel=0.3)


@pytest.mark.slow
def test_floor_is_what_truth_against_truth_gives():
    found = [compare(sample(1500, 2 * k), sample(4000, 2 * k + 1), k, repeats=60) for k in range(25)]
    bias, floor = (np.mean([getattr(f.bias_max, name) for f in found]) for name in ("value", "floor"))
    assert bias == pytest.approx(floor, rel=0.3)
    ratio, floor = (np.mean([getattr(f.ratio_distance, name) for f in found]) for name in ("value", "floor"))
    assert ratio == pytest.approx(floor, rel=0.3)


def test_poor_bins_are_merged():
    rng = np.random.default_rng(0)
    energy = np.concatenate([rng.uniform(1e3, 2e3, 5), rng.uniform(5e4, 1e5, 500)])
    edges = energy_edges(energy, energy)
    assert np.histogram(energy, edges)[0].min() >= 50
    assert edges[0] < energy.min()
    assert edges[-1] > energy.max()


def test_discrete_energies_get_a_bin_each():
    energy = np.repeat([1e3, 1e4, 5e4], 100)
    edges = energy_edges(energy, energy)
    assert (np.histogram(energy, edges)[0] == 100).all()
    assert len(energy_edges(np.full(100, 1e4), np.full(100, 1e4))) == 2


def test_refusals():
    with pytest.raises(EmptySample):
        compare(sample(10, 1), sample(1000, 2))
    energy, response = sample(500, 1)
    with pytest.raises(BadValue, match="response of the truth"):
        compare((energy, 0 * response), (energy, response))


def test_a_generator_that_deposits_nothing_fails_without_a_warning():
    energy, response = sample(500, 1)
    summary = compare((energy, response), (energy, 0 * response))
    assert summary.bias_max.value == 1
    assert summary.ratio_max == np.inf


def test_each_particle_is_compared_with_itself():
    """Electrons of response 0.03 and pions of 0.02, mixed 1:1 in the truth and 3:1 in the generated sample: no bias."""
    pdg = [np.repeat([11, -211], n) for n in ((2000, 2000), (3000, 1000))]
    parts = [
        (sample(a, seed), sample(b, seed + 1, scale=2 / 3)) for seed, (a, b) in ((1, (2000, 2000)), (3, (3000, 1000)))
    ]
    truth, generated = (tuple(np.concatenate(pair) for pair in zip(*both, strict=True)) for both in parts)
    summary = compare(truth, generated, pdg=(pdg[0], pdg[1]))
    assert list(summary.by_particle()) == ["pi-", "e-"]
    for bins, response in zip(summary.by_particle().values(), (0.02, 0.03), strict=True):
        assert sum(b.n_truth for b in bins) == 2000
        for b in bins:
            assert b.mean_truth == pytest.approx(response, rel=0.02)
            assert abs(b.bias) < 4 * b.bias_error
            assert b.resolution_truth < 0.11
            assert b.label.startswith(b.particle)
    pooled = compare(truth, generated)
    assert min(b.bias / b.bias_error for b in pooled.bins) > 5  # the mixture's mean is no particle's


def test_a_bias_of_one_particle_is_not_hidden_by_the_other():
    pdg = np.repeat([11, 22], 2000)
    truth = tuple(np.concatenate(pair) for pair in zip(sample(2000, 1), sample(2000, 2), strict=True))
    both = (sample(2000, 3, scale=1.03), sample(2000, 4, scale=0.97))
    generated = tuple(np.concatenate(pair) for pair in zip(*both, strict=True))
    for name, bins in compare(truth, generated, pdg=(pdg, pdg)).by_particle().items():
        sign = 1 if name == "e-" else -1
        for b in bins:
            assert sign * b.bias == pytest.approx(0.03, abs=4 * b.bias_error)


def test_one_particle_has_no_name_and_the_same_numbers():
    truth, generated = sample(1500, 1), sample(1500, 2)
    alone = compare(truth, generated, pdg=(np.full(1500, 11), np.full(1500, 11)))
    assert alone == compare(truth, generated)
    assert {b.particle for b in alone.bins} == {""}
