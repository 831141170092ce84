"""How many cells are hit and which: probabilities that sum to one, draws that follow them, noise that is left."""

from itertools import combinations

import pytest
import torch
from scipy import stats

from caloforge.models.counted_hits import (
    NUMBERS,
    draw_number,
    draw_set,
    log_prob_number,
    log_prob_set,
    logistic_scores,
)
from caloforge.rng import torch_stream

_LOGITS = {
    "alike": torch.zeros(6),
    "unlike": torch.tensor([-6.0, -3.0, -1.0, 0.0, 2.0, 5.0]),
    "rare": torch.tensor([-12.0, -11.0, -9.0, -9.0, -8.0, -14.0]),
    "one sure": torch.tensor([14.0, -3.0, -3.0, -2.0, -3.0, -5.0]),
}


def _all_sets(cells: int, n: int) -> torch.Tensor:
    """(S, cells) every set of n cells."""
    sets = torch.zeros(0, cells, dtype=torch.bool)
    for chosen in combinations(range(cells), n):
        hit = torch.zeros(1, cells, dtype=torch.bool)
        hit[0, list(chosen)] = True
        sets = torch.cat([sets, hit])
    return sets


def _log_p(sets: torch.Tensor, logit: torch.Tensor) -> torch.Tensor:
    return log_prob_set(sets, logit.expand(sets.shape), torch.ones_like(sets))


@pytest.mark.parametrize("name", _LOGITS)
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_sets_of_a_size_have_probability_one_together(name: str, n: int) -> None:
    assert float(_log_p(_all_sets(6, n), _LOGITS[name]).exp().sum()) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("n", [0, 6])
def test_none_and_all_are_certain(n: int) -> None:
    assert _log_p(_all_sets(6, n), _LOGITS["unlike"]).tolist() == [0.0]


def test_one_hit_goes_by_logistic_scores() -> None:
    """Of two cells the first is hit with probability E[sigma(d + g)] = e^d (e^d - 1 - d) / (e^d - 1)^2, g logistic."""
    d = 1.3
    e = float(torch.tensor(d).exp())
    expected = e * (e - 1 - d) / (e - 1) ** 2
    p = _log_p(torch.tensor([[True, False]]), torch.tensor([d, 0.0])).exp()
    assert float(p) == pytest.approx(expected, abs=3e-4)


def test_cells_that_are_none_change_nothing() -> None:
    sets, logit = _all_sets(6, 2), _LOGITS["unlike"]
    wider = torch.nn.functional.pad(sets, (0, 3))
    real = torch.arange(9) < 6
    padded = log_prob_set(wider, torch.nn.functional.pad(logit, (0, 3), value=3.0).expand(wider.shape), real)
    torch.testing.assert_close(padded, _log_p(sets, logit))


def _draw(logit: torch.Tensor, n: int, showers: int = 40_000) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows are showers, without the last row of the draws, which is no cell."""
    noise = torch.randn(len(logit), showers, generator=torch_stream(1, "scores"))
    of_rows = torch.cat([logit, torch.tensor([3.0])])[:, None].expand(-1, showers)
    hit, left = draw_set(logistic_scores(noise), of_rows, torch.full((showers,), n))
    assert not hit[-1].any()
    return hit[:-1].T, left[:-1].T


@pytest.mark.parametrize("name", ["alike", "unlike"])
def test_sets_are_drawn_with_their_probability(name: str) -> None:
    logit = _LOGITS[name]
    sets = _all_sets(6, 3)
    hit, _ = _draw(logit, 3)
    code = 2 ** torch.arange(6)
    counts = torch.bincount((hit * code).sum(1), minlength=64)[(sets * code).sum(1)]
    assert int(counts.sum()) == 40_000
    expected = 40_000 * _log_p(sets, logit).exp()
    often = expected > 5
    chi2 = float(((counts - expected)[often] ** 2 / expected[often]).sum())
    assert stats.chi2.sf(chi2, int(often.sum()) - 1) > 0.001


@pytest.mark.parametrize("n", [1, 4, 6])
def test_what_is_left_of_the_noise_is_uniform_whatever_was_drawn(n: int) -> None:
    """Kolmogorov's test for the cells that are hit, all together and with the likeliest cell among them or not."""
    hit, left = _draw(_LOGITS["unlike"], n)
    for of_showers in (hit[:, 5], ~hit[:, 5]):
        values = left[of_showers][hit[of_showers]]
        if len(values) > 100:
            assert stats.kstest(values.double().numpy(), "uniform").pvalue > 0.001


def _numbers(*of_blocks: tuple[float, ...]) -> torch.Tensor:
    return torch.tensor(of_blocks).T


@pytest.mark.parametrize("least", [0, 1])
def test_numbers_of_hits_have_probability_one_together_and_are_drawn_so(least: int) -> None:
    numbers = _numbers((1.2, -1.0, 0.3, 1.0, -0.5)).expand(NUMBERS, 8)
    n, cells = torch.arange(8), torch.full((8,), 7)
    p = log_prob_number(n, numbers, cells, 9, torch.full((8,), least)).exp()
    assert float(p.sum()) == pytest.approx(1.0, abs=1e-6)
    assert (p[0] == 0) == (least == 1)
    u = (torch.arange(20_000) + 0.5) / 20_000
    drawn = draw_number(u, numbers[:, :1].expand(-1, len(u)), 7, torch.full((len(u),), bool(least)))
    torch.testing.assert_close(torch.bincount(drawn, minlength=8) / len(u), p, atol=1e-4, rtol=0)


def test_an_even_width_of_one_gives_mean_and_variance_of_a_poisson() -> None:
    """Where hits are many: s = 0 below and above, variance mu + 1/2."""
    mu = 30.0
    numbers = _numbers((float(torch.tensor(mu).log()), 0.0, 0.0, 0.0, 0.0)).expand(NUMBERS, 101)
    n = torch.arange(101)
    p = log_prob_number(n, numbers, torch.full((101,), 100), 100, torch.zeros(101, dtype=torch.long)).exp()
    mean = float((p * n).sum())
    assert mean == pytest.approx(mu, abs=1e-2)
    assert float((p * (n - mean) ** 2).sum()) == pytest.approx(mu + 0.5, rel=1e-2)


def test_gradients_of_sets_are_those_of_the_density() -> None:
    logit = torch.randn(2, 5, generator=torch_stream(3, "logits"), dtype=torch.float64, requires_grad=True)
    hit = torch.tensor([[True, False, True, False, False], [False, True, True, True, False]])
    assert torch.autograd.gradcheck(lambda x: log_prob_set(hit, x, torch.ones_like(hit)), (logit,), eps=1e-5, atol=1e-3)
