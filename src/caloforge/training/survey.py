"""One pass over showers that do not fit into memory: who is in which split, samples of them, their digests."""

__all__ = ["LargeSet", "Survey", "survey"]

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

from caloforge.data.ids import SURE_CELLS, digest_of
from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.data.source import Rows
from caloforge.data.splits import SPLITS, Split, split_mask
from caloforge.data.unseen import TrainingIds
from caloforge.errors import EmptySample
from caloforge.rng import stream

_LAYERS = 100_000  # training showers whose layer energies are kept, about
_LEARNED: tuple[Split, Split] = ("train", "validation")
_COLUMNS = ("pdg", "theta", "phi")
_PIECE = 512  # rows in memory at a time


@dataclass(frozen=True, eq=False)
class LargeSet:
    """More showers than fit into memory.

    Args:
        source: of T showers.
        chosen: (T,) which of them to train, validate and test with.
    """

    source: Rows
    chosen: Bool[Array, " T"]

    @property
    def digest(self) -> str:
        """Hash of the chosen showers, whatever their order; reads them."""
        return digest_of(np.concatenate([part.content_ids for part in self.parts()]))

    def parts(self) -> Iterator[Showers]:
        """The chosen showers in order, a few at a time.

        Raises:
            BadFile: the source cannot be read.
        """
        size = max(1, _PIECE // self.source.rows_at_once) * self.source.rows_at_once
        for first in range(0, len(self.source), size):
            wanted = np.flatnonzero(self.chosen[first : first + size])
            if len(wanted):
                yield self.source.between(first, min(first + size, len(self.source)))[wanted]


@dataclass(frozen=True, eq=False)
class Survey:
    """What training has to know of showers before it reads them block by block.

    Args:
        rows: of the source, rising: those of training and of validation.
        incident: particles of the training showers.
        energy_range: lowest and highest incident energy in all splits, MeV.
        perpendicular: whether all come along the normal.
        layers: (M, L) layer energies, MeV, of training showers drawn at random, all where they are few.
        layers_incident: (M,) incident energies of these, MeV.
        sample: training showers drawn at random, with their cells.
        validation: showers of that split drawn at random.
        trained_on: ids of the showers that training sees.
        digest: of all showers, whatever their order.
        bit_digest: of all their bits.
    """

    rows: dict[Split, Int[Array, " N"]]
    incident: Incident
    energy_range: tuple[float, float]
    perpendicular: bool
    layers: Float[Array, "M L"]
    layers_incident: Float[Array, " M"]
    sample: Showers
    validation: Showers
    trained_on: TrainingIds
    digest: str
    bit_digest: str


class _Drawn:
    """Showers of one split, at most ``most``, drawn at random before it is clear which rows are in it."""

    def __init__(self, split: Split, most: int, total: int, rng: np.random.Generator) -> None:
        low, high = SPLITS[split]
        self.split: Split = split
        self.most, self.parts, self.rng = most, list[Showers](), rng
        self.wanted = np.zeros(total, bool)
        self.wanted[rng.permutation(total)[: int(most / (high - low)) + 1]] = True

    def take(self, first: int, showers: Showers, mask: Bool[Array, " n"]) -> None:
        chosen = np.flatnonzero(mask & self.wanted[first : first + len(showers)])
        if len(chosen):
            self.parts.append(showers[chosen])

    def all(self) -> Showers:
        together = Showers.concatenate(self.parts)
        return together[np.sort(self.rng.permutation(len(together))[: self.most])]


def survey(showers: LargeSet, cells: int, held_out: int, seed: int) -> Survey:
    """Read everything once.

    Args:
        showers: of all splits.
        cells: training showers to keep with their cells, at most.
        held_out: showers of the validation split to keep, at most.
        seed: draws these.

    Raises:
        BadFile: the source cannot be read.
        EmptySample: none in a split.
    """
    source, chosen = showers.source, showers.chosen
    total, rng = int(chosen.sum()), stream(seed, "survey")
    drawn = [_Drawn("train", cells, total, rng), _Drawn("validation", held_out, total, rng)]
    deep = _Drawn("train", _LAYERS, total, rng)
    layers, layers_incident = [np.empty((0, source.binning.n_layers))], [np.empty(0, np.float32)]
    content, ids = np.empty(total, np.uint64), np.empty(total, np.uint64)
    sure, member = np.empty(total, bool), {split: np.empty(total, bool) for split in _LEARNED}
    bits, done = hashlib.blake2b(digest_size=16), 0
    for part in showers.parts():
        here = slice(done, done + len(part))
        bits.update(np.ascontiguousarray(part.energy).tobytes())
        content[here], ids[here] = part.content_ids, part.ids
        sure[here] = (part.energy > 0).sum(axis=1) >= SURE_CELLS
        masks = {split: split_mask(part, split) for split in SPLITS}
        for split, mask in member.items():
            mask[here] = masks[split]
        for sample in drawn:
            sample.take(done, part, masks[sample.split])
        few = part[masks["train"] & deep.wanted[here]]
        layers.append(few.layer_energy)
        layers_incident.append(few.incident_energy)
        done += len(part)
    if not all(sample.parts for sample in drawn):
        sizes = (int(mask.sum()) for mask in member.values())
        raise EmptySample("training needs showers in the training and validation splits", *sizes)
    rows = np.flatnonzero(chosen)
    incident = source.incident[rows]
    for values in (incident.energy, *(getattr(incident, name) for name in _COLUMNS)):
        bits.update(np.ascontiguousarray(values).tobytes())
    return Survey(
        {split: rows[mask] for split, mask in member.items()},
        incident[np.flatnonzero(member["train"])],
        (float(incident.energy.min()), float(incident.energy.max())),
        not (incident.theta != 0).any(),
        np.concatenate(layers),
        np.concatenate(layers_incident),
        drawn[0].all(),
        drawn[1].all(),
        TrainingIds(*(ids[mask & sure] for mask in member.values())),
        digest_of(content),
        bits.hexdigest(),
    )
