"""Signatures are checked while the tests run: what a call may not pass and may not answer."""

from collections.abc import Iterator
from dataclasses import dataclass

import jaxtyping
import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.metrics.frechet import frechet_distance


@jaxtyping.jaxtyped
def part(values: Float[Array, "n 2"], weights: Float[Array, " n"], to: int | None = None) -> Float[Array, " n"]:
    return (values.sum(axis=1) * weights)[:to]


@jaxtyping.jaxtyped
def rows(values: Float[Array, "n k"], weights: Float[Array, " n"]) -> Iterator[float]:
    for row, weight in zip(values, weights, strict=True):
        yield from part(np.outer(row, [1, 1]), np.full(len(row), weight))


@jaxtyping.jaxtyped
@dataclass(frozen=True)
class Pair:
    first: Float[Array, " n"]
    second: Float[Array, " n"]


def test_sizes_and_types_of_arguments_and_answer_agree_within_a_call():
    ones = np.ones((3, 2))
    assert part(ones, ones[:, 0]).shape == (3,)
    assert part(np.ones((4, 2)), np.ones(4)).shape == (4,)  # another call, another n
    for refused in ((ones, np.ones(4)), (ones.T, ones[0]), (ones, np.ones(3, int)), (ones, ones[:, 0], 2.5)):
        with pytest.raises(jaxtyping.TypeCheckError, match="parameter"):
            part(*refused)
    with pytest.raises(jaxtyping.TypeCheckError, match="return"):
        part(ones, ones[:, 0], to=2)


def test_two_generators_at_work_have_sizes_of_their_own():
    assert list(zip(rows(np.ones((2, 3)), np.ones(2)), rows(np.ones((3, 2)), np.ones(3)), strict=True)) == [(2, 2)] * 6
    with pytest.raises(jaxtyping.TypeCheckError, match="weights"):
        rows(np.ones((2, 3)), np.ones(3))


def test_fields_of_a_dataclass_agree():
    assert len(Pair(np.ones(3), np.ones(3)).first) == 3
    with pytest.raises(jaxtyping.TypeCheckError, match="second"):
        Pair(np.ones(3), np.ones(4))


def test_functions_and_dataclasses_of_caloforge_are_checked(binning):
    means, covariance = np.zeros(2), np.eye(2)
    assert frechet_distance(means, covariance, means, covariance) == pytest.approx(0)
    with pytest.raises(jaxtyping.TypeCheckError):
        frechet_distance(means, covariance, np.zeros(3), np.eye(3))
    with pytest.raises(jaxtyping.TypeCheckError):
        type(binning)("no layers")
