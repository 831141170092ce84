"""Shares of weights that are mixtures of gamma variates: their density, its limits, their sum."""

import pytest
import torch

from caloforge.models.gamma_mixture import GammaMixture, SharedOut, log_density_of_shares
from caloforge.rng import torch_stream

_NUMBERS = ("place", "spread", "logit", "drop", "low_spread", "faint_logit", "faint_drop", "faint_spread")


def _mixture(n: int, seed: int = 1, components: int = 2, **fixed: float) -> GammaMixture:
    generator, names = torch_stream(seed, "mixture"), _NUMBERS[: 5 if components == 2 else 8]
    numbers = {name: torch.randn(n, generator=generator, dtype=torch.float64) for name in names}
    fixed_numbers = {name: torch.full((n,), x, dtype=torch.float64) for name, x in fixed.items() if name in names}
    return GammaMixture.of(list((numbers | fixed_numbers).values()))


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


_COMPONENTS = pytest.mark.parametrize("components", [2, 3])


@_COMPONENTS
@pytest.mark.parametrize("spread", [-0.7, 0.0, 2.0, 5.0])
def test_equal_components_are_the_scaled_dirichlet(spread: float, components: int) -> None:
    log_share, row = _log_share(2, 3, 8, 40)
    alike = {"spread": spread, "low_spread": spread, "faint_spread": spread, "drop": -40.0, "faint_drop": -40.0}
    weights = _mixture(len(row), components=components, **alike)
    expected = _dirichlet(log_share, row, 4, weights.shape[0].exp(), weights.place[0])
    torch.testing.assert_close(
        log_density_of_shares(SharedOut(log_share, weights, row), 4), expected, atol=1e-3, rtol=1e-6
    )


@_COMPONENTS
def test_the_integral_is_that_of_many_fine_nodes(components: int) -> None:
    """Sixteen nodes about the peak against forty thousand that cover all."""
    log_share, row = _log_share(2, 2, 5, 12)
    weights = _mixture(len(row), seed=3, components=components)
    t = torch.linspace(-60, 20, 40_001, dtype=torch.float64)

    def log_f(place: torch.Tensor, log_shape: torch.Tensor) -> torch.Tensor:
        k, d = log_shape.exp()[:, None], (log_share - place)[:, None] + t
        return k * (d - d.exp()) + (k * k.log() - torch.lgamma(k))

    each = torch.stack([log_f(place, shape) + log_p[:, None] for log_p, place, shape in zip(*weights, strict=True)])
    both = each.logsumexp(0)
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
    p, means = weights.log_p.exp(), weights.place.exp()
    mean = (p * means).sum(0)
    square = (p * means**2 * (1 + (-weights.shape).exp())).sum(0)
    return mean, square - mean**2


@_COMPONENTS
def test_a_sum_keeps_mean_and_variance(components: int) -> None:
    """Where the shapes of the sum lie within their bounds."""
    weights = _mixture(40, components=components, spread=1.5, low_spread=1.0, faint_spread=1.0)
    hit = torch.arange(40) % 3 > 0
    of_sum = weights.of_sum(hit, lambda x: x.sum(-1, keepdim=True))
    for of_all, of_each in zip(_moments(of_sum), _moments(weights), strict=True):
        torch.testing.assert_close(of_all[0], of_each[hit].sum())


@_COMPONENTS
def test_the_sum_of_one_weight_is_that_weight(components: int) -> None:
    weights, hit = _mixture(6, seed=5, components=components), torch.arange(6) == 2
    of_sum = weights.of_sum(hit, lambda x: x.sum(-1, keepdim=True))
    for number, of_cell in zip(of_sum, weights, strict=True):
        torch.testing.assert_close(number[:, 0], of_cell[:, 2])


def test_components_are_picked_with_their_probability_and_leave_a_uniform_number() -> None:
    weights = _mixture(1, logit=-1.0, place=0.0, drop=1.0)
    u = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    place, _, left = GammaMixture(*(x.expand(-1, 10_000) for x in weights)).chosen(u)
    low = place < -0.5
    assert float(low.double().mean()) == pytest.approx(float(torch.sigmoid(torch.tensor(-1.0))), abs=1e-4)
    for part in (left[low], left[~low]):
        assert float(part.mean()) == pytest.approx(0.5, abs=1e-3)
        assert float(part.var(correction=0)) == pytest.approx(1 / 12, abs=1e-3)


def test_the_faint_component_is_picked_first() -> None:
    weights = _mixture(1, components=3, logit=0.0, faint_logit=0.0, place=0.0, drop=1.0, faint_drop=1.0)
    u = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    place, _, left = GammaMixture(*(x.expand(-1, 3) for x in weights)).chosen(u)
    assert (place.diff() > 1.0).all()
    torch.testing.assert_close(left, torch.tensor([0.3, 0.5, 0.7], dtype=torch.float64))


@_COMPONENTS
def test_gradients_are_those_of_the_density(components: int) -> None:
    """By finite differences: the nodes move with the numbers, the integral does not feel it."""
    log_share, row = _log_share(3, 6)
    numbers = [x.detach().requires_grad_() for x in _mixture(9, seed=8, components=components)]

    def log_p(*parts: torch.Tensor) -> torch.Tensor:
        return log_density_of_shares(SharedOut(log_share, GammaMixture(*parts), row), 2)

    assert torch.autograd.gradcheck(log_p, numbers, eps=1e-5, atol=3e-4 if components == 2 else 1e-3)
