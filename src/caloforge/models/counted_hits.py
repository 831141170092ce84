r"""How many cells of a block are hit, and which: a density of the number and one of the set, both normalised.

Hits of one cell each know nothing of how many there are, while a layer of a given energy has a number of hits that is
narrower than a Poisson's, since each track leaves about the same energy. So the number n comes first,

.. math:: \ln p(n) = -\tfrac12 \left(\frac{n - \mu}{\sigma_\pm}\right)^2 + b_0 [n = 0] + b_1 [n = 1] - \ln Z,
          \qquad \sigma_\pm = e^{s_\pm} \sqrt{\mu + \tfrac12},

with one width below :math:`\mu` and one above. The set follows by order sampling (Rosen, J. Stat. Plan. Inference 62
(1997) 159): the n cells with the largest :math:`\ell_i + g_i` are hit, g being logistic. Given that the threshold lies
at -t, cell i is over it with probability :math:`\sigma_i = 1 / (1 + e^{-\ell_i - t})`, so

.. math:: p(S) = \int dt\; \sum_{i \in S} (1 - \sigma_i) \prod_{i \in S} \sigma_i \prod_{i \notin S} (1 - \sigma_i),

an integral of one peak for the trapezoidal rule; the sum over i says which cell is the last over the threshold.
"""

__all__ = ["NUMBERS", "LEAST_EXPECTED", "draw_number", "draw_set", "log_prob_number", "log_prob_set", "logistic_scores"]

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

LEAST_EXPECTED = 1e-3  # hits, in their logarithm
NUMBERS = 5  # ln mu, s below and above, b_0, b_1
_NODES = torch.arange(-9, 10)  # a width apart; beyond the last the integrand falls at least like exp(-|t|)
_ROUNDS = 5  # towards the peak
_NO_CELL = -1e4  # logit of what is no cell of the block
_LOWEST = -1e6  # score of what is no cell, below all others


def _exponents(numbers: Float[Tensor, "5 *B"], size: int) -> Float[Tensor, "K *B"]:
    """Logarithms of the weights of 0 to ``size`` hits."""
    log_mu, widths, few = torch.split(numbers, [1, 2, 2])
    mu = log_mu.clamp(-4.0, 7.0).exp()
    below, above = (-widths.clamp(-3.0, 2.0)).exp() * (2 * mu + 1).rsqrt()  # slopes of the distance over its width
    distance = _hits(numbers, size) - mu
    z = torch.where(distance < 0, below, above) * distance
    few = functional.pad(few.clamp(-15, 15), (0, 0) * (few.ndim - 1) + (0, size - 1))
    return torch.addcmul(few, z, z, value=-1.0)


def _hits(numbers: Float[Tensor, "5 *B"], size: int) -> Int[Tensor, "K *b"]:
    return torch.arange(size + 1, device=numbers.device).view(-1, *[1] * (numbers.ndim - 1))


def log_prob_number(
    n: Int[Tensor, "*B"], numbers: Float[Tensor, "5 *B"], cells: Int[Tensor, "*#B"], size: int, least: Int[Tensor, "*B"]
) -> Float[Tensor, "*B"]:
    """ln p(n).

    Args:
        n: hits.
        numbers: ln mu, s below and above, b_0, b_1.
        cells: of the block.
        size: of the largest block.
        least: hits that there must be.
    """
    hits = _hits(numbers, size)
    log_p = _exponents(numbers, size).masked_fill((hits < least) | (hits > cells), -torch.inf).log_softmax(0)
    return log_p.gather(0, n[None])[0]


def draw_number(
    u: Float[Tensor, " N"], numbers: Float[Tensor, "5 N"], cells: int, least: Bool[Tensor, " N"] | None = None
) -> Int[Tensor, " N"]:
    """Hits of a block.

    Args:
        u: (N,) uniform numbers.
        numbers: (5, N) ln mu, s below and above, b_0, b_1.
        cells: of the block.
        least: (N,) where there must be one; None: nowhere.
    """
    log_p = _exponents(numbers, cells)
    if least is not None:
        log_p = torch.cat([log_p[:1].masked_fill(least, -torch.inf), log_p[1:]])
    n = (u >= log_p.softmax(0).cumsum(0)[:-1]).sum(0)
    return n if least is None else torch.maximum(n, least.to(n))


def log_prob_set(
    hit: Bool[Tensor, "*B M"], logit: Float[Tensor, "*B M"], real: Bool[Tensor, "*#B M"]
) -> Float[Tensor, "*B"]:
    """ln p(S) of the cells that are hit, given their number; 0 where it is none or all.

    Args:
        hit: which are hit.
        logit: of each cell.
        real: which are cells of the block.
    """
    logit = torch.where(real, logit, _NO_CELL)
    n, cells = hit.sum(-1), real.sum(-1).expand(hit.shape[:-1])
    open_rows = (n > 0) & (n < cells)
    chosen, logit, cells = hit[open_rows].to(logit), logit[open_rows], cells[open_rows]
    n_chosen = n[open_rows]
    with torch.no_grad():
        middle, width = _peak(logit, n_chosen, cells)
        nodes = middle[:, None] + width[:, None] * _NODES.to(middle)
    at = logit[:, :, None] + nodes[:, None, :]
    product = (chosen * logit).sum(1, keepdim=True) + n_chosen[:, None] * nodes - functional.softplus(at).sum(1)
    last = (chosen[:, None, :] @ torch.sigmoid(-at))[:, 0].clamp_min(1e-30).log()
    integral = (product + last).logsumexp(1) + width.log()
    return torch.zeros_like(n, dtype=logit.dtype).masked_scatter(open_rows, integral)


def logistic_scores(normal: Float[Tensor, "M N"]) -> tuple[Float[Tensor, "K N"], Float[Tensor, "K N"]]:
    """Logistic numbers, and the probability that one is larger; the last row, M + 1, is of what is no cell.

    Args:
        normal: (M, N) standard normal.
    """
    over, under = torch.special.ndtr(normal).clamp_min(1e-30), torch.special.ndtr(-normal).clamp_min(1e-30)
    row = (0, 0, 0, 1)
    return functional.pad((over / under).log(), row, value=_LOWEST), functional.pad(under, row, value=1.0)


def draw_set(
    scores: tuple[Float[Tensor, "M N"], Float[Tensor, "M N"]], logit: Float[Tensor, "M N"], n: Int[Tensor, " N"]
) -> tuple[Bool[Tensor, "M N"], Float[Tensor, "M N"]]:
    """The n cells with the largest scores, and a uniform number for each of them, independent of all before.

    Of a cell that is hit no more is known than that its score is over the largest one of those that are not.

    Args:
        scores: see `logistic_scores`, of each cell; the last row is of none, so that all cells can be hit.
        logit: (M, N) of each cell.
        n: (N,) how many.
    """
    logistic, under = scores
    score = logit + logistic
    threshold = score.sort(0, descending=True).values.gather(0, n[None])
    return score > threshold, (under / torch.sigmoid(logit - threshold).clamp_min(1e-30)).clamp(0.0, 1.0)


def _peak(logit: Tensor, n: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
    """Where n - 1/2 cells are expected over the threshold, and the distance in which one more comes."""
    aim = (n - 0.5).clamp_min(0.25)
    size = (cells + 0.5).to(logit)
    ordered = logit.sort(-1, descending=True).values
    t = -ordered.gather(-1, (n - 1).clamp_min(0)[..., None])[..., 0]  # the place, if cells are far apart
    for _ in range(_ROUNDS):
        p = torch.sigmoid(logit + t[..., None])
        sum_p, variance = p.sum(-1), (p * (1 - p)).sum(-1)
        by_odds = (aim * (size - sum_p)).log() - (sum_p * (size - aim)).clamp_min(1e-20).log()
        newton = (aim - sum_p) / variance.clamp_min(1e-3)
        t = t + torch.where((aim - sum_p).abs() < 0.5, newton.clamp(-1, 1), by_odds.clamp(-8, 8))
    p = torch.sigmoid(logit + t[..., None])
    return t, (p * (1 - p)).sum(-1).clamp_min(0.5).rsqrt().clamp_max(1.0) * 0.9
