"""The error of a model: members drawn from a known posterior, the Monte-Carlo part taken out, honest intervals."""

import math

import numpy as np
import pytest
import torch

from caloforge.data.incident import Incident
from caloforge.data.provenance import TrainingProvenance
from caloforge.errors import BadValue
from caloforge.generation.uncertainty import Expectation, ensemble_expectation, half_width
from caloforge.models import Generator
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import torch_stream
from caloforge.training.run import Run


class Shifted(Generator):
    """Showers of the training sample whose first energy feature is theta + z: its expectation is theta."""

    explicit = False
    noise_shape = (1,)

    def __init__(self, x, theta):
        super().__init__()
        self.x, self.theta = x, theta

    def loss(self, x, c, progress, generator):
        raise NotImplementedError

    def sample(self, noise, c):
        x = self.x[:1].repeat(len(noise), 1)
        x[:, 0] = self.theta + noise[:, 0]
        return x


def test_members_of_a_known_posterior(binning, showers):
    """T is linear in the parameter, so the spread of E[T] is that of the parameters, whatever the noise."""
    pipeline = Pipeline(binning)
    pipeline.fit(showers, torch_stream(1, "test"))
    full = showers[np.flatnonzero(showers.layer_energy.min(axis=1) > 0)[:1]]
    x = pipeline(full, torch_stream(1, "test"))[0]
    thetas = np.random.default_rng(4).normal(0.1, 0.03, 6)
    members = [Run(Shifted(x, float(theta)), pipeline, TrainingProvenance()) for theta in thetas]

    def first_feature(made):
        return pipeline(made, torch_stream(1, "test"))[0][:, 0].numpy()

    at = Incident.alike(np.array([2e4], np.float32))
    found = ensemble_expectation(members, first_feature, at, 400, seed=3)
    assert found.members == 6
    assert found.model_error[0] == pytest.approx(thetas.std(ddof=1), rel=1e-2)
    assert found.mc_error[0] == pytest.approx(1 / math.sqrt(400), rel=0.15)
    assert found.value[0] == pytest.approx(thetas.mean(), abs=4 / math.sqrt(400))
    alone = ensemble_expectation(members[:1], first_feature, at, 400, seed=3)
    assert np.isnan(alone.model_error[0])
    assert alone.mc_error[0] == pytest.approx(found.mc_error[0], rel=1e-2)
    with pytest.raises(BadValue, match="at least two"):
        ensemble_expectation(members, first_feature, at, 1, seed=3)
    with pytest.raises(BadValue, match="taken at one"):
        ensemble_expectation(members, first_feature, at.repeated(2), 10, seed=3)


def toy(rng, members=5, showers=40, columns=20_000, tau=1.0, noise=2.0):
    """Posterior N(0, tau^2) for each column, every member with Monte-Carlo noise of its own: (truth, draws)."""
    centre = rng.normal(0, tau, (members + 1, 1, 1, columns))
    return centre[0, 0, 0], centre[1:] + rng.normal(0, noise, (members, 1, showers, columns))


def test_the_monte_carlo_part_is_taken_out():
    _, draws = toy(np.random.default_rng(1), noise=3.0)
    found = Expectation.of(draws)
    spread = found.member_values.var(axis=0, ddof=1).mean()
    assert spread == pytest.approx(1 + 9 / 40, rel=0.03)
    assert (found.model_error**2).mean() == pytest.approx(1.0, rel=0.04)
    assert (found.mc_error**2).mean() == pytest.approx(9 / 40 / 5, rel=0.03)


@pytest.mark.parametrize("members", [2, 5, 20])
@pytest.mark.parametrize("level", [0.6827, 0.95])
def test_a_perfect_posterior_is_covered_as_promised(members, level):
    """Truth and members from one posterior: Student's t with K - 1 degrees of freedom is exact."""
    truth, draws = toy(np.random.default_rng(members), members, showers=4, noise=1e-3)
    found = Expectation.of(draws)
    covered = (np.abs(found.value - truth) <= found.half_width(level)).mean()
    assert covered == pytest.approx(level, abs=4 * math.sqrt(level * (1 - level) / len(truth)))


def test_well_known_errors_make_the_interval_gaussian():
    """Degrees of freedom of Welch and Satterthwaite: K - 1 for the model alone, many where another error dominates."""
    one, none = np.ones(1), np.zeros(1)
    assert half_width(0.95, one, 5, none) == pytest.approx(2.776 * math.sqrt(1.2), rel=1e-3)
    assert half_width(0.95, none, 5, one) == pytest.approx(1.960, rel=1e-3)
    assert half_width(0.95, 1e-6 * one, 5, one) == pytest.approx(1.960, rel=1e-3)


def test_given_conditions_add_no_monte_carlo_error():
    rng = np.random.default_rng(2)
    at = rng.normal(0, 100, (1, 30, 1, 1))
    found = Expectation.of(at + rng.normal(0, 1, (1, 30, 50, 1)).repeat(3, axis=0))
    assert found.mc_error[0] == pytest.approx(1 / math.sqrt(1500), rel=0.1)
    assert found.model_error[0] == 0.0


def test_undefined_values_are_left_out():
    draws = np.random.default_rng(3).normal(0, 1, (4, 1, 100, 2))
    draws[1, 0, :30, 0] = np.nan
    draws[:, :, :, 1] = np.nan
    found = Expectation.of(draws)
    kept = Expectation.of(draws[:, :, 30:, :1])
    assert found.value[0] == pytest.approx(kept.value[0])
    assert found.mc_error[0] == pytest.approx(kept.mc_error[0])
    assert found.model_error[0] == pytest.approx(kept.model_error[0])
    assert np.isnan(found.value[1])


def test_one_block_after_another(binning, showers):
    """More showers than a block: the noise of the first ones does not change."""
    pipeline = Pipeline(binning)
    pipeline.fit(showers, torch_stream(1, "test"))
    x = pipeline(showers[:1], torch_stream(1, "test"))[0]
    member = Run(Shifted(x, 0.0), pipeline, TrainingProvenance())
    at = Incident.alike(np.array([2e4], np.float32))
    seen = []
    ensemble_expectation([member], lambda s: seen.append(len(s)) or s.total_energy, at, 2300, seed=3)
    assert seen == [1000, 1000, 300]
    assert torch.equal(member.model.x, x)
