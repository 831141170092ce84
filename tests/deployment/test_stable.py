"""Functions written out for ONNX keep the digits of float32, and sums do what PyTorch's do."""

import numpy as np
import pytest
import torch
from scipy import special

from caloforge.deployment.stable import StableFunctions, expm1, log1p, ndtr, sigmoid, softplus

ULP = 2.0**-23


def _relative(values, truth):
    return np.abs(values.double().numpy() / truth - 1).max()


@pytest.mark.parametrize(
    ("function", "exact", "low", "high", "ulps"),
    [
        (log1p, special.log1p, -0.999, 50.0, 3),
        (expm1, special.expm1, -20.0, 20.0, 4),
        (sigmoid, special.expit, -80.0, 80.0, 4),
        (softplus, lambda x: np.logaddexp(0, x), -80.0, 80.0, 4),
        (ndtr, special.ndtr, -8.0, 8.0, 12),
    ],
    ids=["log1p", "expm1", "sigmoid", "softplus", "ndtr"],
)
def test_digits_are_kept_over_the_whole_range(function, exact, low, high, ulps):
    ends = torch.linspace(low, high, 20001)
    small = torch.logspace(-30, -0.01, 3001)
    for x in (ends, small, -small):
        x = x[(x >= low) & (x <= high) & (x != 0)]
        assert _relative(function(x), exact(x.double().numpy())) <= ulps * ULP


def test_expm1_and_log1p_at_their_ends():
    assert expm1(torch.tensor([0.0, -200.0])).tolist() == [0.0, -1.0]
    assert log1p(torch.tensor([0.0])).tolist() == [0.0]
    assert torch.isinf(expm1(torch.tensor([200.0]))).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda x: torch.cumprod(x, 1),
        lambda x: torch.diff(x, append=x[:, -1:]),
        lambda x: x.new_zeros(4, 3).index_add_(1, torch.tensor([0, 2, 2, 0, 1]), x),
        lambda x: torch.zeros(2, 5).index_add(0, torch.tensor([1, 1, 0, 1]), x),
        lambda x: torch.searchsorted(x[:, :3].sort(1).values, x),
        lambda x: torch.searchsorted(x[:, :3].sort(1).values, x[:, :3].contiguous(), right=True),
        lambda x: x.new_full((4, 3), -1.0).scatter_reduce(1, torch.tensor([[0, 2, 2, 0, 2]]).expand(4, 5), x, "amax"),
        lambda x: torch.cat([x.unfold(1, 2, 1).sum(1), x.unfold(1, 2, 3).sum(1)], 1),
        lambda x: x[:, :1].squeeze(-1) + x.squeeze(0).sum(1),
        lambda x: torch.erfc(x) + torch.special.erfc(x),
        lambda x: torch.nn.functional.silu(x) + torch.nn.functional.softplus(x) + torch.special.logit(x.sigmoid()),
    ],
    ids=[
        "cumprod",
        "diff",
        "columns",
        "rows",
        "sorted",
        "right",
        "largest",
        "windows",
        "squeeze",
        "erfc",
        "activations",
    ],
)
def test_they_stand_for_those_of_pytorch(call):
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    expected = call(x)
    with StableFunctions():
        torch.testing.assert_close(call(x), expected)


def test_a_largest_value_at_places_that_differ_from_row_to_row_is_not_written_out():
    index = torch.tensor([[0, 1], [1, 0]])
    with StableFunctions(), pytest.raises(NotImplementedError, match="same indices"):
        torch.zeros(2, 2).scatter_reduce(1, index, torch.ones(2, 2), "amax")
