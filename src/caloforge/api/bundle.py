"""Showers from a bundle into a file, without PyTorch."""

__all__ = ["BundleSource"]

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt64
from numpy import ndarray as Array

from caloforge import __version__
from caloforge.api.calls import Progress, ignore
from caloforge.api.filling import fill_file
from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.data.writer import ShowerWriter
from caloforge.deployment.bundle import Bundle


class BundleSource:
    """A bundle that fills files with the showers that its run makes, up to the rounding of float32.

    Args:
        folder: of the bundle.
        threads: of ONNX Runtime.

    Raises:
        BadFile: no bundle, or a damaged one.
    """

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        self._bundle = Bundle(folder, threads)
        self.trained, self.binning, self.block = self._bundle.trained, self._bundle.binning, self._bundle.manifest.block

    @property
    def training_ids(self) -> UInt64[Array, " k"]:
        """Of the showers that its model was trained on; none where they were not exported."""
        return self._bundle.training_ids()

    def facts(self, seed: int) -> dict[str, Any]:
        """For the provenance of its showers.

        Args:
            seed: of the request.
        """
        manifest = self._bundle.manifest
        return {
            "caloforge": __version__,
            "generator": manifest.model,
            "seed": seed,
            "training": dict(manifest.training),
            "bundle": self._bundle.digest,
        }

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
            batch: showers computed at a time.
            progress: called with the number of showers made, and of all.
            first: place of the first particle in a larger request with this seed, a multiple of ``block``.

        Returns:
            Milliseconds of each shower without writing.

        Raises:
            BadValue: ``first`` lies within a block.
            BadFile: the graph of the bundle fails.
            UnwritablePath: the output cannot be written.
        """
        batches = self._batches(incident, seed, batch, first)
        writer = ShowerWriter(output, self.binning, self._bundle.manifest.detector, self.facts(seed))
        return fill_file(writer, batches, len(incident), self.training_ids, progress)

    def _batches(self, incident: Incident, seed: int, batch: int, first: int) -> Iterator[Showers]:
        hidden = self._bundle.manifest.trained.hidden
        for row, cells in self._bundle.batches(incident, seed, batch=batch, first=first):
            part = incident[row : row + len(cells)]
            pdg = np.zeros_like(part.pdg) if hidden else part.pdg
            yield Showers(cells, part.energy, pdg, part.theta, part.phi, self.binning)
