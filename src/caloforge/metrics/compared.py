r"""What `caloforge.metrics.physics_summary` measures: quantities of two samples, in bins of energy and over them."""

__all__ = ["Compared", "EnergyBin", "Law", "PhysicsSummary"]

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from caloforge.files import finite_json
from caloforge.metrics.fits import ProfileFit
from caloforge.metrics.measured import Measured


@dataclass(frozen=True)
class Compared:
    """One quantity of both samples, and the difference that truth against truth shows.

    Args:
        unit: of all numbers; empty for a pure number.
        truth: value of the truth.
        truth_error: its standard error.
        generated: value of the generated showers.
        generated_error: its standard error.
        floor: mean size of the difference between two truth samples.
        floor_spread: its standard deviation.
    """

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
        values: dict[str, Any] = finite_json(asdict(self) | {"pull": self.pull})
        return values


@dataclass(frozen=True)
class Law:
    """A law fitted over the energy bins: its parameters, and how well each sample follows it.

    Args:
        formula: what is fitted, in words.
        parameters: by name.
        chi2_truth: of the fit to the truth.
        chi2_generated: of the fit to the generated showers.
        degrees_of_freedom: energy bins less parameters.
        limits_truth: upper limits at 95 % of those parameters of the truth that lie at their bound.
        limits_generated: the same of the generated showers.
    """

    formula: str
    parameters: Mapping[str, Compared]
    chi2_truth: float
    chi2_generated: float
    degrees_of_freedom: int
    limits_truth: Mapping[str, float] = field(default_factory=dict)
    limits_generated: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        chi2 = {"truth": self.chi2_truth, "generated": self.chi2_generated}
        return {
            "formula": self.formula,
            "parameters": {name: p.to_dict() for name, p in self.parameters.items()},
            "chi2": finite_json(chi2),
            "degrees_of_freedom": self.degrees_of_freedom,
            "limits_95": finite_json({"truth": dict(self.limits_truth), "generated": dict(self.limits_generated)}),
        }


@dataclass(frozen=True)
class EnergyBin:
    """One bin of incident energy and its quantities.

    Args:
        low: lower edge, MeV.
        high: upper edge, MeV.
        energy: mean incident energy of the truth, MeV.
        n_truth: showers of the truth.
        n_generated: generated showers.
        quantities: by name.
    """

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
    """All bins and all laws.

    Args:
        bins: by rising energy.
        laws: by name.
        notes: what could not be had, and why; which laws do not describe the showers.
        profiles: how well gamma distributions describe the mean profiles of truth and generated showers.
    """

    bins: tuple[EnergyBin, ...]
    laws: Mapping[str, Law]
    notes: tuple[str, ...]
    profiles: tuple[ProfileFit, ProfileFit] | None = None

    @property
    def quantities(self) -> dict[str, Compared]:
        """Everything by a flat name, such as ``resolution.stochastic`` or ``bin3.leakage_back``."""
        of_laws = {f"{law}.{p}": q for law, fit in self.laws.items() for p, q in fit.parameters.items()}
        of_bins = {f"bin{i}.{name}": q for i, b in enumerate(self.bins) for name, q in b.quantities.items()}
        return of_laws | of_bins

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        laws = {name: law.to_dict() for name, law in self.laws.items()}
        names = ("truth", "generated")
        profiles = {n: p.to_dict() for n, p in zip(names, self.profiles or (), strict=False)}
        bins = [b.to_dict() for b in self.bins]
        return {"bins": bins, "laws": laws, "gamma_profiles": profiles, "notes": list(self.notes)}
