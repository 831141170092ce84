"""Showers of a model into a file, as they are made."""

__all__ = ["fill_file"]

import time
from collections.abc import Iterator

from jaxtyping import UInt64
from numpy import ndarray as Array

from caloforge.api.calls import Progress
from caloforge.data.showers import Showers
from caloforge.data.writer import ShowerWriter


def fill_file(
    writer: ShowerWriter, batches: Iterator[Showers], count: int, training_ids: UInt64[Array, " k"], progress: Progress
) -> float:
    """Write all batches, and what is known only then: the training's showers and the time that the model took.

    Args:
        writer: of a new file, which is complete when this returns.
        batches: showers, made when they are asked for.
        count: of all of them.
        training_ids: of the showers that the model was trained on.
        progress: called with the number of showers made, and of all.

    Returns:
        Milliseconds of each shower without writing; they go into the provenance.

    Raises:
        UnwritablePath: the output cannot be written.
    """
    seconds, done = 0.0, 0
    with writer:
        start = time.perf_counter()
        for showers in batches:
            seconds += time.perf_counter() - start
            writer.append(showers)
            done += len(showers)
            progress(done, count)
            start = time.perf_counter()
        writer.keep_training_ids(training_ids)
        per_shower = 1e3 * seconds / count
        writer.note(host_ms_per_shower=per_shower)
    return per_shower
