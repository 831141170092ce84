r"""Geant4's example Par04: one vector in, fractions of the energy in (r, phi, z) out.

It builds a row :math:`[z_1 \dots z_M, E / 1024\,\text{GeV}, t, 0, 1]` of float32, takes the output as fractions of E
with z fastest and places the cell (i, j, k) at :math:`\rho = (i + 1/2)\,\Delta r`. As ModelType VAE
:math:`t = \theta / 90°` is the polar angle of the direction in the world, so a particle that meets the barrel
perpendicularly has t = 1, and sector j begins at :math:`-\pi + 2\pi j / n_\phi`.
Source: Geant4 11.4, examples/extended/parameterisations/Par04.
"""

__all__ = ["Par04", "Par04Target", "equal_steps"]

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int, Shaped
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.deployment.contract import Contract, Feed, Noise
from caloforge.deployment.manifest import Manifest, Tensor
from caloforge.deployment.target import Target, require_alike, rewired
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.preprocessing.trained import Trained
from caloforge.units import GeV, format_energy, mm

_LARGEST = 1024 * GeV
_CONDITIONS = 4  # energy, angle and two that stand for the detector
_ROUNDING = 1e-6 * mm


class Par04(Contract):
    """Vectors as `Par04InferenceSetup` builds them."""

    name = "par04"
    half_turn: ClassVar[bool] = False  # whether sector 0 of the software begins at 0, not at -pi

    @staticmethod
    def angle(theta: Float[Array, " n"]) -> Float[Array, " n"]:
        """What the vector says of the direction.

        Args:
            theta: angle to the normal of the calorimeter, rad.
        """
        return np.degrees(math.pi / 2 - theta) / 90

    @classmethod
    def order(cls, mesh: Binning) -> Int[Array, " V"]:
        """Flat index in the mesh of each number of the output.

        Args:
            mesh: regular.
        """
        layers, sectors, rings = mesh.n_layers, mesh.layers[0].n_alpha, mesh.layers[0].n_r
        cells = np.arange(mesh.n_voxels).reshape(layers, sectors, rings)
        if cls.half_turn:
            cells = np.roll(cells, -(sectors // 2), axis=1)
        return cells.transpose(2, 1, 0).ravel()

    @classmethod
    def tensors(cls, noise: int, mesh: Binning, trained: Trained) -> tuple[tuple[Tensor, ...], Tensor]:
        """One row in, one row out.

        Args:
            noise: standard normals of one shower.
            mesh: of the showers.
            trained: of no consequence.
        """
        row = Tensor("input", noise + _CONDITIONS, "float32", "standard normal, then E / 1024 GeV, angle, 0, 1")
        return (row,), Tensor("fractions", mesh.n_voxels, "float32", "of the energy; order r, phi, z (z fastest)")

    def feed(self, noise: Noise, incident: Incident) -> Feed:
        """One row a shower.

        Args:
            noise: (n, M) standard normal.
            incident: n particles.
        """
        energy, angle = incident.energy / _LARGEST, self.angle(incident.theta)
        ends = np.stack([energy, angle, np.zeros(len(noise)), np.ones(len(noise))], 1)
        return {"input": np.concatenate([noise, ends], 1, dtype=np.float32, casting="same_kind")}

    def cells(self, output: Float[Array, "n W"], incident: Incident) -> Float[Array, "n V"]:
        """Fractions times the energy, back in the order of the mesh.

        Args:
            output: (n, V) fractions.
            incident: n particles.
        """
        energies = np.empty_like(output)
        energies[:, self.order(self.manifest.mesh)] = output * np.asarray(incident.energy)[:, None]
        return energies


class Par04Target(Target):
    """A graph for Par04 as it is, and the macro that loads it."""

    contract: ClassVar[type[Par04]] = Par04
    software: ClassVar[str] = "Par04"

    def require(self, manifest: Manifest) -> None:
        """One particle, one azimuth, a mesh of equal layers with equal rings.

        Args:
            manifest: of the generic bundle.

        Raises:
            BadValue: something else.
        """
        require_alike(manifest, self.software)
        if equal_steps(manifest.mesh) is None:
            remedy = (
                f"{self.software} has equal layers of equal rings from r = 0, with known depth: export another model"
            )
            raise BadValue("mesh of the model", manifest.mesh.name, remedy)
        sectors = manifest.mesh.layers[0].n_alpha
        if self.contract.half_turn and sectors > 1 and sectors % 2:
            remedy = f"{self.software} begins with a sector at 0, this mesh at -pi: their number has to be even"
            raise BadValue("sectors of the mesh", sectors, remedy)

    def wrapped(self, manifest: Manifest, model: Any) -> tuple[Manifest, Any]:
        """One input and fractions around the graph.

        Args:
            manifest: of the generic bundle.
            model: its graph.
        """
        from onnx import helper

        m, varies = manifest.noise, manifest.trained.theta_varies
        constants: dict[str, Shaped[Array, ...]] = {
            "t_widths": np.array([m, 1, 1, 2], np.int64),
            "t_one": np.array([1], np.int64),
            "t_scale": np.array(_LARGEST, np.float32),
            "t_order": self.contract.order(manifest.mesh).astype(np.int64),
            "t_quarter": np.array(math.pi / 2, np.float32),
        }
        before = [
            helper.make_node("Split", ["input", "t_widths"], ["noise", "t_energy", "t_angle", "t_unused"], axis=1),
            helper.make_node("Mul", ["t_energy", "t_scale"], ["t_mev"]),
            helper.make_node("Squeeze", ["t_mev", "t_one"], ["energy"]),
        ]
        if varies:
            turned = self.contract is Par04
            before.append(helper.make_node("Mul", ["t_angle", "t_quarter"], ["t_theta"]))
            if turned:
                before.append(helper.make_node("Sub", ["t_quarter", "t_theta"], ["t_normal"]))
                before.append(helper.make_node("Abs", ["t_normal"], ["t_size"]))
            before.append(helper.make_node("Squeeze", ["t_size" if turned else "t_theta", "t_one"], ["theta"]))
        after = [
            helper.make_node("Gather", ["cells", "t_order"], ["t_cells"], axis=1),
            helper.make_node("Div", ["t_cells", "t_mev"], ["fractions"]),
        ]
        if not varies:
            del constants["t_quarter"]
        inputs, output = self.contract.tensors(m, manifest.mesh, manifest.trained)
        manifest, model = rewired(manifest, model, inputs, output, (before, after), constants)
        return replace(manifest, target=self.contract.name), model

    def companions(self, manifest: Manifest) -> Mapping[str, bytes]:
        """The macro.

        Args:
            manifest: of the bundle.
        """
        mesh, trained = manifest.mesh, manifest.trained
        dr, dz = equal_steps(mesh) or (0.0, 0.0)
        sizes = [
            f"setSizeOfRhoCells {dr:g} mm",
            f"setSizeOfZCells {dz:g} mm",
            f"setNbOfRhoCells {mesh.layers[0].n_r}",
            f"setNbOfPhiCells {mesh.layers[0].n_alpha}",
            f"setNbOfZCells {mesh.n_layers}",
        ]
        low, high = map(format_energy, trained.energy)
        lines = [
            f"# {manifest.model}: PDG {', '.join(map(str, trained.particles))}, {low} to {high}, {manifest.detector};",
            "# the detector has to be that of the training. Par04 asks the network at any energy: shoot inside.",
            *(f"/Par04/mesh/{size}" for size in sizes),
            f"/Par04/inference/setSizeLatentVector {manifest.noise}",
            f"/Par04/inference/setSizeConditionVector {_CONDITIONS}",
            "/Par04/inference/setModelPathName model.onnx",
            "/Par04/inference/setModelType VAE",
            *(f"/Par04/inference/{size}" for size in sizes),
            "/Par04/inference/setInferenceLibrary ONNX",
            "/param/ActivateModel defineMesh",
            "/param/ActivateModel inferenceModel",
        ]
        return {"par04.mac": ("\n".join(lines) + "\n").encode()}


def equal_steps(mesh: Binning) -> tuple[float, float] | None:
    """Width of a ring and of a layer, mm, where all are equal; else None.

    Args:
        mesh: of the showers.
    """
    first = mesh.layers[0]
    alike = all((layer.n_alpha, layer.r_edges) == (first.n_alpha, first.r_edges) for layer in mesh.layers)
    if not alike or mesh.z_edges is None or abs(first.r_edges[0]) > _ROUNDING:
        return None
    edges = np.append(mesh.z_edges[:, 0], mesh.z_edges[-1, 1])
    for places in (np.array(first.r_edges), edges):
        if np.ptp(np.diff(places)) > _ROUNDING * len(places):
            return None
    if np.abs(mesh.z_edges[1:, 0] - mesh.z_edges[:-1, 1]).max(initial=0.0) > _ROUNDING:
        return None
    return float(first.r_edges[1]), float(edges[1] - edges[0])
