"""Make ``hadron_elements.csv``: mean mass and thermal neutron cross sections of the elements Z = 1..98.

Standard atomic weights, bound total scattering and absorption cross sections at 2200 m/s (barn) are those of V. F.
Sears, Neutron News 3 (1992) 26, and Rauch and Waschkowski, as tabulated by the PyPI package ``periodictable`` 2.1.0.
Seven elements without a measured value (Po, At, Rn, Fr, Ac, Bk, Cf) take 10 b and 1 b.

Run it from the repository root, with ``pip install periodictable==2.1.0``::

    python tools/build_hadron_elements.py
"""

import argparse
from pathlib import Path

import periodictable

UNKNOWN = (10.0, 1.0)  # barn: scattering, absorption


def row(z: int) -> str:
    """Z, mean mass, scattering, absorption."""
    element = periodictable.elements[z]
    known = element.neutron.total is not None and element.neutron.absorption is not None
    scattering, absorption = (element.neutron.total, element.neutron.absorption) if known else UNKNOWN
    return f"{z},{element.mass:.6g},{scattering:.6g},{absorption:.6g}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the table of elements behind the hadronic tables of caloforge.")
    parser.add_argument("-o", "--output", type=Path, default=Path("src/caloforge/truth/hadron_elements.csv"))
    options = parser.parse_args()
    rows = ["z,mass,scattering_b,absorption_b", *(row(z) for z in range(1, 99))]
    options.output.write_text("\n".join(rows) + "\n")
    print(f"{options.output}: {len(rows) - 1} elements")


if __name__ == "__main__":
    main()
