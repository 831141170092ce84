r"""Deviations: the mean of a model less that of the truth, in bins of incident energy, for columns of observables.

Held-out showers are cut into bins of incident energy. For shower j of a bin the members of an ensemble draw R showers
at its own conditions; :math:`d_j` is the mean of T over them less T of the shower itself. A pair is one bin and one
column of an observable, with

.. math:: \delta = \frac1n \sum_j d_j, \qquad \sigma_\text{stat}^2 = \frac{\text{Var}(d_j)}{n} .

The truth is known from n showers only: its error is in :math:`\sigma_\text{stat}`, and so is the Monte-Carlo error of
the model.
"""

__all__ = ["Bin", "Deviations", "deviations", "energy_bins"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.errors import EmptySample
from caloforge.generation.uncertainty import Expectation, ensemble_draws, half_width
from caloforge.geometry.binning import require_one_mesh
from caloforge.physics.observables import select, tabulate
from caloforge.training.ensemble import Ensemble
from caloforge.units import GeV

_ARRAYS = ("truth", "value", "statistical", "mc", "model")
_FEWEST = 50


@dataclass(frozen=True, eq=False)
class Bin:
    """Showers of an energy bin.

    Args:
        text: its range in words.
        energy: geometric mean of its incident energies, MeV.
        inside: within the range that the model was trained on.
        rows: which of all N showers it holds.
    """

    text: str
    energy: float
    inside: bool
    rows: Bool[Array, " N"]


def energy_bins(energy: Float[Array, " N"], trained: tuple[float, float], n: int) -> tuple[Bin, ...]:
    """Bins of equally many showers within the trained range, and one bin below and above it, if any.

    Args:
        energy: incident energies of N showers, MeV.
        trained: lowest and highest energy trained on, MeV.
        n: bins within the range.

    Raises:
        EmptySample: fewer than 50 showers in a bin.
    """
    low, high = trained[0] * (1 - 1e-3), trained[1] * (1 + 1e-3)
    inside = (energy >= low) & (energy <= high)
    parts = [(energy < low, False)]
    if inside.any():
        edges = np.quantile(energy[inside], np.arange(1, n) / n)
        place = np.searchsorted(edges, energy, side="right")
        parts += [(inside & (place == i), True) for i in range(n)]
    parts.append((energy > high, False))
    return tuple(_bin(energy, rows, within) for rows, within in parts if rows.any())


def _bin(energy: Float[Array, " N"], rows: Bool[Array, " N"], inside: bool) -> Bin:
    if rows.sum() < _FEWEST:
        raise EmptySample(f"an energy bin needs {_FEWEST} showers; ask for fewer bins", int(rows.sum()))
    low, high = float(energy[rows].min()) / GeV, float(energy[rows].max()) / GeV
    text = f"{low:.3g} GeV" if high - low < 1e-3 * high else f"{low:.3g}-{high:.3g} GeV"
    return Bin(text, float(np.exp(np.log(energy[rows]).mean())), inside, rows)


@dataclass(frozen=True, eq=False)
class Deviations:
    """Model less truth in B bins and P columns of observables.

    Args:
        names: observable of each column.
        columns: observable and column, as text.
        bins: of energy.
        truth: mean over the held-out showers of a bin.
        value: mean of the model at their conditions.
        statistical: standard error of value - truth; Monte Carlo and truth.
        mc: the Monte-Carlo part of it.
        model: standard deviation between members.
        members: mean of each member less that of all.
        residuals: of each bin, d of each shower less its mean; NaN where T is undefined.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    bins: tuple[Bin, ...]
    truth: Float[Array, "B P"]
    value: Float[Array, "B P"]
    statistical: Float[Array, "B P"]
    mc: Float[Array, "B P"]
    model: Float[Array, "B P"]
    members: Float[Array, "K B P"]
    residuals: tuple[Float[Array, "_ P"], ...]

    @property
    def delta(self) -> Float[Array, "B P"]:
        return self.value - self.truth

    @property
    def defined(self) -> Bool[Array, "B P"]:
        """Pairs that exist and vary."""
        with np.errstate(invalid="ignore"):
            return np.isfinite(self.delta) & (self.statistical > 0)

    def where(self, inside: bool) -> "Deviations":
        """Only bins inside, or outside, the trained range.

        Args:
            inside: which of the two.
        """
        places = [i for i, b in enumerate(self.bins) if b.inside == inside]
        arrays = {name: getattr(self, name)[places] for name in _ARRAYS}
        bins, residuals = tuple(self.bins[i] for i in places), tuple(self.residuals[i] for i in places)
        return replace(self, bins=bins, members=self.members[:, places], residuals=residuals, **arrays)

    def factors(self, by_observable: Mapping[str, float]) -> Float[Array, " P"]:
        """The factor on the model error of each column; one where none is given.

        Args:
            by_observable: observable -> factor.
        """
        return np.array([by_observable.get(name, 1.0) for name in self.names])

    def holds(self, level: float, by_observable: Mapping[str, float]) -> Bool[Array, "B P"]:
        """Whether the interval of each pair holds the truth, the model error multiplied by the factors.

        Args:
            level: nominal coverage, between 0 and 1.
            by_observable: observable -> factor on the model error.
        """
        model = (self.factors(by_observable) * self.model) ** 2
        with np.errstate(invalid="ignore"):
            return np.abs(self.delta) <= half_width(level, model, len(self.members), self.statistical**2)


def deviations(
    models: Ensemble, truth: Showers, bins: Sequence[Bin], observables: Sequence[str], repeats: int, seed: int
) -> Deviations:
    """Draw showers of each member at the conditions of every shower of the bins and compare the means.

    Args:
        models: the members.
        truth: N showers held out.
        bins: of their energies.
        observables: names.
        repeats: R, showers of each member for each true shower.
        seed: of the generated showers.

    Raises:
        BinningMismatch: truth of another mesh.
        UnknownName: no such observable.
        BadObservable: an observable failed.
    """
    require_one_mesh(models.pipeline.binning, truth.binning)
    chosen = select(observables)

    def table(showers: Showers) -> Float[Array, "n P"]:
        return np.concatenate(list(tabulate(showers, chosen).values()), axis=1)

    parts = []
    for number, b in enumerate(bins):
        held_out = truth[b.rows]
        draws = ensemble_draws(models.members, table, Incident.of(held_out), repeats, seed + number)
        parts.append(_compare(draws, table(held_out)))
    titles = [(name, column) for name, o in chosen.items() for column in o.column_names(truth.binning)]
    arrays = {name: np.stack([part[name] for part in parts]) for name in _ARRAYS}
    return Deviations(
        names=tuple(name for name, _ in titles),
        columns=tuple(f"{name} {column}".strip() for name, column in titles),
        bins=tuple(bins),
        members=np.stack([part["members"] for part in parts], axis=1),
        residuals=tuple(part["residuals"] for part in parts),
        **arrays,
    )


def _compare(draws: Float[Array, "K n R P"], truth: Float[Array, "n P"]) -> dict[str, Array]:
    """The arrays of one bin."""
    expectation = Expectation.of(draws)
    with np.errstate(invalid="ignore", divide="ignore"):
        d = draws.mean(axis=(0, 2)) - truth
        defined = ~np.isnan(d)
        counts = np.where(defined.sum(0) > 1, defined.sum(0), np.nan)
        delta = np.where(defined, d, 0.0).sum(0) / counts
        statistical = np.sqrt(np.nansum((d - delta) ** 2, axis=0) / (counts - 1) / counts)
    return {
        "truth": expectation.value - delta,
        "value": expectation.value,
        "statistical": statistical,
        "mc": expectation.mc_error,
        "model": np.nan_to_num(expectation.model_error),
        "members": expectation.member_values - expectation.value,
        "residuals": d - delta,
    }
