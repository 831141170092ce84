"""Which observables may be trusted to so many percent? Offsets of mean and width, the furthest first."""

__all__ = ["Trust", "Trusted", "share", "trust_in", "trust_table"]

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int
from markupsafe import Markup
from numpy import ndarray as Array
from scipy.stats import norm

from caloforge.errors import BadValue
from caloforge.metrics.offsets import Offset, furthest, offsets
from caloforge.physics.observables import Observable
from caloforge.reporting.markup import Cell, number, paragraphs, table, text
from caloforge.validation.parts import Subsample
from caloforge.validation.sample import Sample

_SHOWN = 20
_SURE = 0.05  # chance of an error, of all offsets of all observables together
_SIGMAS = 2.0  # within which an offset lies
_NOTICEABLE = 3.0
_FAR = 100.0  # times as many showers: no number that helps


def share(text: float | str) -> float:
    """A limit as a number: ``2%`` is 0.02.

    Args:
        text: a positive number, or one with a percent sign.

    Raises:
        BadValue: neither.
    """
    words = str(text).strip()
    try:
        value = float(words.removesuffix("%")) / (100 if words.endswith("%") else 1)
    except ValueError:
        value = 0.0
    if not 0 < value < np.inf:
        raise BadValue("limit of trust", text, "give a positive share, such as 2% or 0.02")
    return value


@dataclass(frozen=True)
class Trusted:
    """How far one observable is off.

    Args:
        observable: its name.
        columns: what its columns are called.
        overall: mean and width of each column, over all showers.
        in_bins: the same in each energy bin.
    """

    observable: str
    columns: tuple[str, ...]
    overall: tuple[Offset, ...]
    in_bins: tuple[Offset, ...]

    @property
    def sigma(self) -> float:
        """Significance of the furthest offset, over all showers or in a bin, for so many looked at."""
        worst = furthest((*self.overall, *self.in_bins))
        return worst[1] if worst else 0.0

    def trusted(self, limit: float) -> bool:
        """Whether all means and widths over all showers surely lie within a limit, and none in a bin beyond.

        Args:
            limit: relative.
        """
        return self.within < limit and all(abs(o.value) - _SIGMAS * o.error < limit for o in self.in_bins)

    @property
    def within(self) -> float:
        """Every mean and width over all showers lies within this of the truth's, two standard errors included."""
        return max((abs(o.value) + _SIGMAS * o.error for o in self.overall), default=float("inf"))

    def off(self, limit: float, looked_at: int) -> bool:
        """Whether anything is surely further off than a limit.

        Args:
            limit: relative.
            looked_at: offsets in all, of this and the other observables.
        """
        sure = norm.isf(_SURE / max(looked_at, 1))
        return any(abs(o.value) - sure * o.error > limit for o in (*self.overall, *self.in_bins))

    def needed(self, limit: float) -> int | None:
        """Showers in each sample with which the errors would let every offset stay within a limit; None if none would.

        Args:
            limit: relative.
        """
        if not self.overall or max(abs(o.value) for o in self.overall) >= limit:
            return None
        factors = [(_SIGMAS * o.error / (limit - abs(o.value))) ** 2 for o in self.overall]
        showers = max(o.n * f for o, f in zip(self.overall, factors, strict=True))
        return int(float(f"{1.05 * showers:.1e}")) if max(factors) < _FAR else None

    def words(self, offset: Offset) -> str:
        """An offset as text.

        Args:
            offset: one of this observable.
        """
        column = f" of {self.columns[offset.column]}" if self.columns[offset.column] else ""
        place = f" at {offset.place}" if offset.place else ""
        return f"{offset.moment}{column} {100 * offset.value:+.3g} ± {100 * offset.error:.2g} %{place}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: the furthest over all showers and in the bins."""
        worst, worst_bin = furthest(self.overall), furthest(self.in_bins)
        return {
            "observable": self.observable,
            "sigma": self.sigma,
            "within": self.within,
            "overall": _entry(self, worst),
            "energy_bin": _entry(self, worst_bin),
        }


def _entry(row: Trusted, worst: tuple[Offset, float] | None) -> dict[str, Any] | None:
    if worst is None:
        return None
    return {**worst[0].to_dict(), "column": row.columns[worst[0].column], "sigma": worst[1]}


@dataclass(frozen=True)
class Trust:
    """Observables by whether they may be trusted to a limit.

    Args:
        limit: relative.
        within: those whose means and widths over all showers surely are, without a sign of more in an energy bin.
        off: those of which one surely is not, there or in an energy bin, each with the furthest.
        undecided: those that so few showers cannot tell of, each with the showers that would; None where an offset
            lies too near the limit or, within its error, over it.
    """

    limit: float
    within: tuple[str, ...]
    off: Mapping[str, str]
    undecided: Mapping[str, int | None]

    @classmethod
    def to(cls, limit: float, rows: Sequence[Trusted]) -> "Trust":
        """Sort observables.

        Args:
            limit: relative.
            rows: of one sample.
        """
        looked_at = sum(len(row.overall) + len(row.in_bins) for row in rows)
        off = {row.observable: row for row in rows if row.off(limit, looked_at)}
        within = tuple(row.observable for row in rows if row.observable not in off and row.trusted(limit))
        unsure = {r.observable: r.needed(limit) for r in rows if r.observable not in off and r.observable not in within}
        worst = {name: furthest((*row.overall, *row.in_bins)) for name, row in off.items()}
        return cls(limit, within, {n: off[n].words(w[0]) for n, w in worst.items() if w}, unsure)

    def __str__(self) -> str:
        off = (f"{name} ({words})" for name, words in self.off.items())
        unsure = (f"{name} ({needed:,})" if needed else name for name, needed in self.undecided.items())
        parts = (("Within", self.within), ("Off by more than", off), ("Cannot tell of", unsure))
        lines = (f"{word} {100 * self.limit:.3g} %: {', '.join(names) or 'none'}." for word, names in parts)
        return "\n".join(lines)


def trust_in(
    observables: Mapping[str, Observable],
    truth: Sample,
    generated: Sample,
    parts: Sequence[Subsample],
    freaks: Int[Array, " f"],
) -> tuple[Trusted, ...]:
    """How far every judged observable is off, the furthest in units of its error first.

    Args:
        observables: those judged, by name.
        truth: reference showers.
        generated: showers to judge.
        parts: of both samples; energy bins are looked at.
        freaks: generated showers to leave out: they stand by themselves, and moments would see little else.
    """
    ordinary = np.ones(len(generated), bool)
    ordinary[freaks] = False
    bins = [part for part in parts if part.place.kind == "energy bin"]
    rows = (_trusted(o, truth, generated, bins, ordinary) for name, o in observables.items() if name in truth.table)
    return tuple(sorted(rows, key=lambda row: -row.sigma))


def _trusted(
    observable: Observable, truth: Sample, generated: Sample, bins: Sequence[Subsample], ordinary: Array
) -> Trusted:
    t, g = truth.table[observable.name], generated.table[observable.name]
    in_bins = tuple(offset for b in bins for offset in offsets(t[b.truth], g[b.generated & ordinary], b.place.label))
    return Trusted(observable.name, observable.column_names(truth.binning), offsets(t, g[ordinary]), in_bins)


def trust_table(rows: Sequence[Trusted], freaks: int, name: str = "") -> Markup:
    """The observables that are furthest off, and folded below them all others.

    Args:
        rows: of one sample, the furthest first.
        freaks: how many showers were left out.
        name: of the sample, where there are several.
    """
    left_out = f" {freaks} freak showers are left out: they stand below." if freaks else ""
    about = (
        f"{f'{name}: ' if name else ''}the mean or width that is furthest off, in percent of the truth's mean (of its "
        "standard deviation where that is larger) or width, over all showers and in the worst energy bin; σ allows for "
        "how many were looked at. Within: no mean or width over all showers, of any layer or ring, is further off, two "
        f"standard errors included.{left_out}"
    )
    head = ("Observable", "All showers", "σ", "Worst energy bin", "σ", "Within")
    about = about[0].upper() + about[1:]
    first, others = (table(head, map(_row, part)) for part in (rows[:_SHOWN], rows[_SHOWN:]))
    if len(rows) <= _SHOWN:
        return paragraphs(about) + first
    folded = Markup("<details><summary>{} more observables</summary>{}</details>").format(len(rows) - _SHOWN, others)
    return paragraphs(about) + first + folded


def _row(row: Trusted) -> Iterator[Cell]:
    yield Cell(row.observable, link=f"observable_{row.observable}")
    for part in (row.overall, row.in_bins):
        worst = furthest(part)
        yield text(row.words(worst[0]) if worst else "–")
        yield Cell(f"{worst[1]:.1f}", "n fail" if worst[1] > _NOTICEABLE else "n") if worst else text("–")
    yield number(f"{float(f'{100 * row.within:.2g}'):g} %" if np.isfinite(row.within) else "–")
