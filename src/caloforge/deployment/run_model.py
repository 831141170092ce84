"""A run folder as a `ShowerModel`: computed by PyTorch, in blocks, so that equal arguments give equal showers."""

__all__ = ["RunModel"]

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from caloforge.data.incident import Incident
from caloforge.deployment.noise import block_normals
from caloforge.deployment.shower_model import frame_of
from caloforge.device import Device, choose_device
from caloforge.errors import BadValue
from caloforge.generation.sampler import BLOCK, sample_showers
from caloforge.training.folders import run_folder, weights_digest
from caloforge.training.run import load_run


class RunModel:
    """A run folder, or a model that comes with caloforge, computed by PyTorch.

    Args:
        name: a path, or the name of a model that comes with caloforge.
        device: where networks run.
        compiled: let `torch.compile` make one kernel of many operations, anew for each size of a batch.

    Raises:
        BadFile: neither, or damaged.
        BadValue: PyTorch finds no such device.
    """

    def __init__(self, name: str | Path, device: Device = "cpu", compiled: bool = False) -> None:
        self.name = str(name)
        self._run = load_run(name).to(choose_device(device))
        sample: Callable[[Tensor, Tensor], Tensor] = self._run.model.sample
        self._sample = torch.compile(sample, dynamic=False) if compiled else sample
        self._digest = weights_digest(run_folder(name))
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
        if self._run.model.keep_probability is not None:
            return sample_showers(self._run.model, self._run.pipeline, incident, seed).energy
        cells = [np.zeros((0, self.binning.n_voxels), np.float32)]
        for number, start in enumerate(range(0, len(incident), BLOCK)):
            part = incident[start : start + BLOCK]
            cells.append(self.sample_noise(part, self.noise(seed, number, len(part))))
        return np.concatenate(cells)

    @property
    def block(self) -> int:
        """Showers whose noise is drawn at a time."""
        return BLOCK

    def noise(self, seed: int, block: int, n: int) -> Float[Array, "n M"]:
        """The first rows of a block of a seed's standard normals.

        Args:
            seed: of a request.
            block: number of the block.
            n: rows.
        """
        return block_normals(seed, (block,), BLOCK, math.prod(self._run.model.noise_shape), n)

    def sample_noise(self, incident: Incident, noise: Float[Array, "N M"]) -> Float[Array, "N V"]:
        """MeV of every cell.

        Args:
            incident: N particles inside the training.
            noise: standard normal.

        Raises:
            BadValue: a balanced training, whose showers are kept by chance.
        """
        model, pipeline = self._run.model, self._run.pipeline
        if model.keep_probability is not None:
            remedy = "its showers are kept by chance, which noise alone does not decide: train it without balance"
            raise BadValue("model", self.name, remedy)
        with torch.inference_mode():
            conditions = pipeline.conditions(incident)
            z = torch.from_numpy(noise).to(conditions).reshape(-1, *model.noise_shape)
            return pipeline.inverse(self._sample(z, conditions), incident, conditions).energy
