"""Are two samples comparable at all? Same mesh, same particles, same distribution of energy (Kolmogorov-Smirnov).

A generator answers for p(shower | particle, energy); two samples at different energies differ even if it is perfect.
"""

__all__ = ["ConditionsDiffer", "differences", "copies", "require_comparable"]

import numpy as np
from scipy.stats import ks_2samp

from caloforge.data.showers import Showers
from caloforge.errors import BinningMismatch, CaloforgeError, EmptySample
from caloforge.units import format_energy

_P_VALUE = 1e-3
FEWEST = 100


class ConditionsDiffer(CaloforgeError):
    """Truth and generated showers were not made under the same conditions."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(
            f"truth and generated showers cannot be compared: {'; '.join(reasons)}; "
            "generate at the truth's conditions (caloforge generate --like) or pass --allow-different-conditions"
        )


def differences(truth: Showers, generated: Showers) -> list[str]:
    """What differs between the conditions of two samples, one sentence each; empty when they can be compared."""
    return [*_particles(truth, generated), *_energies(truth, generated), *_angles(truth, generated)]


def copies(truth: Showers, generated: Showers) -> int:
    """How many generated showers are, to the last bit, showers of the truth."""
    return int(np.isin(generated.ids, truth.ids).sum())


def _particles(truth: Showers, generated: Showers) -> list[str]:
    first, second = (sorted(map(int, np.unique(s.pdg))) for s in (truth, generated))
    return [] if first == second else [f"particles differ (PDG {first} against {second})"]


def _energies(truth: Showers, generated: Showers) -> list[str]:
    test = ks_2samp(truth.incident_energy, generated.incident_energy, method="asymp")
    if test.pvalue > _P_VALUE:
        return []
    first, second = (_range(s) for s in (truth, generated))
    return [
        f"incident energies differ in distribution ({first} against {second}; "
        f"KS distance {test.statistic:.2f}, p = {test.pvalue:.1g})"
    ]


def _angles(truth: Showers, generated: Showers) -> list[str]:
    same = ks_2samp(np.cos(truth.theta), np.cos(generated.theta), method="asymp").pvalue > _P_VALUE
    return [] if same else ["angles of incidence differ in distribution"]


def _range(showers: Showers) -> str:
    low, high = showers.incident_energy.min(), showers.incident_energy.max()
    return f"{format_energy(float(low))}-{format_energy(float(high))}, median {_median(showers)}"


def _median(showers: Showers) -> str:
    return format_energy(float(np.median(showers.incident_energy)))


def require_comparable(truth: Showers, generated: Showers, allow_different: bool = False) -> list[str]:
    """Refuse samples that cannot be compared; the differences that were allowed come back.

    Raises:
        EmptySample: fewer than 100 showers in a sample.
        BinningMismatch: the meshes differ.
        ConditionsDiffer: particles, energies or angles differ (p < 0.001) and that was not allowed.
    """
    if min(len(truth), len(generated)) < FEWEST:
        raise EmptySample(f"a comparison needs at least {FEWEST} showers in both samples", len(truth), len(generated))
    if not truth.binning.same_cells(generated.binning):
        raise BinningMismatch(truth.binning.name, generated.binning.name)
    found = differences(truth, generated)
    if found and not allow_different:
        raise ConditionsDiffer(found)
    return found
