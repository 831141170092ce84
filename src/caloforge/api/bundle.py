"""A bundle, open as a source of showers without PyTorch."""

__all__ = ["BundleSource"]

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt64
from numpy import ndarray as Array

from caloforge import __version__
from caloforge.api.filling import ShowerSource
from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.deployment.bundle import Bundle
from caloforge.geometry.binning import Binning
from caloforge.preprocessing.trained import Trained


class BundleSource(ShowerSource):
    """A bundle, which makes the showers that its run makes, up to the rounding of float32.

    Args:
        folder: of the bundle.
        threads: of ONNX Runtime.

    Raises:
        BadFile: no bundle, or a damaged one.
    """

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        self._bundle = Bundle(folder, threads)

    @property
    def trained(self) -> Trained:
        """Particles, energies and angles that its model was trained on."""
        return self._bundle.trained

    @property
    def binning(self) -> Binning:
        """The mesh of the showers that it makes."""
        return self._bundle.binning

    @property
    def block(self) -> int:
        """Showers whose noise is drawn at a time."""
        return self._bundle.manifest.block

    @property
    def detector(self) -> str:
        """That of the training showers, or "unknown"."""
        return self._bundle.manifest.detector

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

    def batches(self, incident: Incident, seed: int, batch: int = 1000, first: int = 0) -> Iterator[Showers]:
        """Showers as they are made, one for each particle.

        Args:
            incident: particles that the model knows.
            seed: of the noise.
            batch: showers computed at a time.
            first: place of the first particle in a larger request with this seed, a multiple of ``block``.

        Raises:
            BadValue: ``first`` lies within a block.
            BadFile: the graph of the bundle fails.
        """
        hidden = self._bundle.manifest.trained.hidden
        for row, cells in self._bundle.batches(incident, seed, batch=batch, first=first):
            part = incident[row : row + len(cells)]
            pdg = np.zeros_like(part.pdg) if hidden else part.pdg
            yield Showers(cells, part.energy, pdg, part.theta, part.phi, self.binning)
