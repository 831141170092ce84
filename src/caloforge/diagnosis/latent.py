r"""Posterior collapse: does the latent of a variational autoencoder carry anything, and does the decoder listen?

For showers :math:`x_i` with posteriors :math:`q(z|x_i) = N(\mu_i, \sigma_i^2)` and :math:`z_i \sim q(z|x_i)`:

- **active units** (arXiv:1509.00519): latents k with :math:`\mathrm{Var}_i(\mu_{ik}) > 0.01`;
- **rate**: :math:`\frac1N\sum_i KL(q(z|x_i)\,\|\,N(0,1))`, latent by latent, in nats;
- **mutual information** (Hoffman and Johnson, 2016):
  :math:`I = \frac1N\sum_i \big[\log q(z_i|x_i) - \log \tfrac1N \sum_j q(z_i|x_j)\big] \le \log N`;
- **distance of the average posterior from the prior**: :math:`KL(q(z)\,\|\,p(z)) \approx \text{rate} - I`;
- **use of the latent**: how much likelihood is lost when a shower is decoded from another one's latent,
  :math:`\Delta = \frac1N\sum_i \big[\log p(x_i|z_i) - \log p(x_i|z_{\pi(i)})\big]`, :math:`\pi` a neighbour in energy,
  so that what the condition already says does not count.

A collapsed model has a rate and a :math:`\Delta` of zero: the decoder does without the latent.
"""

__all__ = ["LatentUse", "measure_latent", "judge_latent"]

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from scipy.stats import norm
from torch import Tensor

from caloforge.diagnosis.finding import ALPHA, POWER, Finding, Status, cannot_tell

_ACTIVE = 0.01
_LEAST = 1.0  # nats that the latent of a shower should tell the decoder
_FEWEST = 200
_BLOCK = 250
_NEIGHBOURHOOD = 20

LogLikelihood = Callable[[Float[Tensor, "N Z"]], Float[Tensor, " N"]]


@dataclass(frozen=True)
class LatentUse:
    """What a latent carries; see the module. ``lost`` is :math:`\\Delta` with its standard error, nats a shower."""

    variance_of_means: tuple[float, ...]
    rate: tuple[float, ...]
    mutual_information: float
    lost: float
    lost_error: float
    n: int

    @property
    def active_units(self) -> int:
        """Latents whose posterior mean moves."""
        return sum(v > _ACTIVE for v in self.variance_of_means)

    @property
    def average_from_prior(self) -> float:
        """KL of the average posterior to the prior, nats; an estimate, exact where I is well below log N."""
        return sum(self.rate) - self.mutual_information


@torch.no_grad()
def measure_latent(
    mean: Float[Tensor, "N Z"],
    log_std: Float[Tensor, "N Z"],
    log_likelihood: LogLikelihood,
    energy: Float[Tensor, " N"],
    generator: torch.Generator,
) -> LatentUse:
    """Measure the use of a latent.

    Args:
        mean: posterior means.
        log_std: logarithms of the posterior standard deviations.
        log_likelihood: log p(x_i | z_i) of all N showers in nats, for latents in their order.
        energy: incident energies, to exchange latents between showers of nearly the same energy.
        generator: draws the latents and the exchange.
    """
    z = mean + log_std.exp() * torch.randn(mean.shape, generator=generator)
    rate = 0.5 * (mean**2 + (2 * log_std).exp() - 1) - log_std
    lost = log_likelihood(z) - log_likelihood(z[_neighbours(energy, generator)])
    return LatentUse(
        tuple(mean.double().var(0).tolist()),
        tuple(rate.double().mean(0).tolist()),
        _mutual_information(z, mean, log_std),
        float(lost.double().mean()),
        float(lost.double().std() / math.sqrt(len(lost))),
        len(mean),
    )


def _neighbours(energy: Float[Tensor, " N"], generator: torch.Generator) -> Tensor:
    """For each shower another one, up to 20 places away in the order of energy."""
    order = energy.argsort()
    shift = int(torch.randint(1, min(_NEIGHBOURHOOD, len(energy) - 1) + 1, (1,), generator=generator))
    partner = torch.empty_like(order)
    partner[order] = order.roll(shift)
    return partner


def _mutual_information(z: Float[Tensor, "N Z"], mean: Float[Tensor, "N Z"], log_std: Float[Tensor, "N Z"]) -> float:
    total = 0.0
    for start in range(0, len(z), _BLOCK):
        block = z[start : start + _BLOCK, None, :]
        log_q = -(0.5 * ((block - mean) / log_std.exp()) ** 2 + log_std + 0.5 * math.log(2 * math.pi)).sum(2)
        own = log_q[torch.arange(len(block)), torch.arange(start, start + len(block))]
        total += float((own - log_q.logsumexp(1) + math.log(len(z))).double().sum())
    return total / len(z)


def judge_latent(use: LatentUse) -> Finding:
    """Alarm where the decoder loses less than one nat a shower without the latent; see `LatentUse`."""
    test = "Use of the latent (posterior collapse)"
    if use.n < _FEWEST:
        return cannot_tell(test, f"{use.n} showers are too few", _FEWEST)
    n_latents = len(use.rate)
    evidence = (
        f"{use.active_units} of {n_latents} latents are active; they tell {use.mutual_information:.1f} nats (at most "
        f"{math.log(use.n):.1f} can be seen), and decoding from another shower's latent costs {use.lost:.2f} ± "
        f"{use.lost_error:.2f} nats"
    )
    numbers = {"lost": use.lost, "error": use.lost_error, "active_units": use.active_units, "n": use.n}
    limit = float(norm.isf(ALPHA)) * use.lost_error
    if use.lost + limit < _LEAST:
        remedy = "anneal the KL weight, raise model.free_bits, lower model.beta, or weaken the decoder"
        return Finding(test, Status.ALARM, evidence, remedy, numbers=numbers)
    if use.lost - limit < _LEAST:
        gap = max(abs(use.lost - _LEAST), 0.1 * _LEAST)
        needed = math.ceil(use.n * (float(norm.isf(ALPHA) + norm.isf(1 - POWER)) * use.lost_error / gap) ** 2)
        return cannot_tell(test, evidence, needed)
    return Finding(test, Status.HEALTHY, evidence, numbers=numbers)
