"""Showers from a bundle into a file, without PyTorch."""

__all__ = ["BundleSource"]

import time
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt64
from numpy import ndarray as Array

from caloforge import __version__
from caloforge.api.calls import Progress, ignore
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
        batch: int = 5000,
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
        manifest = self._bundle.manifest
        seconds = 0.0
        with ShowerWriter(output, self.binning, manifest.detector, self.facts(seed)) as writer:
            start = time.perf_counter()
            for row, cells in self._bundle.batches(incident, seed, batch=batch, first=first):
                seconds += time.perf_counter() - start
                part = incident[row : row + len(cells)]
                pdg = np.zeros_like(part.pdg) if manifest.trained.hidden else part.pdg
                writer.append(Showers(cells, part.energy, pdg, part.theta, part.phi, self.binning))
                progress(row + len(cells), len(incident))
                start = time.perf_counter()
            writer.keep_training_ids(self.training_ids)
            per_shower = 1e3 * seconds / len(incident)
            writer.note(host_ms_per_shower=per_shower)
        return per_shower
