r"""Runge-Kutta methods with a fixed number of steps, written out step by step, for :math:`dx/dt = v(x, t)`.

.. math:: k_i = v\Big(x + h \sum_{j < i} a_{ij} k_j,\; t + c_i h\Big), \qquad x \to x + h \sum_i b_i k_i

A method is its Butcher tableau (a, b, c). The times are numbers, so the whole is one fixed chain of operations.
Source: Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I (1993), section II.1.
"""

__all__ = ["TABLEAUS", "Solver", "Tableau", "integrate"]

from collections.abc import Callable
from itertools import pairwise
from typing import Literal, NamedTuple

from torch import Tensor

Solver = Literal["euler", "midpoint", "heun", "rk4"]


class Tableau(NamedTuple):
    """An explicit Runge-Kutta method.

    Args:
        a: rows of the matrix below its diagonal, one for each evaluation.
        b: weights of the evaluations.
        c: where in the step they are made.
        order: the error of a fixed interval falls with the step to this power.
    """

    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    c: tuple[float, ...]
    order: int

    @property
    def evaluations(self) -> int:
        """Of v, in each step."""
        return len(self.b)


TABLEAUS: dict[Solver, Tableau] = {
    "euler": Tableau(((),), (1.0,), (0.0,), 1),
    "midpoint": Tableau(((), (0.5,)), (0.0, 1.0), (0.0, 0.5), 2),
    "heun": Tableau(((), (1.0,)), (0.5, 0.5), (0.0, 1.0), 2),
    "rk4": Tableau(((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6), (0.0, 0.5, 0.5, 1.0), 4),
}


def integrate(
    velocity: Callable[[Tensor, float], Tensor],
    x: Tensor,
    times: tuple[float, ...],
    tableau: Tableau,
) -> Tensor:
    """x at the last of the times.

    Args:
        velocity: v(x, t), of the shape of x.
        x: at the first of the times.
        times: ends of the steps, in the order in which they are taken.
        tableau: of the method.
    """
    for start, end in pairwise(times):
        h = end - start
        slopes: list[Tensor] = []
        for row, at in zip(tableau.a, tableau.c, strict=True):
            slopes.append(velocity(_moved(x, h, row, slopes), start + at * h))
        x = _moved(x, h, tableau.b, slopes)
    return x


def _moved(x: Tensor, h: float, weights: tuple[float, ...], slopes: list[Tensor]) -> Tensor:
    for weight, slope in zip(weights, slopes, strict=True):
        if weight:
            x = x + h * weight * slope
    return x
