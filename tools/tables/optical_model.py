r"""Neutrons on a spherical nucleus: Koning and Delaroche's global optical potential, solved wave by wave.

.. math:: u_{lj}'' = \Bigl[\frac{l(l+1)}{r^2} + \frac{2\mu}{\hbar^2}(U_{lj} - E)\Bigr] u_{lj}, \qquad
   \sigma_\mathrm{tot} = \frac{2\pi}{k^2}\sum_{lj}(j + \tfrac12)(1 - \mathrm{Re}\,S_{lj}), \qquad
   \sigma_\mathrm{abs} = \frac{\pi}{k^2}\sum_{lj}(j + \tfrac12)\,T_{lj}, \qquad T_{lj} = 1 - |S_{lj}|^2

Numerov's method from the centre to where the potential ends; S from the match to spherical Hankel functions. The
potential: A. J. Koning and J. P. Delaroche, Nucl. Phys. A 713 (2003) 231, global neutron parameters, made for
24 <= A <= 209 and 1 keV to 200 MeV. Energies in MeV, lengths in fm, cross sections in barn.
"""

__all__ = ["L_MAX", "J_OF_WAVE", "L_OF_WAVE", "Scattering", "scatter"]

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray as Array
from scipy.special import spherical_jn, spherical_yn

HBAR_C = 197.3269804  # MeV fm
NEUTRON, NUCLEON = 939.5654205, 931.49410242  # MeV: the neutron's mass and the atomic mass unit
PION_WAVE2 = 2.0  # fm2: (hbar / m_pi c)^2, as in the paper
L_MAX = 16
L_OF_WAVE = np.repeat(np.arange(L_MAX + 1), 2)[1:]  # s1/2, p1/2, p3/2, d3/2 ...
J_OF_WAVE = L_OF_WAVE + np.array([0.5, *[-0.5, 0.5] * L_MAX])
_STEP = 0.08  # fm
_FM2 = 0.01  # in barn


@dataclass(frozen=True, eq=False)
class Scattering:
    """Total and absorption cross section (barn), wave number (1/fm) and transmission coefficients, by energy."""

    total: Float[Array, " n"]
    absorption: Float[Array, " n"]
    wave_number: Float[Array, " n"]
    transmission: Float[Array, "n waves"]


def scatter(z: int, a: float, energy: Float[Array, " n"]) -> Scattering:
    """Scattering of neutrons of these laboratory energies on a nucleus of charge z and (mean) mass number a."""
    reduced = NEUTRON * a * NUCLEON / (NEUTRON + a * NUCLEON)
    k = np.sqrt(2 * reduced * energy * a / (a + 1)) / HBAR_C
    r, potential = _potential(z, a, energy)
    s = _match(*_solve(2 * reduced / HBAR_C**2 * potential, r, k), k)
    weight, transmission = J_OF_WAVE + 0.5, np.maximum(1 - np.abs(s) ** 2, 0)
    total = 2 * np.pi / k**2 * ((1 - s.real) @ weight)
    return Scattering(_FM2 * total, _FM2 * np.pi / k**2 * (transmission @ weight), k, transmission)


def _well(r: Float[Array, " r"], radius: float, width: float) -> Float[Array, " r"]:
    return 1 / (1 + np.exp((r - radius) / width))


def _potential(z: int, a: float, energy: Float[Array, " n"]) -> tuple[Float[Array, " r"], Complex[Array, "n waves r"]]:
    """Radii and the potential in MeV: equations 7 to 9 and table 4 of the paper."""
    excess, cube, e = 1 - 2 * z / a, a ** (1 / 3), energy - (-11.2814 + 0.02646 * a)
    depth = (59.30 - 21.0 * excess - 0.024 * a) * (
        1 - (0.007228 - 1.48e-6 * a) * e + (1.994e-5 - 2.0e-8 * a) * e**2 - 7e-9 * e**3
    )
    volume = (12.195 + 0.0167 * a) * e**2 / (e**2 + (73.55 + 0.0795 * a) ** 2)
    fade = 0.0180 + 0.003802 / (1 + np.exp((a - 156) / 8))
    surface = (16.0 - 16.0 * excess) * e**2 / (e**2 + 11.5**2) * np.exp(-fade * e)
    orbit = (5.922 + 0.0030 * a) * np.exp(-0.0040 * e) - 3.1j * e**2 / (e**2 + 160.0**2)

    radius, width = 1.3039 * cube - 0.4054, 0.6778 - 1.487e-4 * a
    r = _STEP * np.arange(1, int((radius + 13 * width) / _STEP) + 2)
    skin = _well(r, (1.3424 - 0.01585 * cube) * cube, 0.5446 - 1.656e-4 * a)
    edge = _well(r, 1.1854 * cube - 0.647, 0.59)
    central = -np.outer(depth + 1j * volume, _well(r, radius, width)) - 1j * np.outer(surface, 4 * skin * (1 - skin))
    spin_orbit = np.outer(orbit, -PION_WAVE2 * edge * (1 - edge) / 0.59 / r)
    product = np.where(J_OF_WAVE > L_OF_WAVE, L_OF_WAVE, -L_OF_WAVE - 1)  # l . sigma
    return r, central[:, None, :] + product[:, None] * spin_orbit[:, None, :]


def _solve(
    potential: Complex[Array, "n waves r"], r: Float[Array, " r"], k: Float[Array, " n"]
) -> tuple[Complex[Array, "n waves"], float, float]:
    """The ratio of u at two radii outside the potential, and these radii."""
    q = (L_OF_WAVE * (L_OF_WAVE + 1))[:, None] / r**2 + potential - k[:, None, None] ** 2
    t = _STEP**2 / 12
    u = np.full(q.shape[:2], 1e-20, complex)
    before, now, kept = np.zeros_like(u), (1 - t * q[..., 0]) * u, {}
    for i in range(1, len(r)):
        before, now = now, 2 * now - before + 12 * t * q[..., i - 1] * u
        kept[i] = u = now / (1 - t * q[..., i])
    inner, outer = len(r) - 4, len(r) - 1
    return kept[inner] / kept[outer], float(r[inner]), float(r[outer])


def _match(
    ratio: Complex[Array, "n waves"], inner: float, outer: float, k: Float[Array, " n"]
) -> Complex[Array, "n waves"]:
    """The S matrix; waves that do not reach the nucleus have S = 1."""

    def hankel(sign: int, r: float) -> Complex[Array, "n waves"]:
        x = k[:, None] * r
        return (spherical_jn(L_OF_WAVE, x) + sign * 1j * spherical_yn(L_OF_WAVE, x)) * r

    with np.errstate(all="ignore"):
        s = (hankel(-1, inner) - ratio * hankel(-1, outer)) / (ratio * hankel(1, outer) - hankel(1, inner))
    return np.where(np.isfinite(s) & (k[:, None] * outer + 4 > L_OF_WAVE), s, 1)
