"""Mutual information, correlation and Sobol indices against closed forms, and their floors."""

import numpy as np
import pytest
import torch

from caloforge.errors import EmptySample
from caloforge.interpretation.information import measure_dependence, mutual_information, normal_scores
from caloforge.interpretation.variance import measure_variance


def gaussians(rho, n, seed):
    x, y = np.random.default_rng(seed).normal(size=(2, n))
    return x, rho * x + np.sqrt(1 - rho**2) * y


@pytest.mark.parametrize("rho", [0.0, 0.3, -0.6, 0.9])
def test_information_of_gaussians(rho):
    """-1/2 ln(1 - rho^2), with an error that the scatter over samples confirms."""
    found = [mutual_information(*gaussians(rho, 2000, seed)) for seed in range(12)]
    values, errors = np.array(found).T
    assert values.mean() == pytest.approx(-0.5 * np.log(1 - rho**2), abs=0.012)
    assert values.std(ddof=1) == pytest.approx(errors.mean(), rel=0.7)


def test_information_does_not_change_with_the_scale():
    x, y = gaussians(0.6, 1500, 1)
    rng = np.random.default_rng(0)
    assert np.array_equal(normal_scores(x, rng), normal_scores(np.exp(3 * x), rng))
    value, error = mutual_information(normal_scores(np.exp(3 * x), rng), normal_scores(y**3, rng))
    assert value == pytest.approx(-0.5 * np.log(1 - 0.6**2), abs=4 * error + 0.01)


def test_scores_are_gaussian_and_break_ties():
    scores = normal_scores(np.zeros(999), np.random.default_rng(0))
    assert len(np.unique(scores)) == 999
    assert np.median(scores) == pytest.approx(0, abs=1e-12)
    assert scores.std() == pytest.approx(1, abs=0.01)


@pytest.fixture(scope="module")
def matrix():
    """Latents: a, b, c; shapes: linear in a and b, the square of b, and nothing."""
    rng = np.random.default_rng(5)
    z = rng.normal(size=(1500, 3))
    noise = rng.normal(size=(1500, 3))
    shapes = np.stack([0.6 * z[:, 0] + 0.3 * z[:, 1] + np.sqrt(0.55) * noise[:, 0], z[:, 1] ** 2, noise[:, 2]], 1)
    return measure_dependence(z, shapes, (["a", "b", "c"], ["linear", "square", "nothing"]), 1)


def test_linear_dependence_is_known(matrix):
    assert matrix.correlation[0, 0] == pytest.approx(0.6, abs=4 / np.sqrt(matrix.n))
    assert matrix.correlation[1, 0] == pytest.approx(0.3, abs=4 / np.sqrt(matrix.n))
    assert matrix.together[0] == pytest.approx(0.45, abs=0.06)
    assert abs(matrix.together[1:]).max() < 0.02


def test_what_no_correlation_sees_is_found(matrix):
    assert abs(matrix.correlation[1, 1]) < 4 / np.sqrt(matrix.n)
    assert matrix.information[1, 1] > 1
    told = [("b", "square"), ("a", "linear")]
    assert [(matrix.latents[z], matrix.shapes[t]) for z, t in matrix.most_telling(2)] == told


def test_independent_pairs_stay_at_the_floor(matrix):
    """Five of the nine pairs have nothing to do with each other."""
    significant = {(matrix.latents[z], matrix.shapes[t]) for z, t in np.argwhere(matrix.significant)}
    assert significant == {("a", "linear"), ("b", "linear"), ("b", "square")}
    assert abs(matrix.information[2].mean() - matrix.floor[0]) < 3 * matrix.floor[1]
    assert 0 < matrix.floor[1] < 0.02


def test_too_few_defined_showers():
    shapes = np.full((300, 1), np.nan)
    shapes[:50] = 0.0
    with pytest.raises(EmptySample, match="every shape is defined"):
        measure_dependence(np.zeros((300, 1)), shapes, (["z0"], ["centre_z"]), 1)


def test_variance_shares_of_a_linear_and_a_joint_function():
    """T = a + 2 b has 1/5 and 4/5; T = a b has nothing of either alone; Geant4's variance is twice that of a + 2 b."""
    noise, other = (torch.randn(6000, 2, generator=torch.Generator().manual_seed(k)) for k in (1, 2))

    def shapes(z):
        a, b = z.double().numpy().T
        return np.stack([a + 2 * b, a * b], 1) / 3

    truth = np.random.default_rng(3).normal(size=(6000, 2)) * np.sqrt([10, 1]) / 3
    found = measure_variance(
        shapes, shapes(noise), (noise, other), {"a": (0, 1), "b": (1, 2)}, truth, ("sum", "product")
    )
    assert np.all(np.abs(found.share[:, 0] - [0.2, 0.8]) < 4 * found.share_error[:, 0])
    assert np.all(np.abs(found.share[:, 1]) < 4 * found.share_error[:, 1])
    assert found.ratio[0] == pytest.approx(0.5, abs=4 * found.ratio_error[0])
