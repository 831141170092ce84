"""Every preset written as GDML and read back by Geant4: mean responses beside each other, and the pulls.

Run ``python tools/studies/gdml_presets.py [showers] [energy]``.
"""

import argparse
import tempfile
from pathlib import Path

import caloforge as cf
from caloforge.data.showers import Showers
from caloforge.geometry.detector import DETECTORS, detector
from caloforge.geometry.gdml_writer import detector_to_gdml
from caloforge.geometry.readouts import default_readout
from caloforge.metrics.measured import standard_error


def response(showers: Showers) -> tuple[float, float]:
    """Mean of cell energy over incident energy, and its error, in percent."""
    ratio = 100 * showers.total_energy / showers.incident_energy
    return float(ratio.mean()), float(standard_error(ratio))


def main() -> None:
    """Simulate and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("showers", nargs="?", type=int, default=60)
    parser.add_argument("energy", nargs="?", default="2GeV")
    options = parser.parse_args()
    print(f"{options.showers} electrons of {options.energy}; mean response in %")
    with tempfile.TemporaryDirectory() as folder:
        for name in DETECTORS:
            path, stack = Path(folder, f"{name}.gdml"), detector(name)
            path.write_text(detector_to_gdml(stack))
            mesh = default_readout(stack)
            own = cf.simulate(name, energy=options.energy, n=options.showers, binning=mesh, seed=1)
            read = cf.simulate(path, face="0,0,0:z", energy=options.energy, n=options.showers, binning=mesh, seed=2)
            (a, da), (b, db) = response(own), response(read)
            pull = (b - a) / (da**2 + db**2) ** 0.5
            print(f"{name:15} preset {a:7.3f} +- {da:.3f}   GDML {b:7.3f} +- {db:.3f}   pull {pull:+.2f}", flush=True)


if __name__ == "__main__":
    main()
