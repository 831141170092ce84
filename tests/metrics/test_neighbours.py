"""Nearest neighbours against distances written out."""

import numpy as np
import pytest

from caloforge.metrics.neighbours import nearest, nearest_rows, squared_distances


def test_neighbours_on_a_line_by_hand():
    points, among = np.array([[0.0], [4.0]]), np.array([[1.0], [3.0], [-6.0]])
    assert nearest(points, among).tolist() == [1, 1]
    assert nearest(points, among, k=2).tolist() == [3, 3]
    assert nearest(points, among, k=3).tolist() == [6, 10]
    assert nearest_rows(points, among).tolist() == [0, 1]


def test_a_point_is_not_its_own_neighbour():
    points = np.array([[0.0], [1.0], [4.0], [4.0]])
    assert nearest(points, points, same=True).tolist() == [1, 1, 0, 0]
    assert nearest(points, points, k=2, same=True).tolist() == [4, 3, 3, 3]
    assert nearest(points, points).tolist() == [0, 0, 0, 0]


def test_undefined_is_zero_and_outliers_stop_at_ten():
    among = np.array([[0.0, 0.0], [10.0, 0.0]])
    assert nearest(np.array([[np.nan, 2.0], [99.0, 0.0], [-99.0, 3.0]]), among).tolist() == [
        2,
        0,
        pytest.approx(np.sqrt(109)),
    ]
    assert nearest(np.array([[9.5, 0.0]]), np.array([[99.0, 0.0]])).tolist() == [0.5]
    assert nearest_rows(np.array([[np.nan, 2.0], [8.0, np.nan]]), among).tolist() == [0, 1]


def test_blocks_give_all_pairs():
    """1,100 rows make three blocks; each is the matrix of all distances."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(1100, 3)), rng.normal(size=(7, 3))
    blocks = list(squared_distances(first, second))
    assert [len(first[rows]) for rows, _ in blocks] == [500, 500, 100]
    whole = np.concatenate([distance for _, distance in blocks])
    assert whole == pytest.approx(((first[:, None] - second) ** 2).sum(axis=2))
    same = nearest(first, first, same=True)
    pairs = np.sqrt(((first[:, None] - first) ** 2).sum(axis=2))
    np.fill_diagonal(pairs, np.inf)
    assert same == pytest.approx(pairs.min(axis=1), abs=1e-7)
