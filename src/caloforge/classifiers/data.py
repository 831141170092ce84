"""Showers of several classes that a network is to tell apart: which ones take part, and in which fold each is."""

__all__ = ["SMALLEST", "ClassifierData", "draw", "fold_numbers", "halves"]

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.errors import EmptySample
from caloforge.rng import stream

SMALLEST = 20
"""Showers of a class in a fold, at least."""


@dataclass(frozen=True, eq=False)
class ClassifierData:
    """Showers of several classes: rows of a table each, numbered table after table.

    Batches are gathered when they are needed, so no table is copied.

    Args:
        tables: features, one table for each class.
        rows: the rows of each table that take part.
        given_labels: class of each shower where it is not the number of its table.
        weights: of each shower in the loss, of mean one; all count alike where there are none.
    """

    tables: tuple[Float[Array, "_ f"], ...]
    rows: tuple[Int[Array, " _"], ...]
    given_labels: Int[Array, " N"] | None = None
    weights: Float[Array, " N"] | None = None

    @cached_property
    def labels(self) -> Int[Array, " N"]:
        """Class of each shower."""
        return self._table if self.given_labels is None else self.given_labels

    @cached_property
    def _table(self) -> Int[Array, " N"]:
        return np.repeat(np.arange(len(self.rows)), [len(rows) for rows in self.rows])

    @cached_property
    def _row(self) -> Int[Array, " N"]:
        return np.concatenate(self.rows)

    def __len__(self) -> int:
        return len(self._row)

    @property
    def width(self) -> int:
        """Number of features."""
        return int(self.tables[0].shape[1])

    def gather(self, index: Int[Array, " b"]) -> Float[Array, "b f"]:
        """Features of these showers.

        Args:
            index: numbers of showers, counted table after table.
        """
        x = np.empty((len(index), self.width), np.float32)
        for number, table in enumerate(self.tables):
            here = self._table[index] == number
            x[here] = table[self._row[index[here]]]
        return x

    def pieces(self, index: Int[Array, " n"], size: int = 1024) -> Iterator[Float[Array, "_ f"]]:
        """The same, a piece at a time.

        Args:
            index: numbers of showers.
            size: showers of a piece.
        """
        return (self.gather(index[start : start + size]) for start in range(0, len(index), size))


def draw(
    tables: Sequence[Float[Array, "_ f"]], rows: Sequence[Int[Array, " _"]], size: int, folds: int, seed: int
) -> tuple[ClassifierData, Int[Array, " N"]]:
    """``size`` showers at random from the given rows of each class's table, and the fold of each.

    Args:
        tables: features of each class; the first column is log10 of the incident energy.
        rows: of each table that may be chosen.
        size: showers of each class.
        folds: how many.
        seed: of the choice and the folds.

    Raises:
        EmptySample: fewer than 20 showers a fold and class.
    """
    if size < SMALLEST * folds:
        raise EmptySample(f"the classifier needs {SMALLEST * folds} showers of each class", *map(len, rows))
    rng = stream(seed, "classifier")
    chosen = tuple(r[np.sort(rng.permutation(len(r))[:size])] for r in rows)
    energies = np.concatenate([table[r, 0] for table, r in zip(tables, chosen, strict=True)])
    return ClassifierData(tuple(tables), chosen), fold_numbers(energies, folds, rng)


def fold_numbers(condition: Float[Array, " N"], folds: int, rng: np.random.Generator) -> Int[Array, " N"]:
    """Fold of each shower. Showers of one incident energy stay together where energies are many.

    Generated showers often repeat the truth's energies; across folds the network could learn those by heart.

    Args:
        condition: incident energy of each shower, or its logarithm.
        folds: how many.
        rng: of the choice.
    """
    values, group = np.unique(condition, return_inverse=True)
    if len(values) < SMALLEST * folds:
        group = np.arange(len(condition))
    return rng.permutation(group.max() + 1)[group] % folds


def halves(n: int, seed: int) -> tuple[Int[Array, " a"], Int[Array, " b"]]:
    """Rows of two random halves of n showers, to set truth against truth.

    Args:
        n: showers.
        seed: of the choice.
    """
    first, second = np.array_split(stream(seed, "classifier-halves").permutation(n), 2)
    return first, second
