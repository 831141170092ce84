r"""Alarms while training: collapse is seen in the log, early enough to stop the run.

An alarm is raised when its condition holds in three records in a row (of those that it looks at), so that one noisy
batch does not count:

- **posterior collapse** (VAE): beta has reached its final value and the latent tells fewer than 0.3 nats of a shower:
  I(x; z) of the batch, which a floor on the rate cannot feign;
- **discriminator saturation** (GAN): on held-out showers it is sure of truth and of samples, its bound on the
  Jensen-Shannon divergence above 95 % of ln 2, so the generator's gradients carry no news (arXiv:1701.04862);
- **lost variance**: after half of the training some statistic of generated showers varies at fixed condition less than
  half as much as in held-out showers. The statistics are the layer energies and their sum over the incident energy,
  and the concentration :math:`\ln \sum_v (E_v/E)^2` of the cells; the dependence on the conditions is taken out
  linearly and in squares.
"""

__all__ = ["Alarms", "narrowest", "narrowest_name"]

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from caloforge.models.base import Generator
from caloforge.preprocessing.pipeline import Pipeline

Record = dict[str, float]

_IN_A_ROW = 3
_LEAST_INFORMATION = 0.3  # nats; decoding with a wrong latent then costs about one
_SURE = 0.95 * math.log(2)
_LEAST_VARIANCE = 0.5
_LEAST_SPREAD = 2e-4**2  # of a layer's share of the incident energy; deeper layers hardly have any
_SHOWERS = 512
_SKIP = ""  # this record says nothing about the condition


def _collapsed(record: Record, final_beta: float, progress: float) -> str | None:
    if record.get("beta", 0.0) < final_beta:
        return _SKIP
    information = record.get("information", math.inf)
    if information >= _LEAST_INFORMATION:
        return None
    remedy = "raise model.free_bits or model.committed_rate, or lower model.beta"
    return f"posterior collapse: the latent tells the decoder {information:.2f} nats of a shower; {remedy}"


def _saturated(record: Record, final_beta: float, progress: float) -> str | None:
    bound = record.get("validation_jensen_shannon", 0.0)
    if bound <= _SURE:
        return None
    estimate = f"its bound on the Jensen-Shannon divergence is {bound:.3f} of at most {math.log(2):.3f} nats"
    remedy = "lower model.critic_speed or critic_turns, raise model.r1, or train a wgan"
    return f"discriminator saturation: {estimate}; {remedy}"


def _narrow(record: Record, final_beta: float, progress: float) -> str | None:
    ratio = record.get("variance_ratio", 1.0)
    if progress < 0.5 or ratio >= _LEAST_VARIANCE:
        return None
    what = narrowest_name(record.get("variance_statistic"))
    remedy = "train longer or on more showers; where it stays so, see docs/diagnosis.md"
    return f"lost variance: {what} varies {ratio:.2f} times as much as in held-out showers; {remedy}"


def narrowest_name(statistic: float | None) -> str:
    """The statistic that a record means, in words.

    Args:
        statistic: layer from 0, or -2 for their sum, -1 for the concentration; None where the record does not say.
    """
    if statistic is None:
        return "some statistic"
    return {-2: "the response", -1: "the concentration of the cells"}.get(
        int(statistic), f"the energy of layer {int(statistic)}"
    )


_CONDITIONS: dict[str, Callable[[Record, float, float], str | None]] = {
    "posterior collapse": _collapsed,
    "discriminator saturation": _saturated,
    "lost variance": _narrow,
}


@dataclass
class Alarms:
    """Watches the records of a training; each alarm is raised once.

    Args:
        steps: of the whole training.
        final_beta: of a VAE; below it little information is no collapse.
    """

    steps: int
    final_beta: float = 0.0
    in_a_row: dict[str, int] = field(default_factory=dict)

    def check(self, record: Record) -> list[str]:
        """What this record is alarming about, beyond what was said before.

        Args:
            record: ``step`` and the losses that the alarms look at.
        """
        raised = []
        for name, condition in _CONDITIONS.items():
            text = condition(record, self.final_beta, record["step"] / self.steps)
            if text == _SKIP:
                continue
            self.in_a_row[name] = self.in_a_row.get(name, 0) + 1 if text else min(self.in_a_row.get(name, 0), 0)
            if text and self.in_a_row[name] == _IN_A_ROW:
                raised.append(f"step {record['step']:.0f}: {text}")
                self.in_a_row[name] = -(10**9)  # said once
        return raised


@torch.no_grad()
def narrowest(
    model: Generator,
    pipeline: Pipeline,
    x: Float[Tensor, "N F"],
    c: Float[Tensor, "N C"],
    generator: torch.Generator,
) -> tuple[float, int]:
    """Smallest ratio, over all statistics, of the variance at fixed condition of generated to that of held-out showers.

    And which statistic that is: a layer from 0, -2 for their sum, -1 for the concentration of the cells. At most 512
    showers are looked at; medians of squares stand for variances, which outliers would rule.

    Args:
        model: the model that is trained.
        pipeline: the preprocessing, fitted.
        x: (N, F) features of held-out showers.
        c: (N, C) conditions.
        generator: draws the random numbers.
    """
    x, c = x[:_SHOWERS], c[:_SHOWERS]
    samples = model.sample(model.latent(len(c), generator).to(c), c)
    truth, generated = (_spread(_statistics(pipeline, features, c), c) for features in (x, samples))
    ratio = torch.where(truth > _LEAST_SPREAD, generated / truth, torch.inf)
    place = int(ratio.argmin())
    if ratio[place].isinf():
        return 1.0, -2
    return float(ratio[place]), place if place < len(ratio) - 2 else place - len(ratio)


def _statistics(pipeline: Pipeline, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N s"]:
    energy = pipeline.condition.energies(c)[:, None]
    layers = pipeline.layer_energies(pipeline.parts(x).energies, c) / energy
    concentration = (pipeline.cells(x, c) / energy).square().sum(1, keepdim=True).clamp_min(1e-12).log()
    return torch.cat([layers, layers.sum(1, keepdim=True), concentration], 1).double()


def _spread(t: Float[Tensor, "N s"], c: Float[Tensor, "N C"]) -> Float[Tensor, " s"]:
    """Median squared residual of a fit in c and its squares."""
    terms = torch.cat([torch.ones_like(c[:, :1]), c, c**2], 1).double()
    gram = terms.T @ terms + 1e-6 * torch.eye(terms.shape[1]).to(terms)
    residual = t - terms @ torch.linalg.solve(gram, terms.T @ t)
    return residual.square().median(0).values
