"""A model as its users in a simulation see it: what it was trained on, and showers in MeV for given particles and seed.

A bundle gives one with NumPy and ONNX Runtime alone; a run folder, or a model that comes with caloforge, with PyTorch.
"""

__all__ = ["NoiseModel", "ShowerModel", "frame_of"]

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, UInt64
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.data.provenance import TrainingProvenance
from caloforge.geometry.binning import Binning
from caloforge.preprocessing.trained import Trained
from caloforge.simulation.primaries import Mesh


@runtime_checkable
class ShowerModel(Protocol):
    """What the simulation, and the server, need of a model."""

    @property
    def name(self) -> str:
        """What it was asked for by."""
        ...

    @property
    def binning(self) -> Binning:
        """The mesh of its showers."""
        ...

    @property
    def detector(self) -> str:
        """That of its training showers, or "unknown"."""
        ...

    @property
    def frame(self) -> Mesh:
        """Whether its mesh follows the axis of the shower or stays with the detector."""
        ...

    @property
    def trained(self) -> Trained:
        """What it was trained on."""
        ...

    @property
    def facts(self) -> dict[str, Any]:
        """Name, digest and training, for a provenance."""
        ...

    @property
    def training_ids(self) -> UInt64[Array, " k"]:
        """Of the showers that it was trained on."""
        ...

    def sample(self, incident: Incident, seed: int) -> Float[Array, "N V"]:
        """MeV of every cell, float32; equal arguments give equal showers.

        Args:
            incident: N particles inside the training.
            seed: of the noise.
        """
        ...


@runtime_checkable
class NoiseModel(ShowerModel, Protocol):
    """A model whose noise is drawn apart, so that showers of several seeds can be computed together."""

    @property
    def block(self) -> int:
        """Showers whose noise is drawn at a time."""
        ...

    def noise(self, seed: int, block: int, n: int) -> Float[Array, "n M"]:
        """The first rows of a block of a seed's standard normals: those that `sample` takes.

        Args:
            seed: of a request.
            block: number of the block.
            n: rows.
        """
        ...

    def sample_noise(self, incident: Incident, noise: Float[Array, "N M"]) -> Float[Array, "N V"]:
        """MeV of every cell.

        Args:
            incident: N particles inside the training.
            noise: standard normal.
        """
        ...


def frame_of(training: TrainingProvenance) -> Mesh:
    """Whether the mesh of the training showers stayed with the detector; it follows the axis where nothing is said.

    Args:
        training: of a model.
    """
    return "detector" if training.data and training.data.values("mesh") == {"detector"} else "axis"
