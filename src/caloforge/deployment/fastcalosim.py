r"""ATLAS FastCaloSim (TFCSBinnedShowerONNX): pseudorapidity, energy and two rows of noise in, MeV of every voxel out.

``inn_eta_in`` is :math:`10\,|\eta|`, ``inn_einc_in`` the energy in MeV, ``inn_z_energy`` one standard normal a layer
and ``cfm_z_shape`` one a voxel; the angle to the normal of a barrel is :math:`\pi/2 - 2 \arctan e^{-|\eta|}`. A model
that takes more noise gets it through voxels of one more layer, behind all others, that never have energy: the software
draws noise for them and skips them, since it keeps only voxels with energy. Their number and those of all other layers
stand in a file of HDF5 beside the graph. Source: fcs-proj/FastCaloSim, source/Core/TFCSMLCalorimeterSimulator.cxx.
"""

__all__ = ["FastCaloSim", "FastCaloSimTarget"]

import io
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.deployment.contract import Contract, Feed, Noise
from caloforge.deployment.manifest import Manifest, Tensor
from caloforge.deployment.target import Target, require_alike, rewired
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.preprocessing.trained import Trained

_MOST_LAYERS = 23  # CaloSampling has 24, and one is for the noise


class FastCaloSim(Contract):
    """Inputs as `TFCSMLCalorimeterSimulator` builds them."""

    name = "fastcalosim"

    @classmethod
    def tensors(cls, noise: int, mesh: Binning, trained: Trained) -> tuple[tuple[Tensor, ...], Tensor]:
        """As many voxels as the mesh or the noise has, and one more: the layer for the noise has one at least.

        Args:
            noise: standard normals of one shower.
            mesh: of the showers.
            trained: of no consequence.
        """
        voxels = max(noise - mesh.n_layers, mesh.n_voxels) + 1
        inputs = (
            Tensor("inn_eta_in", 1, "float32", "10 |eta|"),
            Tensor("inn_einc_in", 1, "float32", "kinetic energy of the incident particle, MeV"),
            Tensor("cfm_z_shape", voxels, "float32", "standard normal"),
            Tensor("inn_z_energy", mesh.n_layers + 1, "float32", "standard normal"),
        )
        return inputs, Tensor("voxels", voxels, "float32", "energy of each voxel, MeV; those behind the mesh have none")

    def feed(self, noise: Noise, incident: Incident) -> Feed:
        """Four inputs; the last normal of the layers is not used.

        Args:
            noise: (n, M) standard normal, those of the layer energies first.
            incident: n particles.
        """
        layers, shape = self.manifest.mesh.n_layers, self.manifest.inputs[2].width
        eta = np.arctanh(np.sin(incident.theta))  # of the angle to the normal of a barrel
        voxels = np.zeros((len(noise), shape))
        voxels[:, : noise.shape[1] - layers] = noise[:, layers:]
        energies = np.concatenate([noise[:, :layers], np.zeros((len(noise), 1))], 1)
        numbers = (10 * np.abs(eta)[:, None], np.asarray(incident.energy)[:, None], voxels, energies)
        names = [tensor.name for tensor in self.manifest.inputs]
        return {name: value.astype(np.float32) for name, value in zip(names, numbers, strict=True)}

    def cells(self, output: Float[Array, "n W"], incident: Incident) -> Float[Array, "n V"]:
        """The voxels of the mesh.

        Args:
            output: (n, W) MeV.
            incident: of no consequence.
        """
        return output[:, : self.manifest.mesh.n_voxels]


class FastCaloSimTarget(Target):
    """A graph for FastCaloSim, and the file of its voxels."""

    contract: ClassVar[type[FastCaloSim]] = FastCaloSim

    def require(self, manifest: Manifest) -> None:
        """One particle, one azimuth, and no more layers than the software has.

        Args:
            manifest: of the generic bundle.

        Raises:
            BadValue: something else.
        """
        require_alike(manifest, "FastCaloSim")
        if manifest.mesh.n_layers > _MOST_LAYERS or max(layer.id for layer in manifest.mesh.layers) >= _MOST_LAYERS:
            remedy = f"FastCaloSim has layers 0 to {_MOST_LAYERS - 1}, and one more takes the noise"
            raise BadValue("layers of the mesh", manifest.mesh.n_layers, remedy)

    def wrapped(self, manifest: Manifest, model: Any) -> tuple[Manifest, Any]:
        """Four inputs around the graph, and voxels without energy behind those of the mesh.

        Args:
            manifest: of the generic bundle.
            model: its graph.
        """
        from onnx import helper

        mesh, varies = manifest.mesh, manifest.trained.theta_varies
        n_layers, own = mesh.n_layers, manifest.noise - mesh.n_layers
        inputs, output = self.contract.tensors(manifest.noise, mesh, manifest.trained)
        voxels = output.width
        constants = {
            "t_of_shape": np.array([own, voxels - own], np.int64),
            "t_of_energy": np.array([n_layers, 1], np.int64),
            "t_one": np.array([1], np.int64),
            "t_none": np.array([0, 0, 0, voxels - mesh.n_voxels], np.int64),
        }
        before = [
            helper.make_node("Split", ["cfm_z_shape", "t_of_shape"], ["t_shape", "t_unused"], axis=1),
            helper.make_node("Split", ["inn_z_energy", "t_of_energy"], ["t_layers", "t_last"], axis=1),
            helper.make_node("Concat", ["t_layers", "t_shape"], ["noise"], axis=1),
            helper.make_node("Squeeze", ["inn_einc_in", "t_one"], ["energy"]),
        ]
        if varies:
            constants |= {"t_ten": np.array(-0.1, np.float32), "t_two": np.array(2, np.float32)}
            constants["t_quarter"] = np.array(math.pi / 2, np.float32)
            before += [
                helper.make_node("Mul", ["inn_eta_in", "t_ten"], ["t_eta"]),
                helper.make_node("Exp", ["t_eta"], ["t_exp"]),
                helper.make_node("Atan", ["t_exp"], ["t_half"]),
                helper.make_node("Mul", ["t_half", "t_two"], ["t_polar"]),
                helper.make_node("Sub", ["t_quarter", "t_polar"], ["t_theta"]),
                helper.make_node("Squeeze", ["t_theta", "t_one"], ["theta"]),
            ]
        after = [helper.make_node("Pad", ["cells", "t_none"], ["voxels"])]
        manifest, model = rewired(manifest, model, inputs, output, (before, after), constants)
        return replace(manifest, target=self.contract.name), model

    def companions(self, manifest: Manifest) -> Mapping[str, bytes]:
        """Radius (mm) and alpha (rad) of every voxel, layer by layer.

        Args:
            manifest: of the bundle.
        """
        import h5py

        mesh, content = manifest.mesh, io.BytesIO()
        spare = manifest.outputs[0].width - mesh.n_voxels
        with h5py.File(content, "w") as file:
            for layer in mesh.layers:
                edges, width = np.array(layer.r_edges), 2 * math.pi / layer.n_alpha
                alpha = np.repeat(-math.pi + width * np.arange(layer.n_alpha), layer.n_r)
                _write(
                    file, layer.id, np.tile(edges[:-1], layer.n_alpha), np.tile(np.diff(edges), layer.n_alpha), alpha
                )
            behind = max(layer.id for layer in mesh.layers) + 1
            _write(file, behind, np.zeros(spare), np.ones(spare), np.linspace(-math.pi, math.pi, spare, endpoint=False))
        return {"voxels.h5": content.getvalue()}


def _write(file: Any, layer: int, r: Float[Array, " k"], size: Float[Array, " k"], alpha: Float[Array, " k"]) -> None:
    """Lower ends and sizes of a layer's voxels; alpha is cut into equal parts."""
    width = 2 * math.pi / max(len(np.unique(alpha)), 1)
    for name, values in {
        "binstart_radius": r,
        "binsize_radius": size,
        "binstart_alpha": alpha,
        "binsize_alpha": np.full(len(r), width),
    }.items():
        file[f"{name}_layer_{layer}"] = values.astype(np.float32)
