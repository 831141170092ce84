r"""Posterior collapse: does the latent of a variational autoencoder carry anything, and does the decoder listen?

For showers :math:`x_i` with posteriors :math:`q(z|x_i) = N(\mu_i, \sigma_i^2)` and :math:`z_i \sim q(z|x_i)`:

- **active units** (arXiv:1509.00519): latents k with :math:`\mathrm{Var}_i(\mu_{ik}) > 0.01`;
- **rate**: :math:`\frac1N\sum_i KL(q(z|x_i)\,\|\,N(0,1))`, latent by latent, in nats;
- **mutual information** I(x; z): `caloforge.models.bounds.mutual_information`;
- **average posterior against the prior**: :math:`KL(q(z)\,\|\,N(0, 1)) = \text{rate} - I`, and, latent by latent, the
  largest difference between the cumulative distributions of :math:`z_i` and of the z that samples are made from
  (Kolmogorov and Smirnov), which may come from a learned prior;
- **use of the latent**: how much likelihood is lost when a shower is decoded from another one's latent,
  :math:`\Delta = \frac1N\sum_i \big[\log p(x_i|z_i) - \log p(x_i|z_{\pi(i)})\big]`, :math:`\pi` a neighbour in energy,
  so that what the condition already says does not count;
- **sensitivity** of the decoder: the same when one latent alone is exchanged.

A collapsed model has an I and a :math:`\Delta` of zero: the decoder does without the latent.
"""

__all__ = ["LatentUse", "measure_latent", "judge_latent"]

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from numpy import ndarray as Array
from scipy.stats import ks_2samp, norm
from torch import Tensor

from caloforge.diagnosis.finding import ALPHA, POWER
from caloforge.models.bounds import ACTIVE, gaussian_kl, mutual_information
from caloforge.validation.finding import Finding, Status, cannot_tell

_LEAST = 1.0  # nats that the latent of a shower should tell the decoder
_FEWEST = 200
_NEIGHBOURHOOD = 20

LogLikelihood = Callable[[Float[Tensor, "N Z"]], Float[Tensor, " N"]]


@dataclass(frozen=True, eq=False)
class LatentUse:
    """What a latent carries; see the module. Tuples have an entry for each latent.

    Args:
        variance_of_means: of the posterior means.
        rate: nats.
        sensitivity: nats lost when this latent alone is another shower's.
        from_prior: Kolmogorov-Smirnov distance of its average posterior from the prior.
        information: I(x; z), nats, all latents together.
        lost: :math:`\\Delta`, nats a shower.
        lost_error: its standard error.
        posterior: a draw from the posterior of each shower.
        prior: a draw of the z that a sample at its conditions is made from.
    """

    variance_of_means: tuple[float, ...]
    rate: tuple[float, ...]
    sensitivity: tuple[float, ...]
    from_prior: tuple[float, ...]
    information: float
    lost: float
    lost_error: float
    posterior: Float[Array, "N Z"]
    prior: Float[Array, "N Z"]

    @property
    def n(self) -> int:
        """Showers."""
        return len(self.posterior)

    @property
    def active_units(self) -> int:
        """Latents whose posterior mean moves."""
        return sum(v > ACTIVE for v in self.variance_of_means)

    @property
    def average_from_normal(self) -> float:
        """KL of the average posterior to N(0, 1), nats; a bound from above, close where I is well below log N."""
        return sum(self.rate) - self.information

    def to_dict(self) -> dict[str, Any]:
        """The measures, for JSON."""
        return {
            "n": self.n,
            "active_units": self.active_units,
            "rate_total": sum(self.rate),
            "information": self.information,
            "average_from_normal": self.average_from_normal,
            "lost": self.lost,
            "lost_error": self.lost_error,
            "variance_of_means": self.variance_of_means,
            "rate": self.rate,
            "sensitivity": self.sensitivity,
            "from_prior": self.from_prior,
        }


@torch.no_grad()
def measure_latent(
    mean: Float[Tensor, "N Z"],
    log_std: Float[Tensor, "N Z"],
    log_likelihood: LogLikelihood,
    energy: Float[Tensor, " N"],
    prior: Float[Tensor, "N Z"],
    generator: torch.Generator,
) -> LatentUse:
    """Measure the use of a latent.

    Args:
        mean: posterior means.
        log_std: logarithms of the posterior standard deviations.
        log_likelihood: log p(x_i | z_i) of all N showers in nats, for latents in their order.
        energy: incident energies, to exchange latents between showers of nearly the same energy.
        prior: the z that samples at the conditions of the showers are made from.
        generator: draws the latents and the exchange.
    """
    z = mean + log_std.exp() * torch.randn(mean.shape, generator=generator)
    exchanged = z[_neighbours(energy, generator)]
    likelihood = log_likelihood(z)
    lost = (likelihood - log_likelihood(exchanged)).double()
    alone = torch.eye(z.shape[1], dtype=torch.bool)
    return LatentUse(
        tuple(mean.double().var(0).tolist()),
        tuple(gaussian_kl(mean, log_std).double().mean(0).tolist()),
        tuple(float((likelihood - log_likelihood(torch.where(only, exchanged, z))).double().mean()) for only in alone),
        tuple(float(ks_2samp(a, b).statistic) for a, b in zip(z.T.numpy(), prior.T.numpy(), strict=True)),
        float(mutual_information(z, mean, log_std)),
        float(lost.mean()),
        float(lost.std() / math.sqrt(len(lost))),
        z.numpy(),
        prior.numpy(),
    )


def _neighbours(energy: Float[Tensor, " N"], generator: torch.Generator) -> Tensor:
    """For each shower another one, up to 20 places away in the order of energy."""
    order = energy.argsort()
    shift = int(torch.randint(1, min(_NEIGHBOURHOOD, len(energy) - 1) + 1, (1,), generator=generator))
    partner = torch.empty_like(order)
    partner[order] = order.roll(shift)
    return partner


def judge_latent(use: LatentUse) -> Finding:
    """Alarm where the decoder loses less than one nat a shower without the latent; see `LatentUse`.

    Args:
        use: what the latent carries.
    """
    test = "Use of the latent (posterior collapse)"
    if use.n < _FEWEST:
        return cannot_tell(test, f"{use.n} showers are too few", _FEWEST)
    evidence = (
        f"{use.active_units} of {len(use.rate)} latents are active; of a rate of {sum(use.rate):.2f} nats they tell "
        f"{use.information:.2f} (at most {math.log(use.n):.1f} can be seen), their average posterior is at most "
        f"{use.average_from_normal:.2f} from N(0, 1); decoding from another shower's latent costs {use.lost:.2f} ± "
        f"{use.lost_error:.2f} nats"
    )
    numbers = {"lost": use.lost, "error": use.lost_error, "active_units": use.active_units, "n": use.n}
    limit = float(norm.isf(ALPHA)) * use.lost_error
    if use.lost + limit < _LEAST:
        remedy = "anneal the KL weight, raise model.free_bits or committed_rate, lower model.beta, weaken the decoder"
        return Finding(test, Status.FAIL, evidence, remedy=remedy, numbers=numbers)
    if use.lost - limit < _LEAST:
        gap = max(abs(use.lost - _LEAST), 0.1 * _LEAST)
        needed = math.ceil(use.n * (float(norm.isf(ALPHA) + norm.isf(1 - POWER)) * use.lost_error / gap) ** 2)
        return cannot_tell(test, evidence, needed)
    return Finding(test, Status.PASS, evidence, numbers=numbers)
