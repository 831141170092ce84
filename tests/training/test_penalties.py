"""Laws as penalties, on models whose violation is known."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from caloforge.errors import BadValue, EmptySample
from caloforge.training.laws import LAWS, Samples
from caloforge.training.penalties import PenaltyConfig, PhysicsPenalty, binned

DEPTH = torch.tensor([10.0, 30.0, 50.0, 70.0])
SLOPE, STOCHASTIC, CONSTANT = 0.03, 0.2, 0.01


def showers(energy, n, rng, response=1.0, width=1.0, shift=0.0):
    """Layer energies with a known response, resolution and depth, and factors that violate them."""
    e = np.asarray(energy, np.float64)[:, None]
    relative = width * np.sqrt(STOCHASTIC**2 / (e / 1e3) + CONSTANT**2)
    total = response * SLOPE * e * (1 + relative * rng.normal(size=(len(e), n)))
    deep = 0.5 + 0.05 * np.log(e / 1e4) + 0.02 * rng.normal(size=total.shape) + shift
    shares = np.stack([(1 - deep) / 2, (1 - deep) / 2, deep / 2, deep / 2], axis=2)
    return torch.tensor(total[:, :, None] * shares, dtype=torch.float32)


ENERGY = torch.tensor(np.geomspace(1e3, 3e5, 6), dtype=torch.float32)


def truth():
    return Samples(ENERGY, showers(ENERGY, 10_000, np.random.default_rng(1)), DEPTH)


@pytest.mark.parametrize("name", LAWS)
def test_fitted_laws_hold_for_the_truth(name):
    samples = truth()
    coefficients = LAWS[name].fit(samples)
    assert LAWS[name].violation(samples, coefficients).abs().max() < 0.03


def test_fits_find_the_coefficients():
    samples = truth()
    assert LAWS["linear_response"].fit(samples) == pytest.approx((SLOPE,), rel=2e-3)
    a, b, c = LAWS["resolution"].fit(samples)
    assert (a, b) == pytest.approx((STOCHASTIC, CONSTANT), rel=0.1)
    assert c < 0.05
    b0, b1, _ = LAWS["depth"].fit(samples)
    assert (b0, b1) == pytest.approx((20 + 40 * 0.5, 40 * 0.05), rel=0.03)


@pytest.mark.parametrize(
    ("name", "wrong", "size"),
    [("linear_response", "response", 1.0), ("resolution", "width", 1.0), ("depth", "shift", 40.0 / (40 * 0.02))],
)
def test_a_violation_is_measured_in_proportion(name, wrong, size):
    """g grows with the size of the violation: as the deviation itself, or its logarithm."""
    coefficients = LAWS[name].fit(truth())
    rng = np.random.default_rng(2)
    for deviation in (0.02, 0.04, -0.04):
        value = deviation if wrong == "shift" else 1 + deviation
        samples = Samples(ENERGY, showers(ENERGY, 40_000, rng, **{wrong: value}), DEPTH)
        assert float(LAWS[name].violation(samples, coefficients).mean()) == pytest.approx(size * deviation, rel=0.25)


def config(**options):
    fixed = {"laws": {"linear_response": (SLOPE,)}, "showers": 64, "points": 6, "energies": ("1GeV", "300GeV")}
    return PenaltyConfig(**fixed | options)


def drawn(rng, **wrong):
    """A model with a known violation."""
    return lambda energy, n: Samples(energy, showers(energy, n, rng, **wrong), DEPTH)


def test_the_penalty_does_not_punish_the_width():
    """Mean of the penalty of a right model: zero, although every single estimate of g scatters."""
    penalty = PhysicsPenalty(config(rate=0.0), truth()).eval()
    rng = np.random.default_rng(3)
    values = [float(penalty(drawn(rng))["penalty"].detach()) for _ in range(200)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))


@pytest.mark.parametrize(("name", "wrong", "right"), [("linear_response", "response", 1.0), ("depth", "shift", 0.0)])
def test_the_penalty_is_quadratic_in_the_violation_and_linear_far_off(name, wrong, right):
    penalty = PhysicsPenalty(config(laws={name: None}, rate=0.0, stiffness=2.0), truth()).eval()
    rng, unit = np.random.default_rng(4), penalty.scatter[0] / (1.0 if wrong == "response" else 1 / 0.02)

    def mean(h):
        draw = drawn(rng, **{wrong: right + h * unit})
        return np.mean([float(penalty(draw)["penalty"]) for _ in range(200)])

    assert mean(0.35) == pytest.approx(6 * 0.35**2, rel=0.1)
    assert mean(0.7) == pytest.approx(4 * mean(0.35), rel=0.1)
    assert mean(8.0) == pytest.approx(6 * 2 * (8.0 - 0.5), rel=0.1)


def test_the_multiplier_term_is_linear_in_the_violation():
    penalty = PhysicsPenalty(config(), truth()).eval()

    def with_multipliers(response, value):
        penalty.multipliers = torch.full_like(penalty.multipliers, value)
        states = [np.random.default_rng(i) for i in range(50)]
        return np.mean([float(penalty(drawn(r, response=response))["penalty"]) for r in states])

    part = [with_multipliers(response, 3.0) - with_multipliers(response, 0.0) for response in (1.02, 1.04)]
    assert part[0] == pytest.approx(3.0 * 6 * 0.02 / penalty.scatter[0], rel=0.1)
    assert part[1] == pytest.approx(2 * part[0], rel=0.1)


def test_multipliers_make_the_law_hold_against_an_opposing_loss():
    """A loss that wants a response of 1.1 is overruled; with the quadratic term alone it is not."""

    def train(rate):
        torch.manual_seed(0)
        response = torch.nn.Parameter(torch.ones(6))
        penalty = PhysicsPenalty(config(rate=rate, stiffness=0.1), truth())
        optimiser = torch.optim.SGD([response], lr=0.002)
        rng = np.random.default_rng(5)
        for _ in range(600):

            def draw(energy, n):
                return Samples(energy, showers(energy, n, rng) * response[:, None, None], DEPTH)

            loss = 50 * ((response - 1.1) ** 2).sum() + penalty(draw)["penalty"]
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return float((response - 1).abs().mean().detach()), penalty.multipliers

    held, multipliers = train(0.05)
    ignored, _ = train(0.0)
    assert held < 0.02 < 0.04 < ignored
    assert bool((multipliers > 0.5).all())


def test_bad_penalties_are_refused():
    with pytest.raises(ValidationError, match="linear_response"):
        PenaltyConfig(laws={"linear": None})
    with pytest.raises(BadValue, match="lower and a higher"):
        PhysicsPenalty(config(energies=("10GeV", "1GeV")), truth())
    with pytest.raises(BadValue, match="not finite at"):
        PhysicsPenalty(config(laws={"linear_response": (0.0,)}), truth())
    with pytest.raises(EmptySample, match="160 showers"):
        binned(np.ones((50, 4)), np.ones(50), DEPTH.numpy())


def test_bins_take_the_width_of_the_energies_out():
    rng = np.random.default_rng(6)
    energy = np.exp(rng.uniform(np.log(1e4), np.log(1e5), 8000))
    layers = showers(energy, 1, rng)[:, 0].numpy()
    a, _, _ = LAWS["resolution"].fit(binned(layers, energy, DEPTH.numpy()))
    assert a == pytest.approx(STOCHASTIC, rel=0.1)
