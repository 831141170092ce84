"""Runge-Kutta methods: the order of each is measured; the normal quantile inverts the normal distribution."""

import math

import pytest
import torch

from caloforge.nn.normal import log_density, normal_cdf, normal_quantile
from caloforge.nn.solvers import TABLEAUS, integrate


def error(tableau, steps):
    """Of dx/dt = -2 t x from 0 to 1, whose solution is exp(-t^2)."""
    times = tuple(i / steps for i in range(steps + 1))
    x = integrate(lambda x, t: -2 * t * x, torch.ones(1, dtype=torch.float64), times, tableau)
    return abs(float(x) - math.exp(-1))


@pytest.mark.parametrize("name", TABLEAUS)
def test_the_error_falls_with_the_order(name):
    tableau = TABLEAUS[name]
    order = math.log2(error(tableau, 32) / error(tableau, 64))
    assert order == pytest.approx(tableau.order, abs=0.1)


@pytest.mark.parametrize("name", TABLEAUS)
def test_each_step_costs_as_many_evaluations_as_the_tableau_has_rows(name):
    calls = []
    integrate(lambda x, t: calls.append(t) or x, torch.ones(1), (0.0, 0.5, 1.0), TABLEAUS[name])
    assert len(calls) == 2 * TABLEAUS[name].evaluations


@pytest.mark.parametrize("name", TABLEAUS)
def test_tableaus_are_consistent(name):
    tableau = TABLEAUS[name]
    assert sum(tableau.b) == pytest.approx(1)
    assert [sum(row) for row in tableau.a] == list(tableau.c)
    assert [len(row) for row in tableau.a] == list(range(len(tableau.b)))


def test_normal_quantile_inverts_the_distribution_from_tail_to_tail():
    p = torch.cat([torch.logspace(-25, -1, 200), torch.linspace(0.1, 0.9, 101)]).double()
    assert torch.allclose(normal_quantile(p), torch.special.ndtri(p), rtol=3e-9, atol=1e-8)
    assert torch.allclose(normal_quantile(1 - p[200:]), -normal_quantile(p[200:]), rtol=1e-8)
    x = torch.linspace(-6, 6, 101).double().requires_grad_()
    (slope,) = torch.autograd.grad(normal_cdf(x).sum(), x)
    assert torch.allclose(slope.log(), log_density(x.detach()), rtol=1e-12)
    low = torch.tensor([1e-30], requires_grad=True)  # nothing in the branch that is not taken spoils the gradient
    normal_quantile(low).sum().backward()
    assert torch.isfinite(low.grad).all()
