"""The two causes of mode collapse on a plane: what a missing mode costs, and gradients that never visit it."""

import math

import pytest
import torch
from collapse_causes import divergence, sampled_divergence
from toy_game import REMEDIES, Outcome, ToyGame, gradients, play, two_modes

from caloforge.diagnosis.collapse.modes import judge_modes, measure_modes
from caloforge.models.adversary import mode_seeking
from caloforge.rng import stream, torch_stream
from caloforge.validation.finding import Status

N = 8000  # points
RARITY = 0.01


@pytest.mark.parametrize("rarity", [0.5, 0.1, 0.01])
def test_the_cost_of_a_missing_mode_agrees_with_samples(rarity):
    value, error = sampled_divergence(rarity, 12.0, 200_000, stream(1, "missing mode"))
    assert value == pytest.approx(divergence(rarity), abs=4 * error)


def test_the_cost_of_a_missing_mode_has_its_limits():
    assert divergence(1e-4) == pytest.approx(0.5e-4 * math.log(2), rel=1e-3)
    assert divergence(1 - 1e-9) == pytest.approx(math.log(2), rel=1e-6)
    costs = [divergence(rarity) for rarity in (0.001, 0.01, 0.1, 0.5)]
    assert costs == sorted(costs)


def findings(points, seed, rarity=RARITY):
    truth, mode = two_modes(N, rarity, torch_stream(seed, "truth"))
    modes = measure_modes(truth.double().numpy(), mode.numpy(), points.double().numpy(), stream(seed, "modes"))
    return judge_modes(modes)


def test_the_minimax_game_loses_the_rare_mode_and_is_flagged():
    outcome = play(REMEDIES["minimax"], 1)
    common, rare = gradients(outcome, 5000, torch_stream(1, "gradients"))
    assert rare.share < 0.002
    assert rare.of_total < 0.05 < common.of_total
    assert findings(outcome.sample(N, torch_stream(1, "sample")), 1)[1].status is Status.FAIL


@pytest.mark.parametrize(("rarity", "statuses"), [(0.05, {Status.PASS}), (RARITY, {Status.PASS, Status.CANNOT_TELL})])
def test_truth_itself_is_not_flagged(rarity, statuses):
    """A mode of 1 % in 8,000 points is too rare for the test of its share to pass, not to lose."""
    points, _ = two_modes(N, rarity, torch_stream(7, "perfect generator"))
    assert {f.status for f in findings(points, 2, rarity)} == statuses


def test_same_seed_same_game():
    short = ToyGame(steps=5)
    first, second = (play(short, 3).sample(50, torch_stream(3, "sample")) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("name", REMEDIES)
def test_every_remedy_moves_the_generator(name):
    options = REMEDIES[name]
    before, after = (play(ToyGame(**{**vars(options), "steps": steps}), 4) for steps in (1, 4))
    assert isinstance(after, Outcome)
    moved = [
        not torch.equal(a, b) for a, b in zip(before.generator.parameters(), after.generator.parameters(), strict=True)
    ]
    assert all(moved)


def test_the_mode_seeking_term_is_the_ratio_of_distances():
    z = torch.tensor([[0.0], [1.0]])
    other = torch.tensor([[1.0], [3.0]])  # mean distance 1.5
    assert float(mode_seeking(3 * z, 3 * other, z, other)) == pytest.approx(1 / 3, rel=1e-4)
    assert float(mode_seeking(z, z, z, other)) == pytest.approx(1e5)
