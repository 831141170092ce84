r"""DDML's model of Par04's name, ``Par04ExampleVAE``: the vectors of `caloforge.deployment.par04` but for the frame.

:math:`t = \theta / (\pi/2)` is the angle to the normal of the layers, and sector j begins at
:math:`2\pi j / n_\phi`. Source: key4hep/DDML, src/Par04ExampleVAE.cc.
"""

__all__ = ["DDML", "DDMLTarget"]

import math
from collections.abc import Mapping
from typing import ClassVar

from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.deployment.manifest import Manifest
from caloforge.deployment.par04 import Par04, Par04Target, equal_steps
from caloforge.units import format_energy


class DDML(Par04):
    """Vectors as ``ddml::Par04ExampleVAE`` builds them."""

    name = "ddml"
    half_turn: ClassVar[bool] = True

    @staticmethod
    def angle(theta: Float[Array, " n"]) -> Float[Array, " n"]:
        """What the vector says of the direction.

        Args:
            theta: angle to the normal of the calorimeter, rad.
        """
        return theta / (math.pi / 2)


class DDMLTarget(Par04Target):
    """A graph for DDML's ``Par04ExampleVAE``, and the lines of the steering file."""

    contract: ClassVar[type[Par04]] = DDML
    software: ClassVar[str] = "DDML"

    def companions(self, manifest: Manifest) -> Mapping[str, bytes]:
        """A function for a steering file of ddsim.

        Args:
            manifest: of the bundle.
        """
        mesh, trained = manifest.mesh, manifest.trained
        dr, dz = equal_steps(mesh) or (0.0, 0.0)
        low, high = map(format_energy, trained.energy)
        names = {11: "e-", -11: "e+", 22: "gamma"}
        quoted = [f'"{names.get(pdg, pdg)}"' for pdg in trained.particles]
        species, thresholds = ", ".join(quoted), ", ".join(f"{name}: {trained.energy[0]:g}" for name in quoted)
        text = f'''"""Steering of ddsim for {manifest.model}: {low} to {high}.

Par04ExampleVAE has the sizes of its mesh in C++: latent {manifest.noise}, {mesh.layers[0].n_r} x
{mesh.layers[0].n_alpha} x {mesh.n_layers} cells (rho, phi, z) of {dr:g} mm and {dz:g} mm. It gives points in the frame
of the layers: z goes into the calorimeter, sectors begin at phi = 0.
"""


def fast_simulation(kernel, action, region, detector):
    """The model as an action of DDML (``action``: a composition with Par04ExampleVAE and ONNX), and its physics."""
    from DDG4 import DetectorConstruction, Geant4, PhysicsList

    model = DetectorConstruction(kernel, action + "/ShowerModel")
    model.ModelPath, model.RegionName, model.Detector = "model.onnx", region, detector
    model.ApplicableParticles = {{{species}}}
    model.Etrigger = {{{thresholds}}}  # MeV
    model.Enable = True
    Geant4(kernel).detectorConstruction().adopt(model)
    physics = PhysicsList(kernel, "Geant4FastPhysics/FastPhysicsList")
    physics.EnabledParticles = [{species}]
    kernel.physicsList().adopt(physics)
'''
        return {"ddml_steering.py": text.encode()}
