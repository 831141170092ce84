"""Precision, recall, density and coverage of points on a line."""

import numpy as np
import pytest

from caloforge.errors import EmptySample
from caloforge.metrics.manifold import manifold_metrics, measure_manifold

TRUTH = np.array([[-5.0], [0], [1], [3], [7]])  # balls to the nearest: 5, 1, 1, 2, 4
GENERATED = np.array([[0.5], [10], [3.5], [20]])  # 3, 6.5, 3, 10


def test_nine_points_by_hand():
    """0.5 lies in two balls of the truth, 10 in one, 3.5 in two, 20 in none; -5 lies in no ball and covers none."""
    metrics = manifold_metrics(TRUTH, GENERATED, k=1)
    assert metrics == pytest.approx({"precision": 3 / 4, "recall": 4 / 5, "density": 5 / 4, "coverage": 4 / 5})
    assert manifold_metrics(TRUTH + 1e4, GENERATED + 1e4, k=1) == pytest.approx(metrics)


def test_balls_to_the_second_neighbour():
    """Truth: 6, 3, 2, 3, 6 to neighbour 2; generated: 9.5, 9.5, 6.5, 16.5.

    Hits: 0.5 in all balls but that of 7: 4; 10 in that of 7: 1; 3.5 in those of 3 and 7: 2; 20 in none.
    Every ball of the truth holds a generated shower, and every true shower lies in a generated ball.
    """
    metrics = manifold_metrics(TRUTH, GENERATED, k=2)
    assert metrics == pytest.approx({"precision": 3 / 4, "recall": 1, "density": 7 / 8, "coverage": 1})


def test_the_floor_of_one_distribution_in_one_dimension():
    """Coverage fails where the k nearest of all other showers are true ones: (s-1)...(s-k)/((2s-1)...(2s-k)).

    Source: Naeem et al., arXiv:2002.09797, equation 9. Density is one on average.
    """
    rng = np.random.default_rng(0)
    result = measure_manifold(rng.normal(size=(600, 1)), rng.normal(size=(300, 1)), rng, k=2)
    s = 300
    expected = 1 - (s - 1) * (s - 2) / ((2 * s - 1) * (2 * s - 2))
    coverage = result["coverage"]
    assert coverage.floor == pytest.approx(expected, abs=5 * coverage.floor_spread / 10)
    assert result["density"].floor == pytest.approx(1, abs=5 * result["density"].floor_spread / 10)


def test_too_few_showers_for_a_ball():
    with pytest.raises(EmptySample, match="neighbour 3"):
        manifold_metrics(TRUTH[:3], GENERATED, k=3)
    manifold_metrics(TRUTH[:4], GENERATED, k=3)
