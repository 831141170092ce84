"""Bins of angle hold equal numbers, as many bins as the showers allow; labels say one energy where there is one."""

import numpy as np
import pytest

from caloforge.metrics.bins import angle_edges, energy_label
from caloforge.metrics.response import compare_response
from caloforge.units import GeV, deg

ANGLES = np.linspace(0, 30, 1000) * deg


@pytest.mark.parametrize(("n", "bins"), [(1000, 4), (399, 3), (250, 2)])
def test_there_are_as_many_bins_as_have_enough_showers(n, bins):
    angles = np.random.default_rng(1).permutation(ANGLES)[:n]
    edges = angle_edges(angles, angles[: n - 2])
    counts = np.histogram(angles, edges)[0]
    assert len(counts) == bins
    assert counts.sum() == n
    assert np.ptp(counts) <= 1


def test_one_angle_or_too_few_showers_have_no_bins():
    assert angle_edges(np.full(1000, 0.3), np.full(1000, 0.3)) is None
    assert angle_edges(ANGLES[:150], ANGLES) is None
    assert angle_edges(ANGLES, ANGLES[:150]) is None


def test_discrete_angles_have_a_bin_each():
    angles = np.repeat([0.0, 0.1, 0.4], 200)
    assert np.histogram(angles, angle_edges(angles, angles))[0].tolist() == [200, 200, 200]


def test_a_bin_of_one_energy_is_that_energy():
    assert energy_label(50 * GeV * (1 - 1e-6), 50 * GeV * (1 + 1e-6)) == "50 GeV"
    assert energy_label(50 * GeV, 51 * GeV) == "50–51 GeV"


def test_a_response_that_falls_with_the_angle_is_seen_there_and_not_against_energy():
    """4 % too low at the largest angles, made up for at the smallest."""
    rng = np.random.default_rng(2)
    theta = rng.permutation(np.tile(ANGLES, 4))
    energy = np.exp(rng.uniform(0, 3, len(theta))) * GeV
    response = 0.03 * (1 + 0.05 * rng.normal(size=len(theta)))
    tilted = response * (1.02 - 0.04 * theta / theta.max())
    summary = compare_response((energy, response), (energy, tilted), rng, repeats=20, theta=(theta, theta))
    assert [b.of for b in summary.angles] == ["theta"] * 4
    for b, expected in zip(summary.angles, (0.015, 0.005, -0.005, -0.015), strict=True):
        assert b.bias == pytest.approx(expected, abs=4 * b.bias_error)
        assert b.low < b.energy < b.high
    assert abs(summary.bias_max.value) < 4 * summary.bias_bin.bias_error


def test_at_one_angle_there_are_no_bins_of_angle():
    rng = np.random.default_rng(3)
    sample = np.full(200, 1e4), 1 + 0.1 * rng.normal(size=200)
    flat = np.zeros(200)
    assert compare_response(sample, sample, rng, repeats=3, theta=(flat, flat)).angles == ()
    assert compare_response(sample, sample, rng, repeats=3).bins[0].label == "10 GeV"
