r"""Profiles of Grindhammer and Peters' parametrisation: T and alpha along the shower, core and tail across it.

.. math:: f(t) = \beta^\alpha t^{\alpha-1} e^{-\beta t} / \Gamma(\alpha), \quad \beta = (\alpha - 1) / T, \qquad
   f(r) = p \frac{2 r R_C^2}{(r^2+R_C^2)^2} + (1-p) \frac{2 r R_T^2}{(r^2+R_T^2)^2}

with depth t in radiation lengths and r in Molière radii (hep-ex/0001020, sections 3 and 4 and appendix A).
"""

__all__ = ["Profile", "profile", "radial"]

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.simulation.gflash.medium import Medium
from caloforge.units import GeV


@dataclass(frozen=True, eq=False)
class Profile:
    """Longitudinal parameters of n showers.

    Args:
        maximum: depth T of the maximum, radiation lengths.
        alpha: shape of the gamma distribution.
        mean_alpha: the average alpha at these energies.
    """

    maximum: Float[Array, " n"]
    alpha: Float[Array, " n"]
    mean_alpha: Float[Array, " n"]

    @property
    def beta(self) -> Float[Array, " n"]:
        """Inverse length, in inverse radiation lengths."""
        return (self.alpha - 1) / self.maximum

    def scaled(self, depth: Float[Array, " m"]) -> Float[Array, "n m"]:
        """Depth in units of the shower's own centre of gravity, as a depth of the average shower: the paper's tau.

        Args:
            depth: radiation lengths.

        Source: hep-ex/0001020, appendix A.
        """
        centre = self.maximum * self.alpha / (self.alpha - 1)
        return depth / (centre * (self.mean_alpha - 1) / self.mean_alpha)[:, None]

    def share(self, depths: Float[Array, " edges"]) -> Float[Array, "n periods"]:
        """Share of the energy between consecutive depths.

        Args:
            depths: increasing, radiation lengths.
        """
        return np.diff(_gamma_share(self.alpha[:, None], self.beta[:, None] * depths), axis=1)

    def spots(self, stuff: Medium) -> "Profile":
        """The profile of the number of spots, which lies earlier and is wider.

        Args:
            stuff: the medium.

        Source: hep-ex/0001020, appendix A.
        """
        sampling = np.isfinite(stuff.sampling_frequency)
        t, a = (0.813 + 0.0019 * stuff.z, 0.844 + 0.0026 * stuff.z) if sampling else _homogeneous_spots(stuff.z)
        return Profile(self.maximum * t, np.maximum(self.alpha * a, 1.05), self.mean_alpha)


def _gamma_share(a: Float[Array, "n 1"], x: Float[Array, "n m"]) -> Float[Array, "n m"]:
    r"""Regularised incomplete gamma function :math:`x^a e^{-x} \sum_k x^k / \Gamma(a + k + 1)`, x growing along m."""
    log_gamma = np.array([[math.lgamma(v + 1)] for v in a[:, 0].tolist()])
    with np.errstate(divide="ignore"):
        term = np.exp(a * np.log(x) - x - log_gamma)
    total, k = term.copy(), 1
    while np.any(term > 1e-16 * total):
        term = term * x / (a + k)
        total, k = total + term, k + 1
    return np.maximum.accumulate(np.minimum(total, 1.0), axis=1)


def _homogeneous_spots(z: float) -> tuple[float, float]:
    return 0.698 + 0.00212 * z, 0.639 + 0.00334 * z


def profile(stuff: Medium, energy: Float[Array, " n"], normal: Float[Array, "n 2"]) -> Profile:
    """Fluctuated longitudinal parameters; zeros for ``normal`` give the average shower.

    Zeros give the average shower.

    Args:
        stuff: the medium.
        energy: incident energies, MeV.
        normal: two standard normals a shower.

    Source: hep-ex/0001020, appendix A.
    """
    ln_y = np.log(energy / stuff.critical_energy)
    passive, inverse = 1 - stuff.e_mip, 1 / stuff.sampling_frequency
    t = ln_y - 0.812 - 0.55 * inverse - 0.69 * passive
    a = 0.81 + (0.458 + 2.26 / stuff.z) * ln_y - 0.476 * inverse
    sampling = np.isfinite(stuff.sampling_frequency)
    st, sa, rho = (-2.5 + 1.25 * ln_y, -0.82 + 0.79 * ln_y, 0.784) if sampling else _homogeneous_spread(ln_y)
    correlation = rho - 0.023 * ln_y
    plus, minus = np.sqrt((1 + correlation) / 2) * normal[:, 0], np.sqrt((1 - correlation) / 2) * normal[:, 1]
    return Profile(
        maximum=np.maximum(t * np.exp((plus + minus) / st), 0.5),
        alpha=np.maximum(a * np.exp((plus - minus) / sa), 1.1),
        mean_alpha=a,
    )


def _homogeneous_spread(ln_y: Float[Array, " n"]) -> tuple[Float[Array, " n"], Float[Array, " n"], float]:
    return -1.4 + 1.26 * ln_y, -0.58 + 0.86 * ln_y, 0.705


def radial(
    stuff: Medium, energy: Float[Array, "n 1"], tau: Float[Array, "n m"]
) -> tuple[Float[Array, "n m"], Float[Array, "n m"], Float[Array, "n m"]]:
    """Weight p of the core, radii of core and tail in Molière radii, at scaled depths.

    Args:
        stuff: the medium.
        energy: incident energies, MeV.
        tau: depth over the shower's own centre of gravity, see `Profile.scaled`.

    Source: hep-ex/0001020, appendix A.
    """
    ln_e, z = np.log(energy / GeV), stuff.z
    core = 0.0251 + 0.00319 * ln_e + (0.1162 - 0.000381 * z) * tau
    k = tau - 0.645
    tail = (0.659 - 0.00309 * z) * (np.exp(-2.59 * k) + np.exp((0.3585 + 0.0412 * ln_e) * k))
    u = (0.401 + 0.00187 * z - tau) / (1.313 - 0.0686 * ln_e)
    weight = (2.632 - 0.00094 * z) * np.exp(u - np.exp(u))
    passive, inverse = 1 - stuff.e_mip, 1 / stuff.sampling_frequency
    core += -0.0203 * passive + 0.0397 * inverse * np.exp(-tau)
    tail += -0.14 * passive - 0.495 * inverse * np.exp(-tau)
    weight += passive * (0.348 - 0.642 * inverse * np.exp(-np.square(tau - 1)))
    return np.clip(weight, 0, 1), np.maximum(core, 1e-3), np.maximum(tail, 1e-3)
