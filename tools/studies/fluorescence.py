"""Where Geant4 makes characteristic X-rays: photon thresholds against K edges, for ``docs/geant4-reference.md``.

Where fluorescence is on (options 3 and 4), a shell gives its photons only if its binding energy exceeds the photon
threshold of the range cut (``G4VAtomDeexcitation::GenerateParticles``, with cuts respected as in all lists here). K
edges from xraylib, energies in keV; the K shell has the hardest X-rays. Elements of all materials of the detector
presets, from carbon on, where Geant4 begins. From the root::

    python tools/studies/fluorescence.py
"""

import os
from typing import Any

import xraylib

from caloforge.geometry.detector import DETECTORS, detector
from caloforge.geometry.materials import Material, find_material
from caloforge.simulation.tables.em_data import find_data

CUTS = (1.0, 0.7, 0.1)  # mm


def preset_materials() -> dict[str, Material]:
    """Materials of the slabs of all presets."""
    stacks = [detector(name) for name in DETECTORS]
    return {slab.material: find_material(slab.material, stack.materials) for stack in stacks for slab in stack.slabs}


def thresholds(materials: list[Material]) -> list[list[float]]:
    """Photon thresholds in keV of each material at each of `CUTS`; starts Geant4 in this process."""
    os.environ.update(find_data().environment)
    import geant4_pybind as g4
    from reference_engine import start_in_vacuum

    from caloforge.simulation.geant4.scored_stack import build_material

    _referenced = start_in_vacuum()
    table, photon = g4.G4ProductionCutsTable.GetProductionCutsTable(), g4.G4Gamma.Gamma()
    built: list[Any] = [build_material(material) for material in materials]
    return [[table.ConvertRangeToEnergy(photon, medium, cut) / g4.keV for cut in CUTS] for medium in built]


def main() -> None:
    """Print a row for each material and element."""
    materials = list(preset_materials().values())
    rows = []
    for material, threshold in zip(materials, thresholds(materials), strict=True):
        for symbol, _ in material.fractions:
            number = xraylib.SymbolToAtomicNumber(symbol)
            edge = xraylib.EdgeEnergy(number, xraylib.K_SHELL)
            if number >= 6:
                cells = [f"{value:.1f}{' X-rays' if value < edge else ''}" for value in threshold]
                rows.append(f"| {material.name} | {symbol} | {edge:.2f} | {' | '.join(cells)} |")
    print("| material | element | K edge | " + " | ".join(f"threshold at {cut:g} mm" for cut in CUTS) + " |")
    print("| --- " * (3 + len(CUTS)) + "|")
    print("\n".join(rows), flush=True)
    os._exit(0)  # Geant4 is not taken down in order under Python


if __name__ == "__main__":
    main()
