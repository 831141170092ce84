r"""Coverage: how often the interval of an expectation E[T | c] holds the truth, over many observables and energies.

Held-out showers are cut into bins of incident energy. For shower j of a bin the members of an ensemble draw R showers
at its own conditions; :math:`d_j` is the mean of T over them less T of the shower itself. A pair is one bin and one
column of an observable, with

.. math:: \delta = \frac1n \sum_j d_j, \qquad \sigma_\text{stat}^2 = \frac{\text{Var}(d_j)}{n}, \qquad
          |\delta| \le t_\text{level} \sqrt{\sigma_\text{model}^2 (1 + 1/K) + \sigma_\text{stat}^2}

where the interval holds the truth. The truth is known from n showers only: its error is in
:math:`\sigma_\text{stat}`, and so is the Monte-Carlo error of the model. Where :math:`\sigma_\text{stat}` is much
larger than :math:`\sigma_\text{model}` the coverage tells nothing of the model, so both are reported.

Pairs are correlated: observables look at the same showers, and a member that is off at one energy is off at the next.
P pairs whose deviations have correlations :math:`\rho_{ab}` count as :math:`P^2 / \sum_{ab} \rho_{ab}^2` independent
ones, since two Gaussians with correlation :math:`\rho` lie within symmetric intervals with a correlation of at most
:math:`\rho^2`. The statistical part of :math:`\rho` comes from the showers, that of the model from the members, where
:math:`r^2` of K members is :math:`1/(K - 1)` on average without any correlation, which is taken out.
"""

__all__ = ["Bin", "Coverage", "Deviations", "coverage", "deviations", "energy_bins"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.errors import BinningMismatch, EmptySample
from caloforge.generation.uncertainty import Expectation, ensemble_draws, half_width
from caloforge.physics.observables import select, tabulate
from caloforge.training.ensemble import Ensemble
from caloforge.units import GeV

_ARRAYS = ("truth", "value", "statistical", "mc", "model")
_FEWEST = 50


@dataclass(frozen=True, eq=False)
class Bin:
    """Showers of an energy bin; ``inside``: within the range that the model was trained on."""

    text: str
    energy: float
    inside: bool
    rows: Bool[Array, " N"]


def energy_bins(energy: Float[Array, " N"], trained: tuple[float, float], n: int) -> tuple[Bin, ...]:
    """``n`` bins of equally many showers within the trained range (MeV), and one bin below and above it, if any.

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
    def known(self) -> Bool[Array, "B P"]:
        """Pairs that exist and vary."""
        with np.errstate(invalid="ignore"):
            return np.isfinite(self.delta) & (self.statistical > 0)

    def where(self, inside: bool) -> "Deviations":
        """Only bins inside, or outside, the trained range."""
        kept = [i for i, b in enumerate(self.bins) if b.inside == inside]
        arrays = {name: getattr(self, name)[kept] for name in _ARRAYS}
        bins, residuals = tuple(self.bins[i] for i in kept), tuple(self.residuals[i] for i in kept)
        return replace(self, bins=bins, members=self.members[:, kept], residuals=residuals, **arrays)

    def factors(self, by_observable: Mapping[str, float]) -> Float[Array, " P"]:
        """The factor on the model error of each column; one where none is given."""
        return np.array([by_observable.get(name, 1.0) for name in self.names])

    def holds(self, level: float, by_observable: Mapping[str, float]) -> Bool[Array, "B P"]:
        """Whether the interval of each pair holds the truth, the model error multiplied by the factors."""
        model = (self.factors(by_observable) * self.model) ** 2
        with np.errstate(invalid="ignore"):
            return np.abs(self.delta) <= half_width(level, model, len(self.members), self.statistical**2)


def deviations(
    models: Ensemble, truth: Showers, bins: Sequence[Bin], observables: Sequence[str], repeats: int, seed: int
) -> Deviations:
    """Draw ``repeats`` showers of each member at the conditions of every shower of the bins and compare the means.

    Raises:
        BinningMismatch: truth of another mesh.
        UnknownName: no such observable.
        BadObservable: an observable failed.
    """
    if not truth.binning.same_cells(models.pipeline.binning):
        raise BinningMismatch(models.pipeline.binning.name, truth.binning.name)
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
    found = Expectation.of(draws)
    with np.errstate(invalid="ignore", divide="ignore"):
        d = draws.mean(axis=(0, 2)) - truth
        known = ~np.isnan(d)
        counts = np.where(known.sum(0) > 1, known.sum(0), np.nan)
        delta = np.where(known, d, 0.0).sum(0) / counts
        statistical = np.sqrt(np.nansum((d - delta) ** 2, axis=0) / (counts - 1) / counts)
    return {
        "truth": found.value - delta,
        "value": found.value,
        "statistical": statistical,
        "mc": found.mc_error,
        "model": np.nan_to_num(found.model_error),
        "members": found.member_values - found.value,
        "residuals": d - delta,
    }


@dataclass(frozen=True)
class Coverage:
    """Share of ``pairs`` whose interval holds the truth, with its standard error: as of ``independent`` pairs."""

    level: float
    value: float
    error: float
    pairs: int
    independent: float


def coverage(found: Deviations, levels: Sequence[float], factors: Mapping[str, float] | None = None) -> list[Coverage]:
    """Coverage at each level over all pairs; ``factors`` multiply the model error of each observable."""
    known, by_observable = found.known, factors or {}
    independent = _independent(found, found.factors(by_observable))
    result = []
    for level in levels:
        inside = found.holds(level, by_observable)[known].mean()
        error = np.sqrt(level * (1 - level) / independent)
        result.append(Coverage(level, float(inside), float(error), int(known.sum()), independent))
    return result


def _independent(found: Deviations, factor: Float[Array, " P"]) -> float:
    """Effective number of independent pairs."""
    known, members = found.known.ravel(), len(found.members)
    model = (((factor * found.model) ** 2) * (1 + 1 / members)).ravel()[known]
    statistical = found.statistical.ravel()[known] ** 2
    share = model / (model + statistical)
    w, u = np.sqrt(share), np.sqrt(1 - share)
    r_stat = _between_showers(found)[np.ix_(known, known)]
    r_model = _correlation(found.members.reshape(members, -1)[:, known])
    squared = r_model**2
    if members > 2:
        squared = (squared - 1 / (members - 1)) / (1 - 1 / (members - 1))
    squares = np.outer(share, share) * squared + np.outer(u, u) ** 2 * r_stat**2
    squares += 2 * np.outer(w * u, w * u) * r_model * r_stat
    np.fill_diagonal(squares, 1.0)
    n = int(known.sum())
    return float(np.clip(n**2 / squares.sum(), 1.0, n)) if squares.sum() > 0 else float(n)


def _correlation(samples: Float[Array, "n p"]) -> Float[Array, "p p"]:
    centred = samples - samples.mean(axis=0)
    norm = np.sqrt((centred**2).sum(axis=0))
    unit = centred / np.where(norm > 0, norm, 1.0)
    return np.asarray(unit.T @ unit)


def _between_showers(found: Deviations) -> Float[Array, "BP BP"]:
    """Correlation of the statistical errors: none between bins."""
    width = len(found.names)
    result = np.zeros((width * len(found.bins),) * 2)
    for i, residuals in enumerate(found.residuals):
        part = slice(i * width, (i + 1) * width)
        result[part, part] = _correlation(np.nan_to_num(residuals))
    return result
