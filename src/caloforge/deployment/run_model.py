"""A run folder as a `ShowerModel`: computed by PyTorch, in blocks, so that equal arguments give equal showers."""

__all__ = ["RunModel"]

import hashlib
from pathlib import Path
from typing import Any

from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.deployment.shower_model import frame_of
from caloforge.generation.sampler import sample_showers
from caloforge.training.folders import run_folder
from caloforge.training.run import load_run


class RunModel:
    """A run folder, or a model that comes with caloforge, computed by PyTorch.

    Args:
        name: a path, or the name of a model that comes with caloforge.

    Raises:
        BadFile: neither, or damaged.
    """

    def __init__(self, name: str | Path) -> None:
        self.name = str(name)
        self._run = load_run(name)
        weights = run_folder(name) / "weights.safetensors"
        self._digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        data = self._run.provenance.data
        self.trained = self._run.pipeline.condition.trained
        self.detector = (data and data.detector) or "unknown"
        self.frame = frame_of(self._run.provenance)
        self.binning = self._run.pipeline.binning
        self.training_ids = self._run.training_ids.all

    @property
    def facts(self) -> dict[str, Any]:
        """Name, digest and training, for a provenance."""
        return {"model": self.name, "sha256": self._digest, "training": self._run.provenance.facts}

    def sample(self, incident: Incident, seed: int) -> Float[Array, "N V"]:
        """MeV of every cell; equal arguments give equal showers.

        Args:
            incident: N particles inside the training.
            seed: of the noise.
        """
        return sample_showers(self._run.model, self._run.pipeline, incident, seed).energy
