"""Every physics list in every detector preset, one shower each: it runs, or is refused in a sentence.

The last detector is a compound of all elements, hydrogen to californium, behind tungsten: so no element is left out.
Lists with hadronic processes get electrons and pions, the others electrons. A number is the visible energy in MeV.
``--nist`` adds a stack of all of NIST's materials, for lists that read files by the name of a compound. From the root::

    python tools/studies/list_sweep.py
    python tools/studies/list_sweep.py --only em3 --nist
"""

import argparse

from caloforge.errors import CaloforgeError
from caloforge.geometry.detector import DETECTORS, Detector, Slab, detector
from caloforge.geometry.materials import Material, nist_names, symbols
from caloforge.geometry.readouts import default_readout
from caloforge.simulation.beam import PARTICLES, Beam, parse_spectrum
from caloforge.simulation.physics_lists import PHYSICS_LISTS, Physics
from caloforge.simulation.production.request import Request, simulate
from caloforge.simulation.tables.em_data import find_data


def every_element() -> Detector:
    """2 mm of tungsten before 200 mm of a compound of all elements, in equal parts by mass."""
    parts = tuple((symbol, 1 / len(symbols())) for symbol in symbols())
    compound = Material("compound", 10.0, parts)
    return Detector("98 elements", (Slab("G4_W", 2.0), Slab("compound", 200.0, True)), 500.0, (compound,))


def every_material() -> Detector:
    """0.2 mm of each of NIST's materials between 3 mm of tungsten and 5 mm of silicon."""
    names = nist_names()
    slabs = (Slab("G4_W", 3.0), *(Slab(name, 0.2) for name in names), Slab("G4_Si", 5.0, True))
    return Detector(f"{len(names)} NIST materials", slabs, 300.0)


def visible(stack: Detector, name: str, particle: str, energy: str, seed: int) -> str:
    """The visible energy of one shower in MeV, or why there is none."""
    beam = Beam(PARTICLES[particle], parse_spectrum(energy))
    try:
        showers, _ = simulate(Request(stack, beam, default_readout(stack), 1, seed, physics=Physics(name)))
    except CaloforgeError as error:
        return str(error)
    return f"{showers.total_energy[0]:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--energy", default="1GeV")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=PHYSICS_LISTS, default=list(PHYSICS_LISTS), help="lists")
    parser.add_argument("--nist", action="store_true", help="a stack of all of NIST's materials too")
    options = parser.parse_args()
    stacks = [*(detector(name) for name in DETECTORS), every_element()]
    stacks += [every_material()] * options.nist
    print(f"Electromagnetic tables: {find_data().kind}; {options.energy}, seed {options.seed}\n")
    print(
        "| list | particle | "
        + " | ".join(stack.name for stack in stacks)
        + " |\n"
        + "| --- " * (len(stacks) + 2)
        + "|"
    )
    sentences: list[str] = []
    runs = [(name, particle) for name in options.only for particle in ("e-", "pi+")]
    for name, particle in runs:
        if particle == "pi+" and not PHYSICS_LISTS[name].hadronic:
            continue
        cells = []
        for stack in stacks:
            cell = visible(stack, name, particle, options.energy, options.seed)
            if not cell[0].isdigit():
                sentences += [cell] * (cell not in sentences)
                cell = f"refused ({sentences.index(cell) + 1})"
            cells.append(cell)
        print(f"| {name} | {particle} | {' | '.join(cells)} |", flush=True)
    for number, sentence in enumerate(sentences, 1):
        print(f"\n({number}) {sentence}")


if __name__ == "__main__":
    main()
