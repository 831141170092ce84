r"""Laws that calorimeter showers obey at every energy, as violations g(E) that a model's samples can be held against.

With layer energies :math:`E_l` at depths :math:`z_l`, sum :math:`E_\text{tot}` and mean depth
:math:`\bar z = \sum_l E_l z_l / E_\text{tot}`, incident energy E and :math:`x = \ln(E / 10\,\text{GeV})`:

- ``linear_response``: :math:`g = \langle E_\text{tot}\rangle / (E\,\sum_j a_j x^j) - 1`. One coefficient is exact
  proportionality; more allow for leakage.
- ``resolution``: :math:`g = \frac12 [(\sigma_\text{tot}/\langle E_\text{tot}\rangle)^2 / (a^2/E + b^2 + c^2/E^2) - 1]`,
  E in GeV; stochastic, constant and noise term (PDG, Review of Particle Physics 2024, section 35.10): the relative
  deviation of the resolution. The variance is the mean square over n, not n - 1, because the mean of a model's showers
  (`caloforge.training.draws.showers_of`) hardly scatters.
- ``depth``: :math:`g = (\langle\bar z\rangle - b_0 - b_1 x) / s`: showers grow with the logarithm of the energy (PDG
  2024, section 34.5); s is the spread at fixed energy.

With the energies :math:`e_v` of the cells, at azimuth :math:`\alpha_v`:

- ``layer_sum``: :math:`g = \langle\sum_l |E_l - \sum_{v \in l} e_v|\rangle / \langle E_\text{tot}\rangle`, energy is
  neither lost nor made where cells share it.
- ``non_negative``: :math:`g = \langle\sum_v (-e_v)_+\rangle / \langle E_\text{tot}\rangle`.
- ``phi_symmetry``: :math:`g = \langle\sum_v e_v (\cos\alpha_v, \sin\alpha_v)\rangle / \langle E_\text{tot}\rangle`: no
  direction is preferred about the axis of a perpendicular particle.
"""

__all__ = ["Law", "LAWS", "PLUGINS", "law"]

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from caloforge.physics.laws import fit_line, fit_resolution
from caloforge.training.draws import Samples
from caloforge.training.law import LAWS, PLUGINS, Law, law
from caloforge.units import GeV

_TINY = 1e-12
_MOST_TERMS = 4  # of a response that is not constant


@law("linear_response")
class LinearResponse(Law):
    """Mean response constant, or a slow polynomial of log energy."""

    sizes = range(1, 10)

    def fit(self, truth: Samples) -> tuple[float, ...]:
        """As many coefficients as the Bayesian information criterion finds worth their while.

        Args:
            truth: training showers in K bins of energy, n in each.
        """
        response = (truth.total / truth.energy[:, None]).double()
        mean, error = response.mean(1).numpy(), (response.std(1) / response.shape[1] ** 0.5).numpy()
        x, fits = truth.log_energy.double().numpy(), {}
        for terms in range(1, 1 + min(_MOST_TERMS, len(x) - 1)):
            powers = np.vander(x, terms, increasing=True)
            fitted = np.linalg.lstsq(powers / error[:, None], mean / error)[0]
            chi2 = np.sum(((powers @ fitted - mean) / error) ** 2)
            fits[chi2 + terms * np.log(response.numel())] = fitted
        return tuple(float(v) for v in fits[min(fits)])

    def violation(self, samples: Samples, coefficients: Sequence[float]) -> Float[Tensor, " K"]:
        r""":math:`\langle E_\text{tot}\rangle / (E\,\sum_j a_j x^j) - 1`.

        Args:
            samples: showers at K energies, n each.
            coefficients: :math:`a_j`, of the powers of x.
        """
        x = samples.log_energy
        expected = sum(a * x**j for j, a in enumerate(coefficients))
        return samples.total.mean(1) / (samples.energy * expected) - 1


@law("resolution")
class Resolution(Law):
    """Relative width of the response; coefficients a (sqrt GeV), b, c (GeV)."""

    sizes = (3,)

    def fit(self, truth: Samples) -> tuple[float, ...]:
        """Stochastic, constant and noise term, by least squares in which relative deviations count alike.

        Args:
            truth: training showers in K bins of energy, n in each.

        Raises:
            BadValue: fewer than three bins.
        """
        e = (truth.energy / GeV).double().numpy()
        square = (truth.total.std(1) / truth.total.mean(1)).double().numpy() ** 2
        # errors in proportion to the values: relative deviations count alike
        terms, _ = fit_resolution(1 / e[None], 1 / e[None] ** 2, square[None], square)
        return tuple(float(v) for v in terms[0])

    def violation(self, samples: Samples, coefficients: Sequence[float]) -> Float[Tensor, " K"]:
        r""":math:`\frac12 [(\sigma_\text{tot}/\langle E_\text{tot}\rangle)^2 / (a^2/E + b^2 + c^2/E^2) - 1]`, E in GeV.

        Args:
            samples: showers at K energies, n each.
            coefficients: a (sqrt GeV), b, c (GeV).

        Source: PDG, Review of Particle Physics 2024, section 35.10.
        """
        a, b, c = coefficients
        e = samples.energy / GeV
        expected = a**2 / e + b**2 + c**2 / e**2
        return 0.5 * (samples.total.var(1, correction=0) / samples.total.mean(1).clamp_min(_TINY) ** 2 / expected - 1)


@law("depth")
class Depth(Law):
    """Mean depth linear in log energy; coefficients b0, b1 and the spread s, in the unit of the layers' depth."""

    sizes = (3,)

    def fit(self, truth: Samples) -> tuple[float, ...]:
        """The straight line through the mean depths by least squares, and the spread at fixed energy.

        Args:
            truth: training showers in K bins of energy, n in each.

        Raises:
            BadValue: fewer than two bins.
        """
        depth = truth.mean_depth
        x, mean = truth.log_energy.double().numpy(), depth.mean(1).double().numpy()
        line, _ = fit_line(x[None], mean[None], np.ones_like(x))
        return float(line[0, 1]), float(line[0, 0]), float(depth.std(1).mean())

    def violation(self, samples: Samples, coefficients: Sequence[float]) -> Float[Tensor, " K"]:
        r""":math:`(\langle\bar z\rangle - b_0 - b_1 x) / s`.

        Args:
            samples: showers at K energies, n each.
            coefficients: b0, b1 and s, in the unit of the layers' depth.

        Source: PDG, Review of Particle Physics 2024, section 34.5.
        """
        b0, b1, spread = coefficients
        return (samples.mean_depth.mean(1) - b0 - b1 * samples.log_energy) / spread


def _mean_of_cells(f: Float[Tensor, "K n"], samples: Samples) -> Float[Tensor, " K"]:
    return f.mean(1) / samples.total.mean(1).clamp_min(_TINY)


def _cells(samples: Samples) -> Float[Tensor, "K n V"]:
    assert samples.cells is not None, "a law that needs cells says needs_cells"
    return samples.cells


def _of_voxels(values: Array, like: Tensor) -> Tensor:
    return torch.from_numpy(values).to(like)


@law("layer_sum")
class LayerSum(Law):
    """Cells of a layer carry its energy."""

    needs_cells = True

    def violation(self, samples: Samples, coefficients: Sequence[float]) -> Float[Tensor, " K"]:
        r""":math:`\langle\sum_l |E_l - \sum_{v \in l} e_v|\rangle / \langle E_\text{tot}\rangle`.

        Args:
            samples: showers at K energies, n each.
            coefficients: none.
        """
        cells, layer = _cells(samples), torch.from_numpy(samples.binning.layer_of_voxel)
        sums = torch.zeros_like(samples.layers).index_add(2, layer, cells)
        return _mean_of_cells((samples.layers - sums).abs().sum(2), samples)


@law("non_negative")
class NonNegative(Law):
    """No cell has an energy below zero."""

    needs_cells = True

    def violation(self, samples: Samples, coefficients: Sequence[float]) -> Float[Tensor, " K"]:
        r""":math:`\langle\sum_v (-e_v)_+\rangle / \langle E_\text{tot}\rangle`.

        Args:
            samples: showers at K energies, n each.
            coefficients: none.
        """
        return _mean_of_cells((-_cells(samples)).clamp_min(0.0).sum(2), samples)


@law("phi_symmetry")
class PhiSymmetry(Law):
    """First moments of the azimuth vanish, one component for the cosine and one for the sine."""

    needs_cells = True

    def violation(self, samples: Samples, coefficients: Sequence[float]) -> Float[Tensor, "K 2"]:
        r""":math:`\langle\sum_v e_v (\cos\alpha_v, \sin\alpha_v)\rangle / \langle E_\text{tot}\rangle`.

        Args:
            samples: showers at K energies, n each.
            coefficients: none.
        """
        cells, alpha = _cells(samples), samples.binning.alpha_centres
        moments = [_mean_of_cells(cells @ _of_voxels(f(alpha), cells), samples) for f in (np.cos, np.sin)]
        return torch.stack(moments, 1)
