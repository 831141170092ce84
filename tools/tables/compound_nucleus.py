r"""How much of what a nucleus absorbs leaves again as an elastic neutron: Hauser and Feshbach's statistical model.

.. math:: \sigma_\mathrm{ce} = \frac{\pi}{k^2} \sum_{J\pi} \frac{2J+1}{2(2I+1)}
   \sum_{ab} \frac{V_a V_b}{\sum_c V_c}\,[1 + \delta_{ab}(W_a - 1)]

over the elastic channels a, b = (l, j). Neutrons to the ground state, to the first excited states that are known and to
a continuum of constant temperature compete; photons, protons and alphas are left out. Hauser and Feshbach, Phys. Rev.
87 (1952) 366; the elastic enhancement W and V from T: Hofmann, Richert, Tepel and Weidenmueller, Ann. Phys. 90 (1975)
403; level density, spin cut-off and its parameters from masses: von Egidy and Bucurescu, Phys. Rev. C 80 (2009) 054310,
with the liquid drop of Pearson, Hyperfine Interact. 132 (2001) 59. Energies in MeV.
"""

__all__ = ["DISCRETE", "Level", "Nucleus", "compound_elastic_share"]

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array
from optical_model import J_OF_WAVE, L_MAX, L_OF_WAVE, Scattering

DISCRETE = 4  # excited states before the continuum begins
_BINS = 60  # of the continuum
_NEUTRON_EXCESS, _HYDROGEN_EXCESS = 8.0713171, 7.2889710  # MeV
Waves = Float[Array, " waves"]
Bins = tuple[Float[Array, " u"], Float[Array, " u"], Float[Array, "u waves"]]
Transmission = Callable[[Float[Array, " u"]], Float[Array, "u waves"]]  # of energies in the centre of mass


@dataclass(frozen=True)
class Level:
    """Energy above the ground state, spin, parity +1 or -1."""

    energy: float
    spin: float
    parity: int


@dataclass(frozen=True)
class Nucleus:
    """An isotope: its lowest levels, ground state first, and the mass excesses (MeV) of (A, Z) and (A +- 2, Z +- 1)."""

    z: int
    a: int
    levels: tuple[Level, ...]
    excess: float
    excess_above: float
    excess_below: float

    @cached_property
    def pairing(self) -> float:
        """Deuteron pairing energy Pa."""
        return 0.5 * (-1) ** self.z * (self.excess_above - 2 * self.excess + self.excess_below)

    @cached_property
    def temperature(self) -> float:
        """T of the level density exp((U - E0) / T) / T."""
        even = (self.z % 2 == 0) + ((self.a - self.z) % 2 == 0)
        shell = self.excess - _liquid_drop(self.z, self.a) - (-0.5, 0.0, 0.5)[even] * self.pairing
        return self.a ** (-2 / 3) / (0.0597 + 0.00198 * shell)

    @property
    def zero(self) -> float:
        """E0 of the level density."""
        return -1.004 + 0.5 * self.pairing

    def spin_cutoff2(self, energy: Float[Array, " u"]) -> Float[Array, " u"]:
        return 0.391 * self.a**0.675 * np.maximum(energy - 0.5 * self.pairing, 0.3) ** 0.312


def _liquid_drop(z: int, a: int) -> float:
    """Mass excess of a liquid drop."""
    cube, j = a ** (1 / 3), (a - 2 * z) / a
    coulomb = 3 * 1.43996 / (5 * 1.233) * z**2 * a ** (-4 / 3)
    per_nucleon = -15.65 + 17.63 / cube + coulomb + (27.72 - 25.60 / cube) * j**2
    return z * _HYDROGEN_EXCESS + (a - z) * _NEUTRON_EXCESS + a * per_nucleon


def compound_elastic_share(
    nucleus: Nucleus, grid: Float[Array, " n"], waves: Scattering, energy: Float[Array, " m"]
) -> Float[Array, " m"]:
    """Share of the absorption at laboratory energies ``energy`` that is compound elastic; ``waves`` is on ``grid``."""
    recoil = nucleus.a / (nucleus.a + 1)

    def transmission(centre: Float[Array, " u"]) -> Float[Array, "u waves"]:
        at = np.log(np.maximum(centre / recoil, grid[0]))
        found = np.stack([np.interp(at, np.log(grid), column) for column in waves.transmission.T], axis=1)
        return found * (centre > 0)[:, None]

    return np.array([_share(nucleus, float(e) * recoil, transmission) for e in energy])


def _share(nucleus: Nucleus, energy: float, transmission: Transmission) -> float:
    ground = nucleus.levels[0]
    own = transmission(np.array([energy]))[0]
    others = [(level, transmission(np.array([energy - level.energy]))[0]) for level in nucleus.levels[1:]]
    others = [(level, t) for level, t in others if energy > level.energy]
    bins = _continuum(nucleus, energy, transmission)
    elastic = absorbed = 0.0
    for twice in range(int(2 * ground.spin + 1) % 2, int(2 * ground.spin) + 2 * L_MAX, 2):
        spin = twice / 2
        for parity in (1, -1):
            mine = own[_couples(ground, spin, parity)]
            mine = mine[mine > 1e-9]
            if len(mine) == 0:
                continue
            rest = np.concatenate([t[_couples(level, spin, parity)] for level, t in others] or [np.empty(0)])
            weight = (2 * spin + 1) * mine.sum()
            absorbed += weight
            elastic += weight * _elastic(mine, rest, _continuum_sum(bins, spin))
    return elastic / absorbed if absorbed else 1.0


def _couples(level: Level, spin: float, parity: int) -> Bool[Array, " waves"]:
    """Which waves and this level make a compound state of spin and parity."""
    triangle = (np.abs(level.spin - J_OF_WAVE) <= spin) & (spin <= level.spin + J_OF_WAVE)
    return triangle & ((-1) ** L_OF_WAVE * level.parity == parity)


def _continuum(nucleus: Nucleus, energy: float, transmission: Transmission) -> Bins | None:
    """Bins of the continuum: number of levels of one parity, squared spin cut-off, transmission by wave."""
    start = max(nucleus.levels[-1].energy, nucleus.zero + nucleus.temperature * np.log(len(nucleus.levels)))
    if energy <= start:
        return None
    edges = np.linspace(start, energy, _BINS + 1)
    u = 0.5 * (edges[1:] + edges[:-1])
    number = np.diff(np.exp((edges - nucleus.zero) / nucleus.temperature)) / 2
    return number, nucleus.spin_cutoff2(u), transmission(energy - u)


def _continuum_sum(bins: Bins | None, spin: float) -> float:
    """Sum of T over the continuum: the spins between |J - j| and J + j, f(I) = e^{-I^2/2s^2} - e^{-(I+1)^2/2s^2}."""
    if bins is None:
        return 0.0
    number, cutoff2, transmission = bins
    low, high = np.abs(spin - J_OF_WAVE), spin + J_OF_WAVE + 1
    share = np.exp(-(low**2) / (2 * cutoff2[:, None])) - np.exp(-(high**2) / (2 * cutoff2[:, None]))
    return float(number @ (share * transmission).sum(axis=1))


def _elastic(mine: Waves, rest: Waves, continuum: float) -> float:
    """Share of the flux of one J and parity that comes back to the ground state, averaged over its entrance waves."""
    t = np.concatenate([mine, rest])
    total = t.sum() + continuum
    mean = (t @ t) / total
    power = 4 * mean / total * (1 + t / total) / (1 + 3 * mean / total)
    w = 1 + 2 / (1 + t**power) + 87 * ((t - mean) / total) ** 2 * (t / total) ** 5
    v, flux = t, total
    for _ in range(30):
        v = t / (1 + v * (w - 1) / flux)
        flux = v.sum() + continuum
    own = v[: len(mine)]
    returned = (own.sum() ** 2 + (own**2 * (w[: len(mine)] - 1)).sum()) / flux
    return float(min(returned / mine.sum(), 1.0))
