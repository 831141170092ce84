"""Make ``nist_materials.json``: the elements and materials that Geant4 knows by NIST name, read from Geant4 itself.

For every element its symbol, Z and mean atomic mass (g/mol); for every material its density (g/cm3) and the mass
fractions of its elements. Geant4 took them from NIST (physics.nist.gov, "Compositions of materials used in STAR
databases") and, for some HEP materials, from the PDG. Run it from the repository root, with geant4-pybind installed::

    python tools/tables/build_nist_materials.py
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from caloforge.simulation.tables.em_data import find_data

TARGET = Path(__file__).parents[2] / "src" / "caloforge" / "geometry" / "nist_materials.json"
HIGHEST_Z = 98


def read_geant4() -> dict[str, Any]:
    """Geant4's tables; its data variables must be set before the import."""
    os.environ.update(find_data().environment)
    import geant4_pybind as g4

    nist = g4.G4NistManager.Instance()
    elements = {}
    for z in range(1, HIGHEST_Z + 1):
        element = nist.FindOrBuildElement(z)
        elements[element.GetName()] = [z, round(nist.GetAtomicMassAmu(z), 6)]
    symbol = {z: name for name, (z, _) in elements.items()}
    materials = {}
    for name in sorted(map(str, nist.GetNistMaterialNames())):
        material = nist.FindOrBuildMaterial(name)
        parts = [material.GetElement(i) for i in range(material.GetNumberOfElements())]
        shares = material.GetFractionVector()
        fractions = {symbol[int(part.GetZ())]: round(shares[i], 6) for i, part in enumerate(parts)}
        materials[name] = [float(f"{material.GetDensity() / (g4.g / g4.cm3):.7g}"), fractions]
    return {"elements": elements, "materials": materials}


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    tables = read_geant4()
    lines = [
        f'"elements": {json.dumps(tables["elements"])}',
        '"materials": {\n'
        + ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in tables["materials"].items())
        + "\n}",
    ]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{TARGET}: {len(tables['materials'])} materials, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
