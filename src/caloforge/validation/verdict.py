"""The verdict in plain words: what the numbers support, requirement by requirement, and no more than that."""

__all__ = ["Check", "Speed", "BIAS_LIMIT", "RESOLUTION_LIMIT", "checks", "verdict"]

from dataclasses import asdict, dataclass
from typing import Any

from caloforge.validation.compare import Auc, Comparison

BIAS_LIMIT = 0.02
RESOLUTION_LIMIT = 0.15
_NOTICEABLE = 5.0  # standard deviations of truth against truth
_LISTED = 3


@dataclass(frozen=True)
class Speed:
    """Time of one shower, ms, in full simulation and by the generator, on the same machine."""

    geant4_ms_per_shower: float
    generator_ms_per_shower: float

    @property
    def ratio(self) -> float:
        """How many times faster the generator is."""
        return self.geant4_ms_per_shower / self.generator_ms_per_shower

    def to_dict(self) -> dict[str, float]:
        """The entry ``speed`` of ``report.json``."""
        return {**asdict(self), "ratio": self.ratio}


@dataclass(frozen=True)
class Check:
    """One requirement: what was found (with its uncertainty and floor, as text) against the limit."""

    name: str
    found: str
    floor: str
    limit: str
    passed: bool
    marginal: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def checks(comparison: Comparison) -> tuple[Check, ...]:
    """The two requirements on the energy measurement; one is marginal when its limit lies within one standard error."""
    response = comparison.response
    bias, distance = response.bias_max, response.ratio_distance
    return (
        Check(
            "Largest response bias in an energy bin",
            f"{100 * bias.value:.2f} ± {100 * bias.error:.2f} % in {response.bias_bin.label}",
            f"{100 * bias.floor:.2f} %",
            f"under {100 * BIAS_LIMIT:g} %",
            bias.value < BIAS_LIMIT,
            abs(bias.value - BIAS_LIMIT) < bias.error,
        ),
        Check(
            "Resolution ratio furthest from 1",
            f"{response.ratio_max:.3f} ± {distance.error:.3f} in {response.ratio_bin.label}",
            f"1 ± {distance.floor:.3f}",
            f"within {100 * RESOLUTION_LIMIT:g} % of 1",
            distance.value < RESOLUTION_LIMIT,
            abs(distance.value - RESOLUTION_LIMIT) < distance.error,
        ),
    )


def verdict(comparison: Comparison, speed: Speed | None = None, cautions: tuple[str, ...] = ()) -> str:
    """One short paragraph."""
    sentences = [_requirements(checks(comparison)), _separations(comparison), _classifiers(comparison)]
    if cautions:
        sentences.append(f"Caution: {'; '.join(cautions)}.")
    if speed is not None:
        sentences.append(
            f"A shower takes {speed.generator_ms_per_shower:.2g} ms instead of {speed.geant4_ms_per_shower:.3g} ms in "
            f"Geant4: {_round(speed.ratio)} times faster."
        )
    return " ".join(sentences)


def _round(ratio: float) -> str:
    return f"{float(f'{ratio:.2g}'):,.0f}" if ratio >= 10 else f"{ratio:.2g}"


def _requirements(found: tuple[Check, ...]) -> str:
    failed = [check for check in found if not check.passed]
    start = (
        "Mean response and resolution meet the requirements in every energy bin"
        if not failed
        else "Requirements not met"
    )
    parts = [
        f"{check.name[0].lower()}{check.name[1:]} {check.found}, required {check.limit}"
        + (" (within its uncertainty of the limit)" if check.marginal else "")
        for check in (failed or found)
    ]
    return f"{start}: {'; '.join(parts)}."


def _separations(comparison: Comparison) -> str:
    worst = sorted(
        comparison.separation.items(), key=lambda item: item[1].mean.value - item[1].mean.floor, reverse=True
    )
    noticed = [(name, s.mean) for name, s in worst if s.mean.significance > _NOTICEABLE]
    if not noticed:
        return f"No distribution among {len(worst)} observables differs noticeably from Geant4 at these sample sizes."
    listed = ", ".join(f"{name} ({m.value:.2g}, floor {m.floor:.2g})" for name, m in noticed[:_LISTED])
    return (
        f"{len(noticed)} of {len(worst)} observables differ noticeably in distribution; the largest separation powers: "
        f"{listed}."
    )


def _classifiers(comparison: Comparison) -> str:
    seen = [(name, a) for name, a in (("observables", comparison.auc_high), ("cells", comparison.auc_low))]
    if not any(a.tells_apart for _, a in seen):
        numbers = ", ".join(_auc(name, a) for name, a in seen)
        return (
            f"A classifier trained on {seen[0][1].size} showers of each kind cannot tell them from Geant4 ({numbers})."
        )
    numbers = ", ".join(_auc(name, a) for name, a in seen)
    return (
        f"A classifier still tells generated showers from Geant4 ({numbers}; 0.5 would be no difference, 1 certainty)."
    )


def _auc(name: str, area: Auc) -> str:
    m = area.measured
    return f"on {name}: AUC {m.value:.3f} ± {m.error:.3f}, floor {m.floor:.3f}"
