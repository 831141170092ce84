"""Laws as penalties, on models whose violation is known."""

import functools

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from caloforge.data.showers import Showers
from caloforge.errors import BadValue, BrokenPlugin, EmptySample
from caloforge.geometry.binning import Binning, Layer
from caloforge.training.draws import Samples, binned
from caloforge.training.laws import LAWS, PLUGINS, Law, law
from caloforge.training.penalties import PenaltyConfig, PhysicsPenalty

MESH = Binning(tuple(Layer(i, (0.0, 10.0), 1, (20.0 * i, 20.0 * (i + 1))) for i in range(4)), "four slabs")
OF_LAYERS = [name for name, known in LAWS.items() if not known.needs_cells]
OF_CELLS = [name for name, known in LAWS.items() if known.needs_cells]
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


@functools.cache
def truth():
    return Samples(ENERGY, showers(ENERGY, 10_000, np.random.default_rng(1)), MESH)


@pytest.mark.parametrize("name", OF_LAYERS)
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
        samples = Samples(ENERGY, showers(ENERGY, 40_000, rng, **{wrong: value}), MESH)
        assert float(LAWS[name].violation(samples, coefficients).mean()) == pytest.approx(size * deviation, rel=0.25)


def config(**options):
    fixed = {"laws": {"linear_response": (SLOPE,)}, "showers": 64, "points": 6, "energies": ("1GeV", "300GeV")}
    return PenaltyConfig(**fixed | options)


def drawn(rng, **wrong):
    """A model with a known violation."""
    return lambda energy, n: Samples(energy, showers(energy, n, rng, **wrong), MESH)


def test_the_penalty_does_not_punish_the_width():
    """Mean of the penalty of a right model: zero, although every single estimate of g scatters."""
    penalty = PhysicsPenalty(config(rate=0.0), truth()).eval()
    rng = np.random.default_rng(3)
    values = [float(penalty(drawn(rng))[0]) for _ in range(60)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))


@pytest.mark.parametrize(("name", "wrong", "right"), [("linear_response", "response", 1.0), ("depth", "shift", 0.0)])
def test_the_penalty_is_quadratic_in_the_violation_and_linear_far_off(name, wrong, right):
    penalty = PhysicsPenalty(config(laws={name: None}, rate=0.0, stiffness=2.0), truth()).eval()
    rng, unit = np.random.default_rng(4), float(penalty.scatter[0]) / (1.0 if wrong == "response" else 1 / 0.02)

    def mean(h):
        draw = drawn(rng, **{wrong: right + h * unit})
        return np.mean([float(penalty(draw)[0]) for _ in range(60)])

    assert mean(0.35) == pytest.approx(6 * 0.35**2, rel=0.1)
    assert mean(0.7) == pytest.approx(4 * mean(0.35), rel=0.1)
    assert mean(8.0) == pytest.approx(6 * 2 * (8.0 - 0.5), rel=0.1)


def test_the_multiplier_term_is_linear_in_the_violation():
    penalty = PhysicsPenalty(config(), truth()).eval()

    def with_multipliers(response, value):
        penalty.multipliers = torch.full_like(penalty.multipliers, value)
        states = [np.random.default_rng(i) for i in range(50)]
        return np.mean([float(penalty(drawn(r, response=response))[0]) for r in states])

    part = [with_multipliers(response, 3.0) - with_multipliers(response, 0.0) for response in (1.02, 1.04)]
    assert part[0] == pytest.approx(3.0 * 6 * 0.02 / float(penalty.scatter[0]), rel=0.1)
    assert part[1] == pytest.approx(2 * part[0], rel=0.1)


def test_multipliers_make_the_law_hold_against_an_opposing_loss():
    """A loss that wants a response of 1.1 is overruled; with the quadratic term alone it is not."""

    def train(rate):
        torch.manual_seed(0)
        response = torch.nn.Parameter(torch.ones(6))
        penalty = PhysicsPenalty(config(rate=rate, stiffness=0.1), truth())
        optimiser = torch.optim.SGD([response], lr=0.004)
        rng = np.random.default_rng(5)
        for _ in range(120):

            def draw(energy, n):
                return Samples(energy, showers(energy, n, rng) * response.repeat(2)[:, None, None], MESH)

            loss = 50 * ((response - 1.1) ** 2).sum() + penalty(draw)[0]
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return float((response - 1).abs().mean().detach()), penalty.multipliers

    held, multipliers = train(0.5)
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
    few = Showers.perpendicular(np.ones((50, 4), np.float32), np.ones(50, np.float32), MESH)
    with pytest.raises(EmptySample, match="160 showers"):
        binned(few)
    with pytest.raises(BadValue, match="the law has 3 coefficients"):
        PhysicsPenalty(config(laws={"depth": (1.0, 2.0)}), truth())


def test_bins_take_the_width_of_the_energies_out():
    rng = np.random.default_rng(6)
    energy = np.exp(rng.uniform(np.log(1e4), np.log(1e5), 8000))
    layers = showers(energy, 1, rng)[:, 0].numpy()
    a, _, _ = LAWS["resolution"].fit(binned(Showers.perpendicular(layers, energy.astype(np.float32), MESH)))
    assert a == pytest.approx(STOCHASTIC, rel=0.1)


def test_a_response_with_leakage_takes_more_coefficients():
    """As many as the truth demands: one for a constant response, two where it falls with log energy."""
    energy = torch.tensor(np.geomspace(1e3, 1e5, 8), dtype=torch.float32)
    straight = showers(energy, 2000, np.random.default_rng(7))
    leaking = straight * (1 - 0.02 * (energy / 1e4).log())[:, None, None]
    assert len(LAWS["linear_response"].fit(Samples(energy, straight, MESH))) == 1
    assert LAWS["linear_response"].fit(Samples(energy, leaking, MESH)) == pytest.approx((SLOPE, -0.02 * SLOPE), rel=0.1)


def test_the_truth_may_contradict_a_law():
    assert PhysicsPenalty(config(laws={"linear_response": None, "depth": None}), truth()).doubts == []
    (doubt,) = PhysicsPenalty(config(laws={"linear_response": (1.1 * SLOPE,), "depth": None}), truth()).doubts
    assert "violate the law linear_response" in doubt


@pytest.fixture
def cells(binning, showers):
    return binned(showers, cells=True)


@pytest.mark.parametrize("name", OF_CELLS)
def test_laws_of_cells_hold_for_the_truth(name, cells):
    g = LAWS[name].violation(cells, ())
    assert g.abs().max() < 0.05
    assert PhysicsPenalty(config(laws={name: None}), cells).doubts == []


def test_violations_of_cells_have_their_size(cells, binning):
    layers, alpha = cells.layers, torch.tensor(binning.alpha_centres).float()

    def violation(name, wrong):
        return LAWS[name].violation(Samples(cells.energy, layers, binning, wrong), ())

    assert violation("layer_sum", 1.1 * cells.cells).numpy() == pytest.approx(0.1, rel=1e-3)
    assert violation("non_negative", -0.5 * cells.cells).numpy() == pytest.approx(0.5, rel=1e-3)
    tilted = violation("phi_symmetry", cells.cells * (1 + 0.2 * alpha.cos()))
    assert tilted.mean(0).tolist() == pytest.approx([0.1, 0.0], abs=0.02)  # the mean of 0.2 cos^2


MINE = """
from caloforge.training.laws import Law, law

@law("{name}")
class Mine(Law):
    def violation(self, samples, coefficients):
        return {value}
"""


@pytest.fixture
def clean_registry():
    before = dict(LAWS)
    yield
    LAWS.clear()
    LAWS.update(before)


def test_a_law_of_ones_own(tmp_path, clean_registry):
    path = tmp_path / "mine.py"
    path.write_text(MINE.format(name="front", value="samples.layers[:, :, 0].mean(1) / samples.energy"))
    assert PLUGINS.load_file(path) == ("front",)
    assert PhysicsPenalty(config(laws={"front": None}), truth()).rows == ["front"]
    path.write_text(MINE.format(name="depth", value="0"))
    with pytest.raises(BrokenPlugin, match=r"'depth'; it is defined by caloforge.training.laws"):
        PLUGINS.load_file(path)


def test_a_broken_law_is_named(clean_registry):
    @law("broken")
    class Broken(Law):
        def violation(self, samples, coefficients):
            return samples.cells.mean(1)

    with pytest.raises(BrokenPlugin, match=r"law broken fails with AttributeError.*; mend the law"):
        PhysicsPenalty(config(laws={"broken": None}), truth())
