"""The particles that a model is asked for: described in words and numbers, or those of other showers."""

__all__ = ["Asked"]

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import UInt64
from numpy import ndarray as Array

from caloforge.api.incident import Angle, Energy, Particle, incident_particles
from caloforge.data.incident import Incident
from caloforge.data.split_names import Part
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.preprocessing.trained import Trained


@dataclass(frozen=True, eq=False)
class Asked:
    """One particle for each shower; what each option means is said at `caloforge.api.model.Model.generate`.

    Args:
        energy: one, a spectrum, or a list.
        n: number of showers.
        like: showers whose particles to use instead, in any form of `caloforge.api.like.Like`.
        particle: where the model knows several.
        theta: angle to the normal.
        phi: azimuth.
        split: which showers of ``like``.
        binning: mesh of the file ``like``, where it carries none.
        seed: of what is drawn.
        extrapolate: allow energies and angles outside those of the training, with a warning.
    """

    energy: Energy | None
    n: int | None = None
    like: Any = None  # its type stands where files are opened, which takes a second to import
    particle: Particle | None = None
    theta: Angle | None = None
    phi: Angle | None = None
    split: Part = "all"
    binning: str | Binning | None = None
    seed: int = 1
    extrapolate: bool = False

    def particles(
        self, trained: Trained, mesh: Binning, training_ids: UInt64[Array, " k"], warn: Callable[[str], None]
    ) -> Incident:
        """The particles, in the order of their showers.

        Args:
            trained: what the model was trained on.
            mesh: of the model.
            training_ids: of the showers that it was trained on, which ``split="auto"`` leaves out.
            warn: called with what lies outside the training.

        Raises:
            BadValue: a particle, energy or angle that is not of these forms or that the model does not know.
            OutsideTraining: an energy or angle outside those of the training.
            BinningMismatch: ``like`` has another mesh.
        """
        asked = self._particles(trained, mesh, training_ids)
        for outside in trained.outside(asked):
            if not self.extrapolate:
                raise outside
            warn(outside.warning)
        return asked

    def _particles(self, trained: Trained, mesh: Binning, training_ids: UInt64[Array, " k"]) -> Incident:
        if (self.energy is None) == (self.like is None):
            remedy = "give energies to generate at, or like, showers whose particles to repeat"
            raise BadValue("energy", self.energy, remedy if self.energy is None else f"{remedy}: one of the two")
        if self.energy is not None:
            if self.split != "all":
                raise BadValue("split", self.split, "it chooses among the showers of like")
            return incident_particles(trained, self.energy, self.particle, self.theta, self.phi, self.n, self.seed)
        words = (self.particle, self.theta, self.phi)
        if any(word is not None for word in words):
            raise BadValue("particle, theta, phi", words, "like has its own: leave them out")
        from caloforge.api.like import particles_like

        return particles_like(self.like, mesh, self.split, self.binning, self.n, training_ids)
