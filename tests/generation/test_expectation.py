"""Expectations over the latent prior, their errors, and what common random numbers save."""

import math

import numpy as np
import pytest
import torch

from caloforge.data.incident import Incident
from caloforge.errors import BadValue
from caloforge.generation.expectation import expectation, expected_difference
from caloforge.models import Generator, ImplicitDensity, model_config
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import torch_stream


class Lognormal(Generator):
    """x = exp(c + z / 2): E[x] = exp(c + 1/8). A sampler without a density of its own."""

    explicit = False
    noise_shape = (1,)

    def loss(self, x, c, progress, generator):
        raise NotImplementedError

    def sample(self, noise, c):
        return (c + noise / 2).exp()


def first(x, c):
    return x[:, 0]


def test_the_law_of_the_unconscious_statistician():
    """The error is honest: over many seeds, the truth lies within one of them two times out of three."""
    truth = math.exp(0.3 + 1 / 8)
    c = torch.tensor([0.3])
    pulls = []
    for seed in range(200):
        value, error = Lognormal().expectation(first, c, 1500, torch_stream(seed, "test"))
        pulls.append((float(value) - truth) / float(error))
    assert abs(np.mean(pulls)) < 0.25
    assert np.std(pulls) == pytest.approx(1.0, abs=0.15)


def test_columns_are_estimated_together():
    value, error = Lognormal().expectation(
        lambda x, c: torch.cat([x, x**2], 1), torch.zeros(1), 4000, torch_stream(1, "test")
    )
    assert value.shape == error.shape == (2,)
    assert value[1].item() == pytest.approx(math.exp(0.5), abs=4 * error[1].item())


def test_common_random_numbers_reduce_the_variance():
    """The same z at both conditions: the difference of the means is known ten times better than from two samples."""
    model, c, other = Lognormal(), torch.tensor([0.05]), torch.tensor([0.0])
    common = model.difference(first, c, other, 2000, torch_stream(1, "test"))
    apart = [model.expectation(first, at, 2000, torch_stream(k, "test")) for k, at in enumerate((c, other))]
    independent = math.hypot(*(float(estimate.error) for estimate in apart))
    truth = math.exp(1 / 8) * (math.exp(0.05) - 1)
    assert float(common.value) == pytest.approx(truth, abs=4 * float(common.error))
    assert float(common.error) < independent / 10


def test_an_implicit_model_has_no_likelihood():
    with pytest.raises(ImplicitDensity, match=r"Lognormal has no likelihood.*only through samples.*caloforge validate"):
        Lognormal().log_prob(torch.ones(3, 1), torch.zeros(3, 1), torch_stream(1, "test"))


def test_two_showers_at_least():
    with pytest.raises(BadValue, match="at least two"):
        Lognormal().expectation(first, torch.zeros(1), 1, torch_stream(1, "test"))


@pytest.fixture(scope="module")
def vae(binning, showers):
    pipeline = Pipeline(binning)
    pipeline.fit(showers, torch_stream(1, "test"))
    x, c, _ = pipeline(showers, torch_stream(1, "test"))
    torch.manual_seed(0)
    model = model_config({"name": "vae", "latent": 2, "width": 8, "depth": 1, "flow_transforms": 2}).build(pipeline)
    model.initialise(x, c)
    return model.requires_grad_(False), pipeline


def at(energy):
    return Incident.alike(np.array([energy], np.float32))


def test_observables_of_showers(vae):
    """f of showers in MeV: energy per layer, here for real showers of a model."""
    value, error = expectation(*vae, lambda s: s.layer_energy, at(2e4), 1200, seed=3)
    assert value.shape == error.shape == (3,)
    assert (error > 0).all()
    again = expectation(*vae, lambda s: s.layer_energy, at(2e4), 1200, seed=3)
    assert np.array_equal(value, again[0])


def test_difference_between_energies(vae):
    def total(showers):
        return showers.total_energy

    value, error = expected_difference(*vae, total, at(2.02e4), at(2e4), 1000, seed=3)
    means = [expectation(*vae, total, at(e), 1000, seed=3) for e in (2.02e4, 2e4)]
    assert float(value) == pytest.approx(float(means[0][0] - means[1][0]), rel=1e-6)
    assert float(error) < 0.3 * math.hypot(float(means[0][1]), float(means[1][1]))
