"""What the graph of a bundle takes and gives, by target: vectors as the C++ side builds them, MeV from its answer."""

__all__ = ["Contract", "Feed", "Generic", "Noise"]

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.deployment.manifest import Manifest, Tensor
from caloforge.geometry.binning import Binning
from caloforge.preprocessing.trained import Trained

Noise = Float[Array, "n M"]
Feed = dict[str, Shaped[Array, "..."]]


class Contract(ABC):
    """Inputs and output of a graph for one target, in NumPy.

    Args:
        manifest: of the bundle.
    """

    name: ClassVar[str]

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest

    @classmethod
    @abstractmethod
    def tensors(cls, noise: int, mesh: Binning, trained: Trained) -> tuple[tuple[Tensor, ...], Tensor]:
        """Inputs and output of the graph of a model.

        Args:
            noise: standard normals of one shower.
            mesh: of the showers.
            trained: particles and ranges.
        """

    @abstractmethod
    def feed(self, noise: Noise, incident: Incident) -> Feed:
        """Inputs of the graph for n showers.

        Args:
            noise: (n, M) standard normal.
            incident: n particles.
        """

    @abstractmethod
    def cells(self, output: Float[Array, "n W"], incident: Incident) -> Float[Array, "n V"]:
        """Energies of the cells in MeV, in flat order of the mesh, as the C++ side takes them from the output.

        Args:
            output: first output of the graph.
            incident: the particles that it was computed for.
        """


class Generic(Contract):
    """Noise and the physical conditions that the model knows in, MeV of every cell out."""

    name = "generic"

    @staticmethod
    def inputs(noise: int, trained: Trained) -> tuple[Tensor, ...]:
        """Inputs of a model; what does not vary in its training is none.

        Args:
            noise: standard normals of one shower.
            trained: particles and ranges.
        """
        tensors = [
            Tensor("noise", noise, "float32", "standard normal"),
            Tensor("energy", 0, "float32", "kinetic energy of the incident particle, MeV"),
        ]
        if trained.tells_particle:
            tensors.append(Tensor("pdg", 0, "int64", "PDG number of the incident particle"))
        if trained.theta_varies:
            tensors.append(Tensor("theta", 0, "float32", "angle to the normal of the calorimeter, rad"))
        if trained.phi_varies:
            tensors.append(Tensor("phi", 0, "float32", "azimuth about the normal, rad"))
        return tuple(tensors)

    @staticmethod
    def output(mesh: Binning) -> Tensor:
        """The energies of the cells.

        Args:
            mesh: of the showers.
        """
        return Tensor("cells", mesh.n_voxels, "float32", "energy of each cell, MeV; order layer, alpha, r (r fastest)")

    @classmethod
    def tensors(cls, noise: int, mesh: Binning, trained: Trained) -> tuple[tuple[Tensor, ...], Tensor]:
        """Those of `inputs` and `output`.

        Args:
            noise: standard normals of one shower.
            mesh: of the showers.
            trained: particles and ranges.
        """
        return cls.inputs(noise, trained), cls.output(mesh)

    def feed(self, noise: Noise, incident: Incident) -> Feed:
        """Inputs by name, each in its kind.

        Args:
            noise: (n, M) standard normal.
            incident: n particles.
        """
        numbers = {
            "noise": noise,
            "energy": incident.energy,
            "pdg": incident.pdg,
            "theta": incident.theta,
            "phi": incident.phi,
        }
        return {tensor.name: np.ascontiguousarray(numbers[tensor.name], tensor.kind) for tensor in self.manifest.inputs}

    def cells(self, output: Float[Array, "n W"], incident: Incident) -> Float[Array, "n V"]:
        """The output itself.

        Args:
            output: of the graph.
            incident: of no consequence.
        """
        return output
