"""The truth of a comparison: one or several files, each whole or only the showers that no model was trained on."""

__all__ = ["Joined", "left_out_text", "open_truth", "truth_split"]

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.data.bundled import showers_path
from caloforge.data.opening import open_showers
from caloforge.data.showers import Showers
from caloforge.data.source import KnownSource, Source
from caloforge.data.split_names import Part
from caloforge.data.unseen import Unseen, left_out_sentences, part_of
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning, require_one_mesh


@dataclass(frozen=True)
class Joined:
    """Several sources of showers on one mesh, one after the other.

    Args:
        parts: the sources, in order.
    """

    parts: tuple[Source, ...]

    @property
    def binning(self) -> Binning:
        """The mesh of the first."""
        return self.parts[0].binning

    def batches(self, size: int = 1000) -> Iterator[Showers]:
        """All showers, at most ``size`` at a time.

        Args:
            size: showers in memory at a time.
        """
        return itertools.chain.from_iterable(part.batches(size) for part in self.parts)


def open_truth(
    stack: ExitStack, paths: Sequence[Path], split: Part, mesh: Binning | None, judged: KnownSource
) -> tuple[Source, list[dict[str, Any]]]:
    """Truth files for judged showers, and what they are; ``auto`` leaves out what was trained on.

    Args:
        stack: closes the files.
        paths: of the truth; ``bundled`` is one.
        split: as `truth_split` takes it.
        mesh: of files that do not carry one.
        judged: generated showers.

    Raises:
        BadFile: a file cannot be read.
        EmptySample: the models were trained on all of the truth.
        BadValue: a file given twice.
        BinningMismatch: a file has another mesh than the judged showers.
    """
    if len({showers_path(path).resolve() for path in paths}) < len(paths):
        raise BadValue("truth", [str(path) for path in paths], "give each file once")
    parts: list[Source] = []
    facts = []
    for path in paths:
        file = stack.enter_context(open_showers(path, mesh))
        require_one_mesh(file.binning, judged.binning)
        source, part = truth_split(split, file, [judged])
        parts.append(source)
        facts.append({"file": str(path), **part, **file.provenance.facts})
    return Joined(tuple(parts)), facts


def truth_split(split: Part, truth: KnownSource, judged: Sequence[KnownSource]) -> tuple[Source, dict[str, Any]]:
    """The showers of a truth that may judge, and what they are.

    Args:
        split: ``auto`` leaves out the showers that any of the models was trained on; a split, or ``all``, takes what it
            says.
        truth: showers of full simulation.
        judged: generated showers, which carry the ids of the training showers of their models.

    Raises:
        EmptySample: the models were trained on all of the truth.
        UnknownName: no such split.
    """
    ids = np.concatenate([sample.training_ids for sample in judged])
    if split != "auto":
        return part_of(truth, split, ids), {"split": split}
    unseen = Unseen(truth, ids)
    facts: dict[str, Any] = {"split": "unseen", "left_out": unseen.count_left_out() if len(ids) else 0}
    silent = [sample for sample in judged if sample.provenance.training and not len(sample.training_ids)]
    if silent:
        facts["training_showers_unknown_of"] = [str(getattr(sample, "path", "a sample")) for sample in silent]
    return unseen, facts


def left_out_text(facts: Sequence[Mapping[str, Any]]) -> list[str]:
    """What to say of the showers that were left out, one sentence each; empty where there is nothing to say.

    Args:
        facts: of each truth, as `truth_split` gives them.
    """
    count = sum(part.get("left_out", 0) for part in facts)
    files = sorted({name for part in facts for name in part.get("training_showers_unknown_of", ())})
    return left_out_sentences(count, files)
