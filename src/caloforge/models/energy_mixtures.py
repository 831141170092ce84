r"""Layer energies one after the other from the front, each a mixture of cut normals given those before it.

.. math:: p(u \mid c) = \prod_i \Big[ p_i\, U_i + (1 - p_i)
          \sum_k w_{ik}\, N_{[a_i, b_i]}(\mu_{ik}, \sigma_{ik}) \Big](u_i \mid u_{<i}, c)

:math:`U_i` is the band of an empty layer (`AtomBands`). Between the ends :math:`a_i, b_i` of training, a little
widened, each normal is cut and normalised, so that no layer holds much more than it ever did; a feature beyond an end
counts as one at it, as does an empty layer where training had none. A mixture because a hadron either passes the layer,
with nearly the same energy each time, or showers in it.

Features belong to one layer each (logarithms, say, by quantiles), so the energy of the layers before is known when a
layer is drawn. A small network for each layer hears the conditions, the last few features, which of these layers were
empty, and of all layers before: the sum of their energies, that of the last few, that of those before these, and the
largest of all and of the last few; the first sum also as a share of the incident energy. Without the sums nothing
tells it that energy is conserved.

A sample takes one normal a feature, :math:`v = \Phi(z)`: below :math:`p` it is a place in the band, above it
:math:`(v - p)/(1 - p)` chooses a normal by the running sums of the :math:`w`, and what is left the place in it.
"""

__all__ = ["MixtureEnergies"]

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from caloforge.models.stages import EnergyStage
from caloforge.nn.normal import log_density, normal_cdf, normal_quantile
from caloforge.nn.parallel import ParallelMLP
from caloforge.preprocessing.transform import AtomBands

_NORMALS = 6  # in each mixture
_SIGHT = 8  # layers before that are heard one by one
_NEAR = 5  # layers of the short sums
_SUMS = 6
_ROOM = 2.5e-4  # of the width of a band, at its upper end: features round
_WIDENED = 0.02  # of the range of training, at either end
_TINY, _LEAST_MASS = 1e-12, 1e-6
_WIDTHS = (-4.0, 1.0)  # logarithms, over the spread of the feature
_EMPTY = -7.0  # ln(E / MeV) that an empty layer counts as


class MixtureEnergies(EnergyStage):
    """Energy stage of a cascade, see the module.

    Args:
        bands: where the empty layers of each of the L features lie.
        log_energy: (G, L) ln(E / MeV) at G features, evenly from the upper end of the band below to the lower end of
            the band above.
        log_incident: where the standardised ln(E / MeV) of the incident particle stands in the conditions.
        scale: (2,) its mean and standard deviation.
        n_conditions: C, the particle embedded.
        width: hidden units of each network.
    """

    below: Tensor
    log_energy: Tensor
    whole: Tensor
    scale: Tensor
    ends: Tensor
    spread: Tensor
    sums: Tensor
    empties: Tensor

    def __init__(
        self,
        bands: AtomBands,
        log_energy: Float[Tensor, "G L"],
        log_incident: int,
        scale: Float[Tensor, "2"],
        n_conditions: int,
        width: int,
    ) -> None:
        super().__init__()
        n, self.log_incident = bands.below.shape[1], log_incident
        self.register_buffer("scale", scale.clone(), persistent=False)
        self.register_buffer("below", bands.below.clone(), persistent=False)
        self.register_buffer("log_energy", log_energy.clone(), persistent=False)
        self.register_buffer("whole", torch.stack([bands.below[1], bands.above[0]]), persistent=False)
        self.register_buffer("ends", self.whole.clone())
        self.register_buffer("spread", torch.tensor([[0.0], [1.0]]).repeat(1, n))  # mean and width of each feature
        self.register_buffer("sums", torch.tensor([[[0.0]], [[1.0]]]).repeat(1, _SUMS, n))  # of what is heard of sums
        self.register_buffer("empties", torch.ones(n, dtype=torch.bool))
        heard = torch.ones(n, 2 * _SIGHT + _SUMS + n_conditions)
        self.networks = ParallelMLP(heard, width, 1 + 3 * _NORMALS, 2 + _NORMALS)

    @torch.no_grad()
    def initialise(self, u: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> None:
        """Which layers are ever empty and how often, the ends, and where the normals of each mixture start.

        Args:
            u: (N, L) energy features.
            c: (N, C) conditions, the particle embedded.
        """
        empty = self._empty(u)
        self.empties.copy_(empty.any(0))
        kept = torch.where(empty, torch.nan, u)
        mean = kept.nanmean(0).nan_to_num(0.0)
        width = (kept - mean).square().nanmean(0).sqrt().nan_to_num(1.0).clamp_min(1e-3)
        self.spread.copy_(torch.stack([mean, width]))
        least, most = u.masked_fill(empty, torch.inf).amin(0), u.masked_fill(empty, -torch.inf).amax(0)
        least, most = torch.where(least > most, mean - width, least), torch.where(least > most, mean + width, most)
        wider = _WIDENED * (most - least).clamp_min(1e-2)
        start, end = torch.maximum(least - wider, self._edge()), torch.minimum(most + wider, self.whole[1])
        self.ends.copy_(torch.stack([start, end]))
        sums = torch.stack([self._sums(before, c) for before in self._before(self._log_energies(u))], 2)  # (N, S, L)
        spread = sums.std(0, correction=0)
        self.sums.copy_(torch.stack([sums.mean(0), torch.where(spread > 1e-4, spread, 1.0)]))
        rate = empty.float().mean(0).clamp(1e-5, 1 - 1e-5)
        bias = self.networks.last_bias
        bias[:, 0, 0] = torch.logit(rate)
        bias[:, 0, 1 + _NORMALS : 1 + 2 * _NORMALS] = torch.linspace(-1.5, 1.5, _NORMALS)
        bias[:, 0, 1 + 2 * _NORMALS :] = math.log(0.7)

    def _edge(self) -> Float[Tensor, " L"]:
        """Features below it stand for empty layers."""
        return self.below[1] + _ROOM * (self.below[1] - self.below[0])

    def _empty(self, u: Float[Tensor, "N L"]) -> Bool[Tensor, "N L"]:
        return u < self._edge()

    def _log_energies(self, u: Float[Tensor, "N n"], first: int = 0) -> Float[Tensor, "N n"]:
        """ln(E / MeV) of the features of layers from ``first`` on, by the table; of empty layers its least."""
        layers = slice(first, first + u.shape[1])
        start, end = self.whole[:, layers]
        place = (u - start) / (end - start) * (len(self.log_energy) - 1)
        place = place.clamp(0, len(self.log_energy) - 1)
        left = place.floor().clamp(max=len(self.log_energy) - 2).long()
        table = self.log_energy[:, layers]
        low, high = table.gather(0, left), table.gather(0, left + 1)
        log_energy = torch.lerp(low, high, place - left).clamp_min(_EMPTY)
        return torch.where(u < self._edge()[layers], _EMPTY, log_energy)

    @staticmethod
    def _before(log_energies: Float[Tensor, "N L"]) -> list[Float[Tensor, "N i"]]:
        """What lies before each layer."""
        return [log_energies[:, :i] for i in range(log_energies.shape[1])]

    def _sums(self, log_energies: Float[Tensor, "N i"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N S"]:
        """What is heard of the energies (MeV) of all layers before, not yet standardised."""
        padded = nn.functional.pad(log_energies, (_NEAR + 1, 0), value=_EMPTY)
        near, far = padded[:, -_NEAR:], padded[:, :-_NEAR]
        near_sum, far_sum = near.logsumexp(1), far.logsumexp(1)
        whole = torch.stack([near_sum, far_sum]).logsumexp(0)
        most = torch.maximum(near.amax(1), far.amax(1))
        incident = self.scale[0] + self.scale[1] * c[:, self.log_incident]
        return torch.stack([(whole - incident).exp(), whole, near_sum, far_sum, most, near.amax(1)], 1)

    def _heard(
        self, u: Float[Tensor, "N i"], log_energies: Float[Tensor, "N i"], c: Float[Tensor, "N C"]
    ) -> Float[Tensor, "N I"]:
        """Input of the network of layer i, from features and energies of the layers before it."""
        i, n = u.shape[1], min(_SIGHT, u.shape[1])
        layers = slice(i - n, i)
        empty = u[:, layers] < self._edge()[layers]
        mean, width = self.spread[:, layers]
        values = ((u[:, layers] - mean) / width).masked_fill(empty, 0.0)
        last = [nn.functional.pad(x, (_SIGHT - n, 0)) for x in (values, empty.to(values))]
        sums = (self._sums(log_energies, c) - self.sums[0, :, i]) / self.sums[1, :, i]
        return torch.cat([*last, sums, c], 1)

    def _mixtures(self, heard: Float[Tensor, "D N I"], of: int | None = None) -> tuple[Tensor, ...]:
        """Log odds of an empty layer (N, n), log weights, means and log widths (N, n, K) of the normals."""
        line, bend = self.networks(heard, of)
        layers = slice(None) if of is None else slice(of, of + 1)
        k = _NORMALS
        odds = (line[..., 0] + bend[..., 0]).masked_fill(~self.empties[layers], -torch.inf)
        weights = (line[..., 2:] + bend[..., 1 : 1 + k]).log_softmax(-1)
        means, log_widths = line[..., 1:2] + bend[..., 1 + k : 1 + 2 * k], bend[..., 1 + 2 * k :].clamp(*_WIDTHS)
        middle, spread = self.spread[:, layers, None]
        return odds, weights, middle + spread * means, spread.log() + log_widths

    def log_prob(self, u: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, " N"]:
        """Log-density in nats.

        Args:
            u: (N, L) energy features.
            c: (N, C) conditions, the particle embedded.
        """
        log_energies, empty = self._log_energies(u), self._empty(u) & self.empties
        heard = torch.stack([self._heard(u[:, :i], e, c) for i, e in enumerate(self._before(log_energies))])
        odds, weights, means, log_widths = self._mixtures(heard)
        start, end = self.ends
        within = torch.minimum(torch.maximum(u, start), end)
        low, high, z = (((x[..., None]) - means) * (-log_widths).exp() for x in (start, end, within))
        mass = torch.where(low + high < 0, normal_cdf(high) - normal_cdf(low), normal_cdf(-low) - normal_cdf(-high))
        normals = weights + log_density(z) - log_widths - mass.clamp_min(_LEAST_MASS).log()
        band = (self.below[1] - self.below[0]).log()
        filled = nn.functional.logsigmoid(-odds) + normals.logsumexp(-1)
        return torch.where(empty, nn.functional.logsigmoid(odds) - band, filled).sum(1)

    def sample(self, noise: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N L"]:
        """Feature after feature, each by its own normal.

        Args:
            noise: (N, L) standard normal.
            c: (N, C) conditions, the particle embedded.
        """
        u, log_energies = noise[:, :0], noise[:, :0]
        for i in range(noise.shape[1]):
            heard = self._heard(u, log_energies, c)[None]
            odds, weights, means, log_widths = (x[:, 0] for x in self._mixtures(heard, i))
            v, p = normal_cdf(noise[:, i]), odds.sigmoid()
            part = ((v - p) / (1 - p).clamp_min(_TINY)).clamp(0.0, 1.0)
            value = self._quantile(part, weights.exp(), means, log_widths.exp(), i)
            place = (v / p.clamp_min(_TINY)).clamp(_TINY, 1 - 1e-6)
            value = torch.where(v < p, torch.lerp(self.below[0, i], self.below[1, i], place), value)[:, None]
            u, log_energies = torch.cat([u, value], 1), torch.cat([log_energies, self._log_energies(value, i)], 1)
        return u

    def _quantile(
        self, part: Float[Tensor, " N"], weights: Tensor, means: Tensor, widths: Tensor, i: int
    ) -> Float[Tensor, " N"]:
        """A place in the mixture of layer i: which normal, and where in it between the ends."""
        up_to = weights.cumsum(1)
        chosen = (part[:, None] > up_to[:, :-1]).sum(1, keepdim=True)
        weight, mean, width, over = (x.gather(1, chosen)[:, 0] for x in (weights, means, widths, up_to))
        place = (1 - (over - part) / weight.clamp_min(_TINY)).clamp(0.0, 1.0)
        start, end = self.ends[:, i]
        low, high = normal_cdf((start - mean) / width), normal_cdf((end - mean) / width)
        value = mean + width * normal_quantile(torch.lerp(low, high, place).clamp(1e-7, 1 - 1e-7))
        return torch.minimum(torch.maximum(value, start), end)
