"""GDML read as XML and nothing else: no entity, no other file and no network is asked for; then written out anew.

What Geant4 is given is the text that this module wrote: without DTD, comments and schema location. Geant4 itself would
end its process where the file is at fault, or go on without what is missing, so that is looked for here.
"""

__all__ = ["GdmlText", "read_gdml_text"]

import hashlib
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.parsers import expat

from caloforge.errors import BadFile

_PARTS = ("solids", "structure", "setup")  # without which there is no world
_ROOTS = ("gdml", "gdml_simple_extension")  # the second is that of Geant4's example of colours
_DISPLAY = ("extension", "colorref", "userinfo")  # what decides no shower
_MOST_TURNS = 1_000_000  # of the loops around one placement
_ONE_FILE = "write the geometry into one file, as G4GDMLParser::Write does"


@dataclass(frozen=True)
class GdmlText:
    """A GDML file that was read.

    Args:
        path: of the file.
        text: clean XML.
        digest: SHA-256 of the file's bytes.
    """

    path: Path
    text: str
    digest: str


def read_gdml_text(path: Path) -> GdmlText:
    """Read a GDML file.

    Args:
        path: of the file.

    Raises:
        BadFile: missing, not XML, not GDML, entities, modules in other files, a material without density.
    """
    if not path.is_file():
        raise BadFile(path, "no such file", "give a GDML file")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadFile(path, f"cannot be read ({error.strerror})", "give a GDML file") from error
    root = _parsed(path, content)
    _check_form(path, root)
    _drop(root, _DISPLAY)
    for key in [key for key in root.attrib if "schemaLocation" in key or "SchemaLocation" in key]:
        del root.attrib[key]
    text = ElementTree.tostring(root, encoding="unicode")
    return GdmlText(path, text, hashlib.sha256(content).hexdigest())


def _parsed(path: Path, content: bytes) -> Element:
    """The tree of the file; entities are refused before any is expanded."""

    def refuse(name: str, *_: object) -> None:
        raise BadFile(path, f"it declares the entity {name!r}, which is not read", _ONE_FILE)

    scout = expat.ParserCreate()
    scout.EntityDeclHandler = refuse
    try:
        scout.Parse(content, True)
        return ElementTree.fromstring(content)
    except (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise BadFile(path, f"not XML ({error})", "give a GDML file that is complete") from error


def _check_form(path: Path, root: Element) -> None:
    if root.tag not in _ROOTS:
        raise BadFile(path, f"not GDML: its root is <{root.tag}>", "give a file that begins with <gdml>")
    lacking = [part for part in _PARTS if root.find(part) is None]
    if lacking:
        raise BadFile(path, f"it lacks <{lacking[0]}>", "give a GDML file with solids, structure and setup")
    module = next(root.iter("file"), None)
    if module is not None:
        raise BadFile(path, f"it takes volumes from {module.get('name')!r}, which is not read", _ONE_FILE)
    for assembly in root.iter("assembly"):
        passed_over = next((part.tag for part in assembly if part.tag != "physvol"), None)
        if passed_over is not None:
            problem = f"assembly {assembly.get('name')!r} holds <{passed_over}>, which Geant4 passes over"
            raise BadFile(path, problem, "place volumes in it one by one, by <physvol>")
    for part in root:
        _check_loops(path, part, 1.0)
    for material in root.iter("material"):
        if not _has_density(material):
            problem = f"material {material.get('name')!r} has no density, and Geant4 would take it for a vacuum"
            raise BadFile(path, problem, "give it <D value= unit=>, positive")
    setups = [setup.get("name") for setup in root.findall("setup")]
    if len(setups) > 1 and "Default" not in setups:
        names = ", ".join(map(str, setups))
        raise BadFile(path, f"it has several setups ({names}), none named Default", "give the one to use that name")


def _check_loops(path: Path, element: Element, turns: float) -> None:
    """Refuse loops that Geant4 would write out until memory ends; ends that are expressions are for Geant4 to judge."""
    for part in element:
        inside = turns * (_turns(part) if part.tag == "loop" else 1.0)
        if inside > _MOST_TURNS:
            problem = f"its loops go round {inside:.3g} times, each a volume or a solid of its own"
            raise BadFile(path, problem, f"at most {_MOST_TURNS:,} are read: use <replicavol> or <paramvol>")
        _check_loops(path, part, inside)


def _turns(loop: Element) -> float:
    """How often a loop of numbers goes round; 1 of other loops, and of one that Geant4 refuses."""
    try:
        low, high, step = (float(loop.get(key, default)) for key, default in (("from", "0"), ("to", ""), ("step", "")))
    except ValueError:
        return 1.0
    return max(1.0, (high - low) / step + 1) if step > 0 else 1.0


def _has_density(material: Element) -> bool:
    """Whether a density is named or given; one that is an expression is for Geant4 to judge."""
    density = material.find("D")
    try:
        return material.find("Dref") is not None if density is None else float(density.get("value", "")) > 0
    except ValueError:
        return bool(density is not None and density.get("value"))


def _drop(element: Element, tags: tuple[str, ...]) -> None:
    """Take parts of these kinds out, wherever they stand."""
    for part in list(element):
        if part.tag in tags:
            element.remove(part)
        else:
            _drop(part, tags)
