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
The error of a coverage comes from repeating the measurement on a truth that is one more draw of the same kind,
:math:`\delta^* = \sqrt{(1 + 1/K)/(K - 1)} \sum_m a_m (\bar T_m - \bar T) + \delta^*_\text{stat}` with one
:math:`a_m \sim N(0, 1)` for all pairs and :math:`\delta^*_\text{stat}` from resampled showers.
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
from caloforge.generation.expectation import Expectation, ensemble_draws, half_width
from caloforge.physics.observables import select, tabulate
from caloforge.rng import stream
from caloforge.training.ensemble import Ensemble
from caloforge.units import GeV

_ARRAYS = ("truth", "value", "statistical", "mc", "model")
_FEWEST = 50
_REPLICAS = 400


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

    def half_width(self, level: float, factor: Float[Array, " P"] | float = 1.0) -> Float[Array, "B P"]:
        """Of the interval of each pair, the model error multiplied by ``factor``."""
        return half_width(level, (factor * self.model) ** 2, len(self.members), self.statistical**2)


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
    """Share of ``pairs`` whose interval holds the truth, with its standard error."""

    level: float
    value: float
    error: float
    pairs: int


def coverage(
    found: Deviations, levels: Sequence[float], seed: int, factors: Mapping[str, float] | None = None
) -> list[Coverage]:
    """Coverage at each level over all pairs; ``factors`` multiply the model error of each observable."""
    factor = np.array([(factors or {}).get(name, 1.0) for name in found.names])
    known = found.known
    replicas = _replicas(found, factor, seed)
    result = []
    for level in levels:
        width = found.half_width(level, factor)
        inside = (np.abs(found.delta) <= width)[known].mean()
        again = [(np.abs(replica) <= width)[known].mean() for replica in replicas]
        result.append(Coverage(level, float(inside), float(np.std(again, ddof=1)), int(known.sum())))
    return result


def _replicas(found: Deviations, factor: Float[Array, " P"], seed: int) -> Float[Array, "S B P"]:
    """Deviations of truths that are one more draw of the posterior, seen with as many showers."""
    rng, k = stream(seed, "coverage"), len(found.members)
    drawn = np.zeros((_REPLICAS, *found.delta.shape))
    if k > 1:
        scale = np.sqrt((1 + 1 / k) / (k - 1))
        drawn += scale * factor * np.tensordot(rng.normal(size=(_REPLICAS, k)), found.members, axes=1)
    for i, residuals in enumerate(found.residuals):
        n = len(residuals)
        weights = rng.multinomial(n, np.full(n, 1 / n), _REPLICAS)
        filled = np.nan_to_num(residuals)
        drawn[:, i] += weights @ filled / np.maximum(weights @ (~np.isnan(residuals)), 1)
    return drawn
