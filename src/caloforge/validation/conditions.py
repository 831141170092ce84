"""Are two samples comparable at all? Same mesh, same mixture of particles, same distributions of energy and angles.

A generator answers for p(shower | particle, energy, direction); two samples at different conditions differ even if it
is perfect. Mixtures are compared with a chi-squared test, energies and angles with Kolmogorov-Smirnov, each particle by
itself.
"""

__all__ = [
    "PERPENDICULAR",
    "Conditioned",
    "ConditionsDiffer",
    "copies",
    "differences",
    "origin_cautions",
    "repeated",
    "require_comparable",
]

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int, Num, UInt64
from numpy import ndarray as Array
from scipy.stats import chi2_contingency, ks_2samp

from caloforge.data.ids import SURE_CELLS
from caloforge.data.origins import HasOrigin, compare_origins
from caloforge.data.source import KnownSource
from caloforge.data.splits import SplitOf
from caloforge.errors import CaloforgeError, EmptySample
from caloforge.geometry.binning import Binning, require_one_mesh
from caloforge.units import format_energy

_P_VALUE = 1e-3
_FLOAT32 = 1e-6  # relative; values closer than this are equal in float32
PERPENDICULAR = 1e-4  # rad; below, the azimuth has no meaning
FEWEST = 100
_REPEATED = 0.01  # share of repeated showers from which on it is said
_REMEDY = (
    "generate at the truth's conditions (like=..., or generate --like), or go on with allow_different_conditions=True, "
    "or --allow-different-conditions"
)


@runtime_checkable
class Conditioned(Protocol):
    """Showers or a `Sample` of them: what was asked for, and content hashes."""

    @property
    def binning(self) -> Binning:
        """The mesh."""

    @property
    def incident_energy(self) -> Float[Array, " N"]:
        """MeV."""

    @property
    def pdg(self) -> Int[Array, " N"]:
        """PDG particle numbers."""

    @property
    def theta(self) -> Float[Array, " N"]:
        """Polar angle, rad."""

    @property
    def phi(self) -> Float[Array, " N"]:
        """Azimuth, rad."""

    @property
    def ids(self) -> UInt64[Array, " N"]:
        """Content hashes."""

    def __len__(self) -> int: ...


class ConditionsDiffer(CaloforgeError):
    """Truth and generated showers were not made under the same conditions.

    Args:
        reasons: what differs, a clause each.
        remedy: what to do about it.
    """

    def __init__(self, reasons: list[str], remedy: str = _REMEDY) -> None:
        super().__init__(f"truth and generated showers cannot be compared: {'; '.join(reasons)}; {remedy}")


def differences(truth: Conditioned, generated: Conditioned) -> list[str]:
    """What differs between the conditions of two samples, one sentence each; empty when they can be compared.

    Args:
        truth: reference showers.
        generated: showers to judge.
    """
    return [*_particles(truth, generated), *_kinematics(truth, generated)]


def copies(truth: UInt64[Array, " n"], generated: UInt64[Array, " m"], hits: Num[Array, " m"]) -> int:
    """How many generated showers are showers of the truth, be they rounded.

    Args:
        truth: content hashes of the true showers.
        generated: content hashes of the generated showers.
        hits: hit cells of each generated shower; with fewer than `SURE_CELLS` two showers may be equal by chance.
    """
    return int(np.isin(generated[hits >= SURE_CELLS], truth).sum())


def repeated(ids: UInt64[Array, " N"], hits: Num[Array, " N"], name: str) -> list[str]:
    """A sentence where showers come several times, since every error takes them for independent.

    Args:
        ids: of the showers.
        hits: hit cells of each; those with fewer than `SURE_CELLS` are not counted.
        name: "true " or "generated ", for the sentence.
    """
    sure = ids[hits >= SURE_CELLS]
    distinct = len(np.unique(sure))
    if distinct >= (1 - _REPEATED) * len(sure):
        return []
    return [f"only {distinct:,} of the {len(sure):,} {name}showers are distinct, so errors are too small"]


def origin_cautions(truth: object, generated: object, oblique: bool, allow_different: bool = False) -> list[str]:
    """What differs in how two samples came about: frames of the mesh are refused, the rest is a caution.

    Args:
        truth: a file of showers, a part of one, or `Showers`; nothing is compared where it does not say.
        generated: the same; what counts is the simulation that its model learned.
        oblique: whether any showers come at an angle.
        allow_different: take other frames for a caution, too.

    Raises:
        ConditionsDiffer: the meshes lie in different frames, and that was not allowed.
    """
    if not isinstance(truth, HasOrigin) or not isinstance(generated, HasOrigin):
        return []
    differences = compare_origins(truth, generated, oblique)
    if differences.frames and not allow_different:
        raise ConditionsDiffer(list(differences.frames), "use showers whose meshes lie in one frame")
    return [
        *differences.frames,
        *differences.detectors,
        *differences.settings,
        *differences.gates,
        *_unknown_training(truth, generated),
    ]


def _unknown_training(truth: object, generated: object) -> list[str]:
    """A file may name the training of its model without the ids of the showers; the test split never trained one."""
    if not isinstance(generated, KnownSource) or isinstance(truth, SplitOf):
        return []
    if not generated.provenance.training or len(generated.training_ids):
        return []
    return ["the generated file does not say which showers its model was trained on: the truth may hold some"]


def _particles(truth: Conditioned, generated: Conditioned) -> list[str]:
    first, second = (sorted(map(int, np.unique(s.pdg))) for s in (truth, generated))
    if first != second:
        return [f"particles differ (PDG {first} against {second})"]
    counts = np.array([[(s.pdg == pdg).sum() for pdg in first] for s in (truth, generated)])
    if len(first) == 1 or chi2_contingency(counts).pvalue > _P_VALUE:
        return []
    shares = counts / counts.sum(axis=1, keepdims=True)
    listed = ", ".join(
        f"{pdg}: {100 * a:.3g} against {100 * b:.3g} %" for pdg, a, b in zip(first, *shares, strict=True)
    )
    return [f"the mixture of particles differs (PDG {listed})"]


def _kinematics(truth: Conditioned, generated: Conditioned) -> Iterator[str]:
    """Energy and direction of each particle that both samples hold; the tests share one error rate."""
    kinds = np.intersect1d(truth.pdg, generated.pdg)
    if kinds.size == 0:
        kinds, of = np.array([0]), [np.zeros(len(s), int) for s in (truth, generated)]
    else:
        of = [s.pdg for s in (truth, generated)]
    for kind in kinds:
        rows = [pdg == kind for pdg in of]
        name = f" of particle {kind}" if len(kinds) > 1 else ""
        energies, theta, phi = (
            [getattr(s, what)[r] for s, r in zip((truth, generated), rows, strict=True)]
            for what in ("incident_energy", "theta", "phi")
        )
        if text := _differ(energies, len(kinds)):
            ranges = " against ".join(_range(e) for e in energies)
            yield f"incident energies{name} differ in distribution ({ranges}; {text})"
        if text := _differ([np.cos(t) for t in theta], len(kinds)):
            yield f"angles of incidence{name} differ in distribution ({text})"
        azimuths = [np.mod(p[t > PERPENDICULAR], 2 * np.pi) for p, t in zip(phi, theta, strict=True)]
        if min(map(len, azimuths)) and (text := _differ(azimuths, len(kinds))):
            yield f"azimuths{name} differ in distribution ({text})"


def _differ(pair: list[Array], tests: int) -> str:
    """What the Kolmogorov-Smirnov test finds, empty when it finds nothing."""
    test = ks_2samp(*_levels(*pair), method="asymp")
    return "" if test.pvalue > _P_VALUE / tests else f"KS distance {test.statistic:.2f}, p = {test.pvalue:.1g}"


def _levels(first: Float[Array, " n"], second: Float[Array, " m"]) -> tuple[Int[Array, " n"], Int[Array, " m"]]:
    """Ranks of the values, the same for those that differ by no more than rounding to float32 does."""
    values, ranks = np.unique(np.concatenate([first, second]).astype(np.float64), return_inverse=True)
    apart = np.diff(values, prepend=values[:1]) > _FLOAT32 * np.abs(values)
    levels = np.cumsum(apart)[ranks]
    return levels[: len(first)], levels[len(first) :]


def _range(energies: Float[Array, " n"]) -> str:
    low, middle, high = (format_energy(float(x)) for x in (energies.min(), np.median(energies), energies.max()))
    return f"{low}-{high}, median {middle}"


def require_comparable(truth: Conditioned, generated: Conditioned, allow_different: bool = False) -> list[str]:
    """Refuse samples that cannot be compared; the differences that were allowed come back.

    Args:
        truth: reference showers.
        generated: showers to judge.
        allow_different: go on where conditions differ.

    Raises:
        EmptySample: fewer than 100 showers in a sample.
        BinningMismatch: the meshes differ.
        ConditionsDiffer: particles, their mixture, energies or angles differ (p < 0.001) and that was not allowed.
    """
    if min(len(truth), len(generated)) < FEWEST:
        raise EmptySample(f"a comparison needs at least {FEWEST} showers in both samples", len(truth), len(generated))
    require_one_mesh(truth.binning, generated.binning)
    reasons = differences(truth, generated)
    if reasons and not allow_different:
        raise ConditionsDiffer(reasons)
    return reasons
