"""Do two samples come from the same simulation? Frames of the mesh, detectors, physics, cuts and tables compared."""

__all__ = ["HasOrigin", "OriginDifferences", "compare_origins"]

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from caloforge.data.provenance import Provenance

_SETTINGS = {
    "engine": "engine",
    "physics_list": "physics list",
    "production_cut_mm": "range cut [mm]",
    "max_step_mm": "longest step [mm]",
    "tracking_cut_mev": "tracking cut [MeV]",
    "data_tables": "data tables",
}


@runtime_checkable
class HasOrigin(Protocol):
    """A file of showers, a part of one, or `Showers`."""

    @property
    def detector(self) -> str:
        """Name of the detector, or "unknown"."""

    @property
    def provenance(self) -> Provenance:
        """How the showers were made."""


@dataclass(frozen=True)
class OriginDifferences:
    """What differs, one sentence each; what a file does not say is not compared.

    Args:
        frames: frames of the mesh, where showers come at an angle: such cells cannot be compared or joined.
        detectors: names, or the slabs behind one name.
        settings: physics list, cuts, tables: showers that may differ a little.
        gates: times after which deposits are not counted; a file that names none has none.
    """

    frames: tuple[str, ...] = ()
    detectors: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()


def compare_origins(first: HasOrigin, second: HasOrigin, oblique: bool) -> OriginDifferences:
    """Compare the simulations behind two samples; of generated showers that is the one which their model learned.

    Args:
        first: any showers.
        second: others.
        oblique: whether any of them come at an angle; else all frames are one.
    """
    simulations = first.provenance, second.provenance
    frames = _differ(*simulations, "mesh", "frame of the mesh") if oblique else ()
    return OriginDifferences(frames, _detectors(first, second), _settings(*simulations), _gates(*simulations))


def _detectors(first: HasOrigin, second: HasOrigin) -> tuple[str, ...]:
    names = (first.detector, second.detector)
    if names[0] != names[1] and "unknown" not in names:
        return (f"detector differs ({names[1]} against {names[0]})",)
    if _differ(first.provenance, second.provenance, "detector_yaml", ""):
        return (f"slabs of detector {names[0]} differ",)
    if _differ(first.provenance, second.provenance, "detector_gdml", ""):
        return (f"GDML files of detector {names[0]} differ",)
    read = {"sensitive_volumes": "sensitive volumes", "face": "face of the detector"}
    return tuple(
        text for field, name in read.items() for text in _differ(first.provenance, second.provenance, field, name)
    )


def _settings(first: Provenance, second: Provenance) -> tuple[str, ...]:
    return tuple(text for field, name in _SETTINGS.items() for text in _differ(first, second, field, name))


def _gates(first: Provenance, second: Provenance) -> tuple[str, ...]:
    texts = [
        " and ".join(f"{gate:g} ns" for gate in sorted(provenance.values("gate_ns"))) or "none"
        for provenance in (first, second)
    ]
    return (f"gate differs ({texts[1]} against {texts[0]})",) if texts[0] != texts[1] else ()


def _differ(first: Provenance, second: Provenance, field: str, name: str) -> tuple[str, ...]:
    """The difference in a field that both know."""
    values = [provenance.values(field) for provenance in (first, second)]
    if not all(values) or values[0] == values[1]:
        return ()
    texts = [" and ".join(sorted(map(str, of_one))) for of_one in values]
    return (f"{name} differs ({texts[1]} against {texts[0]})",)
