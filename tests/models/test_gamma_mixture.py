"""Shares of weights that are mixtures of gamma variates: their density, its limits, their sum."""

import pytest
import torch

from caloforge.models.gamma_mixture import GammaMixture, SharedOut, log_density_of_shares
from caloforge.rng import torch_stream


def _mixture(n: int, seed: int = 1, **fixed: float) -> GammaMixture:
    generator = torch_stream(seed, "mixture")
    numbers = {
        name: torch.randn(n, generator=generator, dtype=torch.float64)
        for name in ("place", "spread", "logit", "drop", "low_spread")
    }
    return GammaMixture.of(**numbers | {name: torch.full((n,), x, dtype=torch.float64) for name, x in fixed.items()})


def _log_share(*per_row: int, seed: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Logarithms of shares, and the row of each."""
    row = torch.arange(len(per_row)).repeat_interleave(torch.tensor(per_row))
    weight = torch.randn(len(row), generator=torch_stream(seed, "shares"), dtype=torch.float64).exp()
    total = torch.zeros(len(per_row), dtype=torch.float64).index_add(0, row, weight)
    return (weight / total[row]).log(), row


def _dirichlet(log_share: torch.Tensor, row: torch.Tensor, rows: int, k: torch.Tensor, log_mean: torch.Tensor):
    """The closed form for one component."""
    log_scale = log_mean - k.log()

    def total(x: torch.Tensor) -> torch.Tensor:
        return torch.zeros(rows, dtype=torch.float64).index_add(0, row, x)

    single = (k - 1) * log_share - torch.lgamma(k) - k * log_scale
    return torch.lgamma(total(k)) - total(k) * total((log_share - log_scale).exp()).log() + total(single)


@pytest.mark.parametrize("spread", [-0.7, 0.0, 2.0, 5.0])
def test_two_equal_components_are_the_scaled_dirichlet(spread: float) -> None:
    log_share, row = _log_share(2, 3, 8, 40)
    weights = _mixture(len(row), spread=spread, low_spread=spread, drop=-40.0)
    expected = _dirichlet(log_share, row, 4, weights.high_shape.exp(), weights.high)
    torch.testing.assert_close(
        log_density_of_shares(SharedOut(log_share, weights, row), 4), expected, atol=1e-3, rtol=1e-6
    )


def test_the_integral_is_that_of_many_fine_nodes() -> None:
    """Sixteen nodes about the peak against forty thousand that cover all."""
    log_share, row = _log_share(2, 2, 5, 12)
    weights = _mixture(len(row), seed=3)
    t = torch.linspace(-60, 20, 40_001, dtype=torch.float64)

    def log_f(place: torch.Tensor, log_shape: torch.Tensor) -> torch.Tensor:
        k, d = log_shape.exp()[:, None], (log_share - place)[:, None] + t
        return k * (d - d.exp()) + (k * k.log() - torch.lgamma(k))

    sigmoid = torch.nn.functional.logsigmoid
    both = torch.logaddexp(
        log_f(weights.high, weights.high_shape) + sigmoid(-weights.low_logit)[:, None],
        log_f(weights.low, weights.low_shape) + sigmoid(weights.low_logit)[:, None],
    )
    rows = torch.zeros(4, len(t), dtype=torch.float64).index_add(0, row, both)
    product = torch.zeros(4, dtype=torch.float64).index_add(0, row, log_share)
    expected = rows.logsumexp(1) + (t[1] - t[0]).log() - product
    torch.testing.assert_close(
        log_density_of_shares(SharedOut(log_share, weights, row), 4), expected, atol=2e-3, rtol=1e-6
    )


def test_a_row_of_one_item_and_an_empty_row_cost_nothing() -> None:
    log_share, row = _log_share(1, 0, 2)
    log_p = log_density_of_shares(SharedOut(log_share, _mixture(3), row), 3)
    assert log_p[:2].tolist() == [0.0, 0.0]
    assert log_p[2] != 0


def _moments(weights: GammaMixture) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and variance of the weights."""
    p = torch.sigmoid(weights.low_logit)
    high, low = weights.high.exp(), weights.low.exp()
    mean = (1 - p) * high + p * low
    square = (1 - p) * high**2 * (1 + (-weights.high_shape).exp()) + p * low**2 * (1 + (-weights.low_shape).exp())
    return mean, square - mean**2


def test_a_sum_keeps_mean_and_variance() -> None:
    """Where the shapes of the sum lie within their bounds."""
    weights = _mixture(40, spread=1.5, low_spread=1.0)
    hit = torch.arange(40) % 3 > 0
    of_sum = weights.of_sum(hit, lambda x: x.sum(0, keepdim=True))
    for of_all, of_each in zip(_moments(of_sum), _moments(weights), strict=True):
        torch.testing.assert_close(of_all[0], of_each[hit].sum())


def test_the_sum_of_one_weight_is_that_weight() -> None:
    weights, hit = _mixture(6, seed=5), torch.arange(6) == 2
    of_sum = weights.of_sum(hit, lambda x: x.sum(0, keepdim=True))
    for number, of_cell in zip(of_sum, weights, strict=True):
        torch.testing.assert_close(number[0], of_cell[2])


def test_components_are_picked_with_their_probability_and_leave_a_uniform_number() -> None:
    weights = _mixture(1, logit=-1.0, place=0.0, drop=1.0)
    u = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    place, _, left = GammaMixture(*(x.expand(10_000) for x in weights)).chosen(u)
    low = place < -0.5
    assert float(low.double().mean()) == pytest.approx(float(torch.sigmoid(torch.tensor(-1.0))), abs=1e-4)
    for part in (left[low], left[~low]):
        assert float(part.mean()) == pytest.approx(0.5, abs=1e-3)
        assert float(part.var(correction=0)) == pytest.approx(1 / 12, abs=1e-3)


def test_gradients_are_those_of_the_density() -> None:
    """By finite differences: the nodes move with the numbers, the integral does not feel it."""
    log_share, row = _log_share(3, 6)
    numbers = [x.requires_grad_() for x in _mixture(9, seed=7)]

    def log_p(*parts: torch.Tensor) -> torch.Tensor:
        return log_density_of_shares(SharedOut(log_share, GammaMixture(*parts), row), 2)

    assert torch.autograd.gradcheck(log_p, numbers, eps=1e-5, atol=3e-4)
