r"""Rare showers shown more often, to the end of the training, and the keep_probability that undoes it when generating.

With the fraction :math:`f_k` of kind k among the training showers and the strength b, kind k would be kept with
probability :math:`r_k = (f_k/f_\text{max})^b`; from these comes the keep_probability :math:`a(x)` of a single shower
(`caloforge.models.keep_probability`), and training draws shower x with probability proportional to :math:`1/a(x)`.
Where kinds are well separated, kind k is shown with a share proportional to :math:`f_k^{1-b}`: equally often for b = 1.

Kinds are the particles of the file, whose label then serves this one purpose and reaches no network, or, without any
label, the components of a Gaussian mixture of response, depth and length (`caloforge.physics.mixture`).
"""

__all__ = ["Balance", "Kinds", "balance_between"]

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from caloforge.errors import BadValue
from caloforge.models.keep_probability import KeepProbability, ShowerTerms, shower_terms
from caloforge.preprocessing.pipeline import Pipeline

Kinds = Literal["particle", "clusters"]
Features = tuple[Float[Tensor, "N F"], Float[Tensor, "N C"]]
_UNLIKE = 0.001  # of the training showers are so unlike the others that they count as rare


@dataclass(frozen=True, eq=False)
class Balance:
    """Draws rows of the training showers.

    Args:
        weight: of each shower, proportional to the probability that it is drawn.
        keep_probability: undoes the weights; nothing where the conditions alone decide them, as p(x | c) stays what it
            is.
    """

    weight: Float[Tensor, " N"]
    keep_probability: KeepProbability | None = None

    @classmethod
    def of(
        cls,
        features: Features,
        pdg: Int[Array, " N"],
        pipeline: Pipeline,
        strength: float,
        kinds: Kinds,
        rng: np.random.Generator,
    ) -> "Balance | None":
        """Between the kinds of training showers; nothing for strength 0.

        Args:
            features: (x, c) of the training showers.
            pdg: (N,) PDG numbers of them.
            pipeline: the preprocessing, fitted.
            strength: b, 0 to 1.
            kinds: what a kind is.
            rng: draws the starts of mixtures.

        Raises:
            BadValue: all showers are of one kind.
        """
        if strength == 0:
            return None
        if kinds == "particle" and not pipeline.condition.hide_particle:
            return cls.of_particles(pdg, strength)
        terms = shower_terms(*features, pipeline)
        if kinds == "particle":
            return balance_between(terms.tensor, _particles(pdg, strength), strength, rng)
        kind = _clusters(terms, rng)
        if kind.max() == 0:
            raise BadValue("training.balance", strength, "no cluster of showers stands out; use training.balance=0")
        return balance_between(terms.tensor, kind, strength, rng)

    @classmethod
    def of_particles(cls, pdg: Int[Array, " N"], strength: float) -> "Balance | None":
        """Between particles that the conditions tell apart; nothing for strength 0.

        Args:
            pdg: (N,) PDG numbers of the training showers.
            strength: b, 0 to 1.

        Raises:
            BadValue: all showers are of one kind.
        """
        if strength == 0:
            return None
        kind = _particles(pdg, strength)
        return cls(torch.from_numpy(np.bincount(kind)[kind] ** -strength))

    def resampled(self, data: Features, pipeline: Pipeline, generator: torch.Generator) -> Features:
        """Other showers drawn as these are in training, as many as there are: what held-out losses are taken on.

        Args:
            data: (x, c) of held-out showers.
            pipeline: the preprocessing, fitted.
            generator: draws the rows.
        """
        if self.keep_probability is None:
            return data
        weight = 1 / self.keep_probability(shower_terms(*data, pipeline).tensor)
        rows = torch.multinomial(weight, len(weight), replacement=True, generator=generator)
        return data[0][rows], data[1][rows]

    def rows(self, size: int, generator: torch.Generator) -> Int[Tensor, " size"]:
        """Rows of one batch, drawn with replacement.

        Args:
            size: showers in the batch.
            generator: draws the rows.
        """
        return torch.multinomial(self.weight, size, replacement=True, generator=generator)


def balance_between(
    terms: Float[Tensor, "N t"], kind: Int[Array, " N"], strength: float, rng: np.random.Generator
) -> Balance:
    """Balance between kinds (from 0) that the model is not told, undone by a probability to keep, from ``terms``.

    Args:
        terms: (N, t) of the training showers.
        kind: (N,) numbers from 0.
        strength: b, 0 to 1.
        rng: draws the starts of mixtures.
    """
    fraction = np.bincount(kind) / len(kind)
    shown, keep = fraction ** (1 - strength), (fraction / fraction.max()) ** strength
    centre, width = terms.mean(0), terms.std(0).clamp_min(1e-6)
    scaled = ((terms - centre) / width).double().numpy()
    from caloforge.physics.mixture import best_mixture  # scikit-learn, which only a balanced training needs

    mixtures = [best_mixture(scaled[kind == k], rng) for k in range(len(fraction))]
    of_kind = np.repeat(np.arange(len(fraction)), [len(mixture.share) for mixture in mixtures])
    keep_probability = KeepProbability(terms.shape[1], len(of_kind))
    share = np.concatenate([mixture.share for mixture in mixtures]) * (shown / shown.sum())[of_kind]
    covariance = np.concatenate([mixture.covariance for mixture in mixtures])
    buffers = {
        "centre": centre,
        "width": width,
        "log_share": np.log(share),
        "mean": np.concatenate([mixture.mean for mixture in mixtures]),
        "whiten": np.linalg.inv(np.linalg.cholesky(covariance)),
        "kept": np.append(keep[of_kind], keep.min()),
    }
    for name, value in buffers.items():
        getattr(keep_probability, name).copy_(torch.as_tensor(value))
    density = keep_probability.log_joint(terms).logsumexp(1)
    keep_probability.log_background.copy_(density.quantile(_UNLIKE))
    return Balance(1 / keep_probability(terms), keep_probability)


def _particles(pdg: Int[Array, " N"], strength: float) -> Int[Array, " N"]:
    """Number of each shower's particle, from 0."""
    kind = np.unique(pdg, return_inverse=True)[1]
    if kind.max() == 0:
        remedy = "all showers are of one particle; use training.balance_by=clusters, or training.balance=0"
        raise BadValue("training.balance", strength, remedy)
    return kind


def _clusters(terms: ShowerTerms, rng: np.random.Generator) -> Int[Array, " N"]:
    """Component of each shower in the best mixture of the terms, their mean dependence on the log energy taken out."""
    log_energy = terms.log_energy.double().numpy()
    of_shower = torch.stack(terms[:-1], 1).double().numpy()
    powers = np.vander((log_energy - log_energy.mean()) / max(log_energy.std(), 1e-6), 3)
    residual = of_shower - powers @ np.linalg.lstsq(powers, of_shower, rcond=None)[0]
    from caloforge.physics.mixture import best_mixture  # scikit-learn

    mixture = best_mixture(residual, rng)
    return np.unique(np.argmax(mixture.log_joint(residual), axis=1), return_inverse=True)[1]
