"""A model as a source of showers, and its showers into a file as they are made."""

__all__ = ["ShowerSource", "fill_file"]

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxtyping import UInt64
from numpy import ndarray as Array

from caloforge.api.calls import Progress, ignore
from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.data.writer import ShowerWriter
from caloforge.geometry.binning import Binning
from caloforge.preprocessing.trained import Trained


class ShowerSource(ABC):
    """A run or an ensemble (`RunSource`, so any `Model`), or a bundle (`BundleSource`), open."""

    @property
    @abstractmethod
    def trained(self) -> Trained:
        """Particles, energies and angles that it was trained on, without PyTorch."""

    @property
    @abstractmethod
    def binning(self) -> Binning:
        """The mesh of the showers that it makes."""

    @property
    @abstractmethod
    def block(self) -> int:
        """Showers whose noise is drawn at a time; a place at which one begins can begin a part of a request."""

    @property
    @abstractmethod
    def training_ids(self) -> UInt64[Array, " k"]:
        """Of the showers that it was trained on; none where that is not known."""

    @property
    @abstractmethod
    def detector(self) -> str:
        """That of its training showers, or "unknown"."""

    @abstractmethod
    def facts(self, seed: int) -> dict[str, Any]:
        """For the provenance of its showers.

        Args:
            seed: of the request.
        """

    @abstractmethod
    def batches(self, incident: Incident, seed: int, batch: int = 1000, first: int = 0) -> Iterator[Showers]:
        """Showers as they are made, one for each particle.

        Args:
            incident: particles that the model knows.
            seed: of the noise.
            batch: showers in memory at a time.
            first: place of the first particle in a larger request with this seed, a multiple of ``block``.

        Raises:
            BadValue: ``first`` lies within a block.
            BadFile: the graph of a bundle fails.
        """

    def fill(
        self,
        output: str | Path,
        incident: Incident,
        seed: int,
        batch: int = 1000,
        progress: Progress = ignore,
        first: int = 0,
    ) -> float:
        """Stream showers into a file, one for each particle.

        Args:
            output: HDF5 file; it appears only when it is complete.
            incident: particles that the model knows.
            seed: of the noise.
            batch: showers in memory at a time.
            progress: called with the number of showers made, and of all.
            first: place of the first particle in a larger request with this seed, a multiple of ``block``.

        Returns:
            Milliseconds of each shower without writing; they go into the provenance.

        Raises:
            BadValue: ``first`` lies within a block.
            BadFile: the graph of a bundle fails.
            UnwritablePath: the output cannot be written.
        """
        batches = self.batches(incident, seed, batch, first)
        writer = ShowerWriter(output, self.binning, self.detector, self.facts(seed))
        return fill_file(writer, batches, len(incident), self.training_ids, progress)


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
