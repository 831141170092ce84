"""The truth of a comparison: one or several files, each whole or only the showers that no model was trained on."""

__all__ = ["Joined", "open_truth", "truth_split"]

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caloforge.data.bundled import showers_path
from caloforge.data.opening import open_showers
from caloforge.data.showers import Showers
from caloforge.data.source import KnownSource, Source
from caloforge.data.splits import SplitOf
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning, require_one_mesh


@dataclass(frozen=True)
class Joined:
    """Several sources of showers on one mesh, one after the other."""

    parts: tuple[Source, ...]

    @property
    def binning(self) -> Binning:
        """The mesh of the first."""
        return self.parts[0].binning

    def batches(self, size: int = 1000) -> Iterator[Showers]:
        """All showers, at most ``size`` at a time."""
        return itertools.chain.from_iterable(part.batches(size) for part in self.parts)


def open_truth(
    stack: ExitStack, paths: Sequence[Path], split: str, mesh: Binning | None, judged: KnownSource
) -> tuple[Source, list[dict[str, Any]]]:
    """Truth files for judged showers, and what they are; ``auto`` takes the test split of a file trained on.

    Raises:
        BadValue: a file given twice.
        BinningMismatch: a file has another mesh than the judged showers.
    """
    if len({showers_path(path).resolve() for path in paths}) < len(paths):
        raise BadValue("--truth", [str(path) for path in paths], "give each file once")
    parts: list[Source] = []
    facts = []
    for path in paths:
        file = stack.enter_context(open_showers(path, mesh))
        require_one_mesh(file.binning, judged.binning)
        part = truth_split(split, file, [judged])
        parts.append(SplitOf(file, "test") if part == "test" else file)
        facts.append({"file": str(path), "split": part, **file.provenance.facts})
    return Joined(tuple(parts)), facts


def truth_split(split: str, truth: KnownSource, judged: Sequence[KnownSource]) -> str:
    """``auto`` is the test split where any of the models was trained on this very truth."""
    if split != "auto":
        return split
    runs = [file.provenance.training for file in judged if file.provenance.training]
    trained = {digest for run in runs for digest in (run.showers_digest, run.data.file_digest if run.data else None)}
    return "test" if trained - {None} and truth.digest in trained else "all"
