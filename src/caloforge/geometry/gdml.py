"""A calorimeter that a GDML file describes, with what Geant4 saw in it: the line of the beam, materials, cells."""

__all__ = ["Calorimeter", "GdmlDetector", "Stretch"]

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.geometry.cell_mesh import CellMesh
from caloforge.geometry.face import Face, Vector
from caloforge.geometry.materials import Bulk, Material, bulk, find_material, nist_names
from caloforge.geometry.stack import SCATTERING_ENERGY, Detector

_SAME = 1e-3  # relative difference of densities
GAS = 0.01  # g/cm3: less is a gas


@dataclass(frozen=True)
class Stretch:
    """One volume on the line of the beam.

    Args:
        volume: name of the logical volume.
        material: its name.
        low: depth where it begins, mm.
        high: depth where it ends, mm.
        sensitive: whether its energy is read.
    """

    volume: str
    material: str
    low: float
    high: float
    sensitive: bool


@dataclass(frozen=True, repr=False)
class GdmlDetector:
    """A GDML file as Geant4 reads it; depth is measured from the face along its direction.

    Args:
        name: of the file, without its ending.
        text: clean GDML, see `caloforge.geometry.gdml_text`.
        digest: SHA-256 of the file.
        asked: how these were named, patterns or the tag ``SensDet``.
        sensitive: names of the logical volumes that are read.
        face: where the beam enters.
        line: what lies on the line of a perpendicular beam, in order.
        materials: of all volumes.
        reach: depths between which sensitive volumes lie, mm; None where they are too many to look at.
        cells: one for each placed sensitive volume, where the readout is by volumes.
        world: its two opposite corners, mm, in its own coordinates; None where they are not known.
    """

    name: str
    text: str = field(compare=False)
    digest: str
    asked: str
    sensitive: tuple[str, ...]
    face: Face
    line: tuple[Stretch, ...]
    materials: tuple[Material, ...]
    reach: tuple[float, float] | None = None
    cells: CellMesh | None = None
    world: tuple[Vector, Vector] | None = None

    def __repr__(self) -> str:
        """Everything that decides its showers."""
        return f"<GDML {self.name}, sha256 {self.digest}, {self.asked}, face {self.face.text}>"

    @property
    def facts(self) -> dict[str, Any]:
        """For the provenance of a file."""
        return {
            "detector_origin": "GDML",
            "detector_gdml": f"sha256 {self.digest}",
            "sensitive_volumes": self.asked,
            "face": self.face.text,
        }

    @cached_property
    def matter(self) -> tuple[Stretch, ...]:
        """The line from the first volume that is sensitive or denser than a gas to the last sensitive one, or dense."""
        sensitive = [i for i, s in enumerate(self.line) if s.sensitive]
        dense = [i for i, s in enumerate(self.line) if self.material(s.material).density > GAS]
        if not sensitive + dense:
            raise BadValue("face", self.face.text, "nothing denser than a gas lies on the line from there")
        return self.line[min(sensitive[:1] + dense[:1]) : (sensitive or dense)[-1] + 1]

    @property
    def first(self) -> float:
        """Depth where that begins, mm."""
        return self.matter[0].low

    @property
    def depth(self) -> float:
        """Depth where that ends, mm."""
        return self.matter[-1].high

    def material(self, name: str) -> Material:
        """The material of that name.

        Args:
            name: as the file has it.
        """
        return next(material for material in self.materials if material.name == name)

    def bulk_of(self, stretch: Stretch) -> Bulk:
        """Bulk properties of what a stretch consists of.

        Args:
            stretch: one of the line.
        """
        material = self.material(stretch.material)
        if material.name in nist_names():
            nist = find_material(material.name)
            if math.isclose(nist.density, material.density, rel_tol=_SAME):
                return bulk(nist)
        # the name decides nothing else: a file may call anything G4_W
        return bulk(Material(f"{self.digest[:8]}/{material.name}", material.density, material.fractions))

    @cached_property
    def radiation_lengths(self) -> float:
        """Radiation lengths between `first` and `depth`."""
        return sum((s.high - s.low) / self.bulk_of(s).radiation_length for s in self.matter)

    @cached_property
    def interaction_lengths(self) -> float:
        """Nuclear interaction lengths between `first` and `depth`."""
        return sum((s.high - s.low) / self.bulk_of(s).interaction_length for s in self.matter)

    @property
    def radiation_length(self) -> float:
        """Mean X0 on the line, mm."""
        return (self.depth - self.first) / self.radiation_lengths

    @property
    def moliere_radius(self) -> float:
        """Mean Molière radius on the line, mm, as of a `Detector`."""
        bulks = [(s.high - s.low, self.bulk_of(s)) for s in self.matter]
        scattered = sum(length * b.critical_energy / b.radiation_length for length, b in bulks)
        return SCATTERING_ENERGY * (self.depth - self.first) / scattered

    def face_at(self, x: float) -> tuple[float, tuple[float, float, float]]:
        """Where the face lies (z, mm) and its normal inwards: a plane.

        Args:
            x: across the normal, mm.
        """
        return 0.0, (0.0, 0.0, 1.0)

    def depth_at(self, x: Float[Array, " n"], z: Float[Array, " n"]) -> Float[Array, " n"]:
        """Depth of points behind the face, mm; as of a `Detector` of planes.

        Args:
            x: across the normal, mm.
            z: along the normal, mm.
        """
        return z

    def check_readout(self, binning: Binning) -> None:
        """That a mesh lies where sensitive volumes are.

        Args:
            binning: the mesh.

        Raises:
            BadValue: it has no depths, or nothing sensitive lies between them.
        """
        if isinstance(binning, CellMesh):
            return
        if binning.z_edges is None:
            raise BadValue("readout", binning.name, "it does not say at which depth its layers lie")
        low, high = binning.z_edges[:, 0].min(), binning.z_edges[:, 1].max()
        if self.reach is not None and (high <= self.reach[0] or low >= self.reach[1]):
            reach = f"they lie between {self.reach[0]:g} and {self.reach[1]:g} mm behind the face"
            raise BadValue("readout", binning.name, f"no sensitive volume of {self.name} lies inside it: {reach}")


Calorimeter = Detector | GdmlDetector
