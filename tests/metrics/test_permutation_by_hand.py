"""The statistics of a column written out with the moments of random labels."""

import numpy as np
import pytest

from caloforge.metrics.permutation import STATISTICS, permutation_test
from caloforge.metrics.separation import Histograms

EDGES = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
SHAPES = {  # contents of underflow, four bins, overflow, undefined
    "shift": ([0, 9, 7, 3, 1, 0, 0], [0, 1, 3, 7, 9, 0, 0]),
    "width": ([5, 0, 0, 5, 0, 0, 5], [0, 5, 5, 0, 5, 5, 0]),
    "narrow": ([0, 1, 9, 9, 1, 0, 0], [9, 1, 0, 0, 1, 9, 0]),
    "tail": ([0, 5, 5, 5, 5, 0, 0], [6, 4, 4, 3, 3, 0, 0]),
    "bin": ([5, 5, 5, 5, 5, 5, 0], [1, 5, 5, 5, 5, 1, 8]),
    "sizes": ([2, 4, 6, 8, 6, 4, 2], [0, 1, 0, 3, 0, 1, 0]),
}


def expected(truth, generated) -> np.ndarray:
    """Five statistics; truth's contents are hypergeometric when labels are drawn at random."""
    a, g = np.array(truth, float), np.array(generated, float)
    pooled, n, size = a + g, a.sum(), (a + g).sum()
    deviation = a - pooled * n / size
    covariance = (np.diag(pooled) - np.outer(pooled, pooled) / size) * n * (size - n) / (size * (size - 1))
    one = max(n / size, 1 - n / size) ** 2
    rank = (np.cumsum(pooled) - pooled / 2) / size

    def z(score):
        return abs(score @ deviation) / np.sqrt(score @ covariance @ score + one)

    below = [z(np.arange(7) <= edge) for edge in range(6)]
    single = [z(np.arange(7) == place) for place in range(7)]
    regular = np.linalg.inv(covariance + one * np.eye(7))
    chi_square, freedom = deviation @ regular @ deviation, np.trace(covariance @ regular)
    shape = np.sqrt(2 * chi_square) - np.sqrt(2 * freedom - 1)
    return np.array([z(rank), z((rank - 0.5) ** 2), max(below), max(single), shape])


def fill(contents) -> Histograms:
    values = np.repeat([-1.0, 0.5, 1.5, 2.5, 3.5, 9.0, np.nan], contents)
    return Histograms.fill(values[:, None], [EDGES])


@pytest.mark.parametrize("name", SHAPES)
def test_statistics_written_out(name):
    truth, generated = SHAPES[name]
    pairs, sizes = [("a", (fill(truth), fill(generated)))], (sum(truth), sum(generated))
    test = permutation_test(pairs, sizes, np.random.default_rng(0), permutations=12, level=1.0)
    statistics = expected(truth, generated)
    (culprit,) = test.culprits
    assert culprit.significance == pytest.approx(statistics.max(), rel=1e-5)
    assert culprit.statistic == STATISTICS[int(statistics.argmax())]
    assert (test.permutations, test.columns, test.paired) == (12, 1, False)


def test_pairs_written_out():
    """Eight pairs move from bin 1 to bin 2 and one moves back: half differences with random signs.

    The deviation of bin 1 is (8 - 1)/2, its variance 9/4, and one pair changes it by 1/2, squared 1/4.
    """
    truth = Histograms.fill(np.array([[0.5]] * 8 + [[1.5]]), [EDGES])
    generated = Histograms.fill(np.array([[1.5]] * 8 + [[0.5]]), [EDGES])
    pairs = [("a", (truth, generated))]
    test = permutation_test(pairs, (9, 9), np.random.default_rng(0), permutations=15, level=1.0, paired=True)
    (culprit,) = test.culprits
    single = 3.5 / np.sqrt(9 / 4 + 1 / 4)
    chi_square, freedom = 2 * 3.5**2 / (2 * 9 / 4 + 1 / 4), (9 / 2) / (9 / 2 + 1 / 4)
    shape = np.sqrt(2 * chi_square) - np.sqrt(2 * freedom - 1)
    assert culprit.significance == pytest.approx(max(single, shape), rel=1e-6)
    assert (test.permutations, test.paired) == (15, True)
