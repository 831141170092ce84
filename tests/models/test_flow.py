"""Coupling flows: back and forth, the determinant against autograd, and densities that integrate to one."""

import math

import pytest
import torch

from caloforge.models.flow import CouplingFlow
from caloforge.nn.conditioning import LinearExtrapolation
from caloforge.rng import torch_stream

TAILS = {"free": None, "linear": LinearExtrapolation(-1.5, 1.5)}


def flow(features: int, tails: str) -> CouplingFlow:
    """One whose splines are far from straight."""
    torch.manual_seed(2)
    model = CouplingFlow(features, 2, 4, 5, 16, TAILS[tails], widths=1).double().requires_grad_(False)
    for parameter in model.parameters():
        parameter.add_(0.2 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize("tails", TAILS)
@pytest.mark.parametrize("features", [1, 2, 5])
def test_forward_undoes_inverse(features, tails):
    model = flow(features, tails)
    noise, c = torch.randn(2, 200, features, dtype=torch.double, generator=torch_stream(1, "flow")).unbind()
    c = c[:, :1].expand(-1, 2)
    x = model.sample(noise, c)
    assert (x - noise).abs().max() > 0.5
    torch.testing.assert_close(model.flow(c).transform(x), noise, atol=1e-7, rtol=1e-7)


@pytest.mark.parametrize("tails", TAILS)
@pytest.mark.parametrize("features", [1, 2, 5])
def test_log_det_is_that_of_the_jacobian(features, tails):
    """log p(x) = log N(z) - log |dx/dz|, the latter by automatic differentiation."""
    model = flow(features, tails)
    for z in torch.randn(5, features, dtype=torch.double, generator=torch_stream(3, "flow")):
        c = torch.tensor([[0.4, -0.7]], dtype=torch.double)
        jacobian = torch.autograd.functional.jacobian(lambda z, c=c: model.sample(z[None], c)[0], z)
        normal = -0.5 * (z**2 + math.log(2 * math.pi)).sum()
        value = model.log_prob(model.sample(z[None], c), c)[0]
        torch.testing.assert_close(value, normal - torch.linalg.slogdet(jacobian)[1])


@pytest.mark.parametrize("tails", TAILS)
def test_density_of_two_features_integrates_to_one(tails):
    """Over a grid twice as wide as 2,000 samples are."""
    model, n, c = flow(2, tails), 301, torch.tensor([[0.4, -0.7]], dtype=torch.double)
    drawn = model.sample(
        torch.randn(2000, 2, dtype=torch.double, generator=torch_stream(1, "flow")), c.expand(2000, -1)
    )
    middle, reach = 0.5 * (drawn.amax(0) + drawn.amin(0)), drawn.amax(0) - drawn.amin(0)
    axis = torch.linspace(-1, 1, n, dtype=torch.double)
    x = middle + reach * torch.cartesian_prod(axis, axis)
    p = model.log_prob(x, c.expand(len(x), -1)).exp()
    assert p.sum() * (axis[1] - axis[0]) ** 2 * reach.prod() == pytest.approx(1.0, abs=1e-3)
