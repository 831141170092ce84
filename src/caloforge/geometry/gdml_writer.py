"""Detectors written as GDML, so that any Geant4 program can read the stack.

Materials of NIST go by their names, which Geant4 resolves by itself; those of the detector's own are written with
their mass fractions. Sensitive slabs carry the auxiliary tag ``SensDet``. The beam meets the face at the origin,
along z, as in `caloforge.simulation.geant4`.
"""

__all__ = ["MARGIN", "detector_to_gdml"]

import math
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from caloforge.geometry.materials import Material, atomic_number_and_mass
from caloforge.geometry.stack import Detector
from caloforge.units import mm

MARGIN = 10 * mm  # of vacuum around the stack
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SCHEMA = "http://cern.ch/service-spi/app/releases/GDML/schema/gdml.xsd"
_COLLECTION = "calorimeter"


def detector_to_gdml(detector: Detector) -> str:
    """GDML text of a stack; every number is written to the last digit.

    Args:
        detector: any stack, planar or cylindrical.
    """
    root = Element("gdml", {"xmlns:xsi": _XSI, "xsi:noNamespaceSchemaLocation": _SCHEMA})
    define, materials, solids, structure = (SubElement(root, n) for n in ("define", "materials", "solids", "structure"))
    _add_materials(materials, detector.materials)
    _add_world(solids, detector)
    if detector.inner_radius is not None:
        # lays the tube's axis along y and the half that is built towards the beam
        SubElement(define, "rotation", name="upright", x="90", y="0", z="0", unit="deg")
    names = [_slab_name(detector, i) for i in range(len(detector.slabs))]
    for name, i in {name: i for i, name in reversed(list(enumerate(names)))}.items():
        _add_slab(solids, structure, detector, i, name)
    world = _volume(structure, "World", "G4_Galactic", "world")
    for i, name in enumerate(names):
        _place(world, detector, i, name)
    setup = SubElement(root, "setup", name="Default", version="1.0")
    SubElement(setup, "world", ref="World")
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _add_materials(materials: Element, own: tuple[Material, ...]) -> None:
    """Elements that the detector's own materials consist of, then these."""
    for symbol in dict.fromkeys(symbol for material in own for symbol, _ in material.fractions):
        z, mass = atomic_number_and_mass(symbol)
        element = SubElement(materials, "element", name=f"element-{symbol}", formula=symbol, Z=str(z))
        SubElement(element, "atom", value=repr(mass))
    for material in own:
        entry = SubElement(materials, "material", name=material.name)
        SubElement(entry, "D", value=repr(material.density), unit="g/cm3")
        total = sum(fraction for _, fraction in material.fractions)
        for symbol, fraction in material.fractions:
            SubElement(entry, "fraction", n=repr(fraction / total), ref=f"element-{symbol}")


def _add_world(solids: Element, detector: Detector) -> None:
    side, depth, radius = detector.half_width, detector.depth, detector.inner_radius
    across = side if radius is None else radius + depth
    along = depth if radius is None else radius + depth
    _box(solids, "world", across + MARGIN, side + MARGIN, along + MARGIN)


def _slab_name(detector: Detector, i: int) -> str:
    """Planes of one material and thickness are one volume, placed many times; no two shells are alike."""
    slab = detector.slabs[i]
    return f"{slab.material}-{slab.thickness:g}mm{'-read' if slab.sensitive else ''}{_shell(detector, i)}"


def _shell(detector: Detector, i: int) -> str:
    return "" if detector.inner_radius is None else f"-{i}"


def _add_slab(solids: Element, structure: Element, detector: Detector, i: int, name: str) -> None:
    slab, side = detector.slabs[i], detector.half_width
    if detector.inner_radius is None:
        _box(solids, f"{name}-solid", side, side, slab.thickness / 2)
    else:
        front, back = (repr(detector.inner_radius + float(face)) for face in detector.faces[i : i + 2])
        half = {"startphi": repr(math.pi), "deltaphi": repr(math.pi), "aunit": "rad"}
        SubElement(solids, "tube", half, name=f"{name}-solid", rmin=front, rmax=back, z=repr(2 * side), lunit="mm")
    volume = _volume(structure, name, slab.material, f"{name}-solid")
    if slab.sensitive:
        SubElement(volume, "auxiliary", auxtype="SensDet", auxvalue=_COLLECTION)


def _place(world: Element, detector: Detector, i: int, name: str) -> None:
    front, back = detector.faces[i : i + 2].tolist()
    place = SubElement(world, "physvol", name=f"slab{i}", copynumber=str(i))
    SubElement(place, "volumeref", ref=name)
    z = (front + back) / 2 if detector.inner_radius is None else -detector.inner_radius
    SubElement(place, "position", name=f"slab{i}-position", x="0", y="0", z=repr(z), unit="mm")
    if detector.inner_radius is not None:
        SubElement(place, "rotationref", ref="upright")


def _volume(structure: Element, name: str, material: str, solid: str) -> Element:
    volume = SubElement(structure, "volume", name=name)
    SubElement(volume, "materialref", ref=material)
    SubElement(volume, "solidref", ref=solid)
    return volume


def _box(solids: Element, name: str, *half: float) -> None:
    x, y, z = (repr(2 * side) for side in half)
    SubElement(solids, "box", name=name, x=x, y=y, z=z, lunit="mm")
