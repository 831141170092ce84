"""Measures of the latent on a linear Gaussian model, where all of them are known."""

import math

import pytest
import torch

from caloforge.diagnosis.collapse.latent import judge_latent, measure_latent
from caloforge.validation.finding import Status


def linear_gaussian(noise, n=2000, idle=2):
    """x = z + noise in two dimensions with its exact posterior, and ``idle`` latents that say nothing."""
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(n, 2, generator=generator)
    x = z + noise * torch.randn(n, 2, generator=generator)
    mean = torch.cat([x / (1 + noise**2), torch.zeros(n, idle)], 1)
    std = torch.cat([torch.full((n, 2), noise / math.sqrt(1 + noise**2)), torch.ones(n, idle)], 1)

    def log_likelihood(latent):
        return (-0.5 * ((x - latent[:, :2]) / noise) ** 2 - math.log(noise) - 0.5 * math.log(2 * math.pi)).sum(1)

    prior = torch.randn(n, 2 + idle, generator=generator)
    return mean, std.log(), log_likelihood, torch.rand(n, generator=generator), prior, generator


def test_measures_agree_with_the_closed_forms():
    noise = 0.5
    use = measure_latent(*linear_gaussian(noise))
    information = math.log(1 + 1 / noise**2)  # two dimensions, half of it each
    assert use.active_units == 2
    assert sum(use.rate) == pytest.approx(information, rel=0.03)
    assert use.information == pytest.approx(information, rel=0.05)
    assert use.average_from_normal == pytest.approx(0, abs=0.1)
    # z is exchanged for an independent one: E[(x - z')^2] - E[(x - z)^2] over 2 s^2, two dimensions
    lost = ((1 + noise**2 + 1) - (noise**4 + noise**2) / (1 + noise**2)) / noise**2
    assert use.lost == pytest.approx(lost, abs=4 * use.lost_error)
    assert use.sensitivity == pytest.approx([lost / 2, lost / 2, 0, 0], abs=4 * use.lost_error)
    assert max(use.from_prior) < 1.95 * math.sqrt(2 / 2000)  # Kolmogorov's bound at 0.1 %, equal sizes
    assert judge_latent(use).status is Status.PASS


def test_a_collapsed_posterior_alarms():
    mean, log_std, _, energy, prior, generator = linear_gaussian(0.5)
    use = measure_latent(0 * mean, 0 * log_std, lambda z: torch.zeros(len(z)), energy, prior, generator)
    assert use.active_units == 0
    assert use.information == pytest.approx(0, abs=1e-6)
    finding = judge_latent(use)
    assert finding.status is Status.FAIL
    assert "free_bits" in finding.remedy


def test_a_decoder_that_ignores_an_active_latent_alarms():
    mean, log_std, _, energy, prior, generator = linear_gaussian(0.5)
    use = measure_latent(mean, log_std, lambda z: torch.zeros(len(z)), energy, prior, generator)
    assert use.active_units == 2
    assert judge_latent(use).status is Status.FAIL


def test_few_showers_cannot_tell():
    assert judge_latent(measure_latent(*linear_gaussian(0.5, n=50))).status is Status.CANNOT_TELL
