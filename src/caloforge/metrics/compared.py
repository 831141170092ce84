"""What a physics summary holds: quantities of both samples with errors and floor, energy bins, and fitted laws."""

__all__ = ["Compared", "Law", "EnergyBin", "PhysicsSummary"]

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from caloforge.metrics.separation import Measured


@dataclass(frozen=True)
class Compared:
    """One quantity of both samples, with standard errors, and the difference that truth against truth shows."""

    unit: str
    truth: float
    truth_error: float
    generated: float
    generated_error: float
    floor: float
    floor_spread: float

    @property
    def is_defined(self) -> bool:
        """Whether both samples have a value and an error."""
        return bool(np.isfinite([self.truth, self.truth_error, self.generated, self.generated_error]).all())

    @property
    def pull(self) -> float:
        """Difference in units of its standard error; NaN where there is none."""
        error = float(np.hypot(self.truth_error, self.generated_error))
        return (self.generated - self.truth) / error if error > 0 else float("nan")

    @property
    def difference(self) -> Measured:
        """Size of the difference, as a distance with its floor."""
        error = float(np.hypot(self.truth_error, self.generated_error))
        return Measured(abs(self.generated - self.truth), error, self.floor, self.floor_spread)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON, None where undefined."""
        values = asdict(self) | {"pull": self.pull}
        return {k: v if isinstance(v, str) or np.isfinite(v) else None for k, v in values.items()}


@dataclass(frozen=True)
class Law:
    """A law fitted over the energy bins: its parameters, and how well each sample follows it."""

    formula: str
    parameters: Mapping[str, Compared]
    chi2_truth: float
    chi2_generated: float
    degrees_of_freedom: int

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        chi2 = {"truth": self.chi2_truth, "generated": self.chi2_generated}
        return {
            "formula": self.formula,
            "parameters": {name: p.to_dict() for name, p in self.parameters.items()},
            "chi2": {k: v if np.isfinite(v) else None for k, v in chi2.items()},
            "degrees_of_freedom": self.degrees_of_freedom,
        }


@dataclass(frozen=True)
class EnergyBin:
    """One bin of incident energy (MeV; ``energy`` is the truth's mean) and its quantities by name."""

    low: float
    high: float
    energy: float
    n_truth: int
    n_generated: int
    quantities: Mapping[str, Compared]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        facts = {k: getattr(self, k) for k in ("low", "high", "energy", "n_truth", "n_generated")}
        return facts | {name: q.to_dict() for name, q in self.quantities.items()}


@dataclass(frozen=True)
class PhysicsSummary:
    """All bins and all laws; ``notes`` says what could not be had, and why."""

    bins: tuple[EnergyBin, ...]
    laws: Mapping[str, Law]
    notes: tuple[str, ...]

    @property
    def quantities(self) -> dict[str, Compared]:
        """Everything by a flat name, such as ``resolution.stochastic`` or ``bin3.leakage_back``."""
        of_laws = {f"{law}.{p}": q for law, fit in self.laws.items() for p, q in fit.parameters.items()}
        of_bins = {f"bin{i}.{name}": q for i, b in enumerate(self.bins) for name, q in b.quantities.items()}
        return of_laws | of_bins

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        laws = {name: law.to_dict() for name, law in self.laws.items()}
        return {"bins": [b.to_dict() for b in self.bins], "laws": laws, "notes": list(self.notes)}
