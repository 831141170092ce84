"""Detectors by name, or from a YAML file: what `--detector` accepts. The presets are YAML files beside this module."""

__all__ = ["Slab", "Detector", "DETECTORS", "detector", "is_preset", "radiation_length_of"]

from importlib.resources import files
from pathlib import Path

from caloforge.errors import BadFile, UnknownName
from caloforge.geometry.layout import detector_from_yaml, read_detector
from caloforge.geometry.stack import Detector, Slab

# Each file names the publication of its dimensions.
DETECTORS = ("par04-siw", "par04-scipb", "lar-barrel", "pbwo4-crystals", "siw-hcal")


def detector(name: str) -> Detector:
    """The detector of that name, or of the YAML file at that path.

    Args:
        name: of a preset, or the path of a YAML file.

    Raises:
        UnknownName: neither a preset nor a path of a YAML file.
        BadFile: a file that does not describe a detector, or one that takes the name of a preset for another stack.
    """
    if name in DETECTORS:
        return _preset(name)
    path = Path(name)
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise UnknownName("detector", name, [*DETECTORS, "a path ending in .yaml or .gdml"], "docs/detectors.md")
    own = read_detector(path)
    if own.name in DETECTORS and not is_preset(own):
        raise BadFile(path, f"its name is {own.name}, but it is not that preset", "give it a name of its own")
    return own


def is_preset(stack: Detector) -> bool:
    """Whether this is one of the presets, slab by slab.

    Args:
        stack: any detector.
    """
    return stack.name in DETECTORS and stack == _preset(stack.name)


def radiation_length_of(name: str) -> float | None:
    """Mean X0 of a detector, mm; None where files do not say which detector it is, or caloforge does not know it.

    Args:
        name: as files of showers have it.
    """
    return _preset(name).radiation_length if name in DETECTORS else None


def _preset(name: str) -> Detector:
    return detector_from_yaml((files("caloforge.geometry") / "detectors" / f"{name}.yaml").read_text("utf-8"), name)
