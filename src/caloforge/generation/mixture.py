"""Sampling from an ensemble: the mixture of its members, shower i from member i mod K."""

__all__ = ["mixture_batches"]

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import numpy as np

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.generation.sampler import BLOCK, require_start, sample_batches
from caloforge.rng import integer_seeds
from caloforge.training.run import Run


def mixture_batches(members: Sequence[Run], incident: Incident, seed: int, first: int = 0) -> Iterator[Showers]:
    r"""Showers for each incident particle, in order, K blocks at a time; every member has noise of its own.

    The distribution is the mean of the members, :math:`p(x|c) = \frac1K \sum_m p_m(x|c)`. Member m (from 0) makes the
    showers that it would make of ``incident[m::K]`` alone with a seed of its own, so shower i does not depend on how
    many are asked for.

    Args:
        members: models of one posterior, K of them.
        incident: the particles, one for each shower.
        seed: from which each member gets its own.
        first: place of the first particle among all that are asked for, a multiple of K blocks.

    Raises:
        BadValue: ``first`` lies within a block.
    """
    require_start(first, BLOCK * len(members))
    of_each = (
        sample_batches(
            member.model,
            member.pipeline,
            incident[m :: len(members)],
            integer_seeds(seed, "mixture", m)[0],
            BLOCK,
            first // len(members),
        )
        for m, member in enumerate(members)
    )
    for round_ in zip_longest(*of_each):
        parts = [part for part in round_ if part is not None]
        places = [m + len(members) * np.arange(len(part)) for m, part in enumerate(parts)]
        yield Showers.concatenate(parts)[np.argsort(np.concatenate(places))]
