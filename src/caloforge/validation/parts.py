"""Conditional comparison: the same distances within bins of incident energy, angle, or for each particle.

A model can be right on average and wrong everywhere: a response too high below 10 GeV and too low above has the right
mean. Bins are made from the truth; bins with too few showers in either sample are joined with a neighbour.
"""

__all__ = ["Subsample", "subsamples", "whole"]

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array

from caloforge.errors import EmptySample
from caloforge.metrics.bins import angle_edges, angle_label, energy_edges, energy_label
from caloforge.metrics.particles import by_particle
from caloforge.validation.key import ALL_SHOWERS, Place
from caloforge.validation.sample import Sample

_FEWEST = 100


@dataclass(frozen=True, eq=False)
class Subsample:
    """A part of both samples.

    Args:
        place: what the part is chosen by, and the part in words.
        truth: which showers of the truth.
        generated: which generated showers.
    """

    place: Place
    truth: Bool[Array, " n"]
    generated: Bool[Array, " m"]

    @property
    def sizes(self) -> tuple[int, int]:
        """Showers of truth and of the generator in it."""
        return int(self.truth.sum()), int(self.generated.sum())


def whole(truth: Sample, generated: Sample) -> Subsample:
    """Everything.

    Args:
        truth: reference showers.
        generated: showers to judge.
    """
    masks = [np.ones(len(s), bool) for s in (truth, generated)]
    return Subsample(ALL_SHOWERS, *masks)


def subsamples(truth: Sample, generated: Sample) -> tuple[Subsample, ...]:
    """All parts worth a look: every energy bin, and where they vary every bin of either angle and every particle.

    A part that is the whole sample is left out, and so are parts with fewer than 100 showers in either sample.

    Args:
        truth: reference showers.
        generated: showers to judge.
    """
    parts = [*_energies(truth, generated), *_angles(truth, generated), *_particles(truth, generated)]
    return tuple(part for part in parts if min(part.sizes) >= _FEWEST)


def _energies(truth: Sample, generated: Sample) -> Iterator[Subsample]:
    pair = (truth.incident_energy, generated.incident_energy)
    try:
        edges = energy_edges(*pair, fewest=_FEWEST)
    except EmptySample:
        return
    if len(edges) == 2:
        return
    for low, high, inside in _bins(pair, edges):
        yield Subsample(Place("energy bin", energy_label(low, high)), *inside)


def _bins(pair: tuple[Array, Array], edges: Float[Array, " e"]) -> Iterator[tuple[float, float, list[Array]]]:
    """Edges of each bin and who is in it; the outermost bins take what lies beyond the truth's range."""
    numbers = [np.searchsorted(edges[1:-1], x, side="right") for x in pair]
    for i, (low, high) in enumerate(itertools.pairwise(edges)):
        yield float(low), float(high), [number == i for number in numbers]


def _angles(truth: Sample, generated: Sample) -> Iterator[Subsample]:
    for name, symbol in (("theta", "θ"), ("phi", "φ")):
        pair = (getattr(truth, name), getattr(generated, name))
        edges = angle_edges(*pair, fewest=_FEWEST)
        for low, high, inside in [] if edges is None else _bins(pair, edges):
            yield Subsample(Place("angle bin", angle_label(symbol, low, high)), *inside)


def _particles(truth: Sample, generated: Sample) -> Iterator[Subsample]:
    for particle, *masks in by_particle(truth.pdg, generated.pdg):
        if particle:
            yield Subsample(Place("particle", particle), *masks)
