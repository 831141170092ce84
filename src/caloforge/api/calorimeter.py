"""What `--detector` names: a preset, a YAML file or a GDML file with its sensitive volumes and its face."""

__all__ = ["find_calorimeter", "names_gdml", "of_gdml"]

from collections.abc import Sequence
from pathlib import Path

from caloforge.errors import BadValue, UnknownName
from caloforge.geometry.detector import detector as find_detector
from caloforge.geometry.face import Face, parse_face
from caloforge.geometry.gdml import Calorimeter, GdmlDetector
from caloforge.simulation.production.gdml import open_gdml

CELLS = ("mesh", "volumes")


def names_gdml(name: str | Path) -> bool:
    """Whether this is the path of a GDML file.

    Args:
        name: of a detector.
    """
    return Path(name).suffix.lower() == ".gdml"


def of_gdml(detector: str | Path | Calorimeter) -> bool:
    """Whether this is a GDML file, or what was read of one.

    Args:
        detector: as of `find_calorimeter`.
    """
    return names_gdml(detector) if isinstance(detector, str | Path) else isinstance(detector, GdmlDetector)


def find_calorimeter(
    detector: str | Path | Calorimeter, sensitive: str | Sequence[str] | None, face: str | Face | None, cells: str
) -> Calorimeter:
    """The calorimeter to simulate.

    Args:
        detector: name of a preset, path of a YAML or GDML file, or the object itself.
        sensitive: of a GDML file: names of the volumes that are read, as text with commas or a list.
        face: of a GDML file: where the beam enters, and its direction.
        cells: ``mesh``, or of a GDML file ``volumes``.

    Raises:
        UnknownName: no such detector, or cells of another kind.
        BadValue: options of a GDML file for another detector, or one without its face.
        BadFile, Geant4Missing: as of `open_gdml`.
    """
    if cells not in CELLS:
        raise UnknownName("kind of cells", cells, CELLS)
    if isinstance(detector, str | Path) and names_gdml(detector):
        if face is None:
            remedy = "of a GDML file say where the beam enters: --face POINT:DIRECTION, as --face 0,0,-10cm:z"
            raise BadValue("face", face, remedy)
        names = patterns(sensitive)
        return open_gdml(detector, names, parse_face(face) if isinstance(face, str) else face, cells == "volumes")
    for what, value in (("sensitive", sensitive), ("face", face)):
        if value is not None:
            raise BadValue(what, value, "only of a GDML file can it be chosen: give one to --detector")
    own_cells = isinstance(detector, GdmlDetector) and detector.cells is not None
    if cells == "volumes" and not own_cells:
        raise BadValue("cells", cells, "only a GDML file has volumes for cells: give one to --detector")
    return find_detector(str(detector)) if isinstance(detector, str | Path) else detector


def patterns(sensitive: str | Sequence[str] | None) -> list[str] | None:
    """Names of volumes from text with commas, or from a list.

    Args:
        sensitive: None where none were given.

    Raises:
        BadValue: an empty name.
    """
    if sensitive is None:
        return None
    names = [name.strip() for name in (sensitive.split(",") if isinstance(sensitive, str) else sensitive)]
    if not all(names) or not names:
        raise BadValue("sensitive", sensitive, "give names of volumes, as ECAL or ECAL,strip*")
    return names
