"""Geant4 of caloforge beside calzone and beside Geant4 without any scoring: processor time of a shower, in turn.

The same stack, range cut, physics list, particles and energies; Geant4 11.4 on both sides (geant4-pybind has 11.4.1,
calzone 1.2.2 has 11.4.0). Two ways of calzone: ``brief`` adds up the deposits of each slab, ``detailed`` gives the
place of every one, which the cells of caloforge need. Its physics also has photonuclear reactions and decays. Rounds
are interleaved, so that a busy machine slows all alike; ratios are medians over rounds, with the error of their mean.

Run: python -m venv CALZONE && CALZONE/bin/pip install calzone==1.2.2 numpy
     python tools/benchmarks/benchmark_engine.py --calzone CALZONE/bin/python
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

CM = 10.0  # mm
# folders under which calzone 1.2.2 looks for Geant4's data, and the variables of Geant4 that name ours
FOLDERS = {
    "G4EMLOW8.8": "G4LEDATA",
    "G4ENSDFSTATE3.0": "G4ENSDFSTATEDATA",
    "G4PARTICLEXS4.2": "G4PARTICLEXSDATA",
    "G4NDL4.7.1": "G4NEUTRONHPDATA",
    "PhotonEvaporation6.1.2": "G4LEVELGAMMADATA",
    "RadioactiveDecay6.1.2": "G4RADIOACTIVEDATA",
    "RealSurface2.2": "G4REALSURFACEDATA",
    "G4PII1.3": "G4PIIDATA",
    "G4SAIDDATA2.0": "G4SAIDXSDATA",
    "G4ABLA3.3": "G4ABLADATA",
    "G4INCL1.3": "G4INCLDATA",
    "G4CHANNELING2.0": "G4CHANNELINGDATA",
}
OURS = ("caloforge", "methods", "bare")
WAYS = (*OURS, "brief", "detailed")

CALZONE = """
import json, sys, time
import numpy as np
import calzone

task = json.load(sys.stdin)
physics = calzone.Physics(em_model="standard", default_cut=task["cut_cm"])
simulation = calzone.Simulation(calzone.Geometry(task["volume"]), physics=physics)
simulation.sample_deposits = task["way"]
simulation.random = calzone.Random(seed=1)

def shoot(n):
    return simulation.run(calzone.particles(
        n, pid=task["pdg"], energy=task["energy"], position=(0, 0, -0.1), direction=(0, 0, 1)))

shoot(2)
start = time.process_time()
result = shoot(task["n"])
seconds = time.process_time() - start
deposits = result.deposits
total = 0.0
for values in deposits.values():
    if task["way"] == "brief":
        total += float(values["value"].sum())
    else:
        total += float(values.line["value" if "value" in values.line.dtype.names else "energy"].sum())
        total += float(values.point["value" if "value" in values.point.dtype.names else "energy"].sum())
print(json.dumps({"ms": 1e3 * seconds / task["n"], "response": total / task["energy"] / task["n"]}))
"""


def calzone_volume(name: str) -> dict[str, object]:
    """The stack as calzone writes geometries, lengths in cm."""
    from caloforge.geometry.detector import detector

    stack = detector(name)
    side, depth = 2 * stack.half_width / CM, 2 * stack.depth / CM
    world: dict[str, object] = {"box": [side + 2, side + 2, depth + 2], "material": "G4_Galactic"}
    for i, slab in enumerate(stack.slabs):
        front, back = (stack.faces[i : i + 2] / CM).tolist()
        volume = {"box": [side, side, back - front], "position": [0.0, 0.0, (front + back) / 2]}
        role = {"role": "record_deposits"} if slab.sensitive else {}
        world[f"Slab{i}"] = {**volume, "material": slab.material, **role}
    return {"World": world}


def measure_ours(options: argparse.Namespace) -> dict[str, float]:
    """In this process: ms of processor time a shower and the response; without any sensitive detector if bare."""
    from caloforge.geometry.detector import detector
    from caloforge.geometry.readouts import default_readout
    from caloforge.simulation.beam import Beam, parse_spectrum
    from caloforge.simulation.geant4 import simulate as geant4
    from caloforge.simulation.geant4 import step_reader
    from caloforge.simulation.physics_lists import Physics
    from caloforge.simulation.tables.em_data import find_data

    os.environ.update(find_data().environment)
    from caloforge.simulation.geant4 import scored_stack, steps

    if options.child == "methods":
        setattr(step_reader, "LAYOUT_KNOWN", ())  # noqa: B010 a tuple of another length
    if options.child == "bare":
        setattr(scored_stack.Stack, "ConstructSDandField", lambda self: None)  # noqa: B010 no sensitive detector
        nothing = steps.StepBuffer(0, neutral=False)
        take = steps.Steps.take
        setattr(steps.Steps, "take", lambda buffers: take([nothing]))  # noqa: B010 no steps
    stack = detector(options.detector)
    mesh, physics = default_readout(stack), Physics("em0", cut=options.cut)
    primaries = Beam(11, parse_spectrum(f"{options.energy}MeV")).primaries(options.n, 1)
    geant4.simulate(stack, primaries[:2], mesh, physics=physics)
    _, facts = geant4.simulate(stack, primaries, mesh, physics=physics)
    return {
        "ms": 1e3 * facts.core_seconds / options.n,
        "response": facts.sensitive_energy / float(primaries.energy.sum()),
    }


def measure(way: str, options: argparse.Namespace, folder: Path) -> dict[str, float]:
    """One round of one way, in a process of its own."""
    if way in OURS:
        command = [sys.executable, __file__, *sys.argv[1:], "--child", way]
        text, environment = "", dict(os.environ)
    else:
        energy = {"pdg": 11, "energy": options.energy, "n": options.n}
        task = {"way": way, "cut_cm": options.cut / CM, "volume": calzone_volume(options.detector), **energy}
        command, text = [options.calzone, "-c", CALZONE], json.dumps(task)
        environment = os.environ | {"GEANT4_DATA_DIR": str(folder)}
        environment.pop("PYTHONPATH", None)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise SystemExit(f"{way} failed: {done.stderr[-2000:]}")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def link_data(folder: Path) -> None:
    """The data that caloforge uses, under the names that calzone looks for."""
    from caloforge.simulation.tables.em_data import find_data

    environment = find_data(hadrons=True).environment  # calzone reads photonuclear cross sections too
    for name, variable in FOLDERS.items():
        (folder / name).symlink_to(environment[variable])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calzone", help="Python that has calzone 1.2.2; without it only caloforge is measured")
    parser.add_argument("--detector", default="par04-siw")
    parser.add_argument("--energy", type=float, default=10_000.0, help="of the electrons, MeV")
    parser.add_argument("--cut", type=float, default=0.7, help="range cut, mm")
    parser.add_argument("-n", type=int, default=40, help="showers in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure_ours(options)))
        return
    ways = WAYS if options.calzone else OURS
    rounds: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        link_data(Path(folder))
        for i in range(options.rounds):
            for way in ways if i % 2 == 0 else reversed(ways):  # in both orders, against a drift
                rounds[way].append(measure(way, options, Path(folder)))
    report(rounds, options)


def report(rounds: dict[str, list[dict[str, float]]], options: argparse.Namespace) -> None:
    """Print medians, spreads and ratios."""
    names = {
        "caloforge": "caloforge, all cells",
        "methods": "the same, steps read by methods",
        "bare": "caloforge's Geant4, no scoring",
        "brief": "calzone, sum of each slab",
        "detailed": "calzone, place of each deposit",
    }
    print(f"{options.n} electrons of {options.energy:g} MeV in {options.detector}, cut {options.cut} mm")
    ours = np.array([answer["ms"] for answer in rounds["caloforge"]])
    for way, answers in rounds.items():
        ms = np.array([answer["ms"] for answer in answers])
        ratio = ours / ms
        error = ratio.std(ddof=1) / np.sqrt(len(ratio)) if len(ratio) > 1 else np.nan
        response = f", response {100 * answers[0]['response']:.3f} %" if way != "bare" else ""
        beside = f"; caloforge takes {np.median(ratio):.3f} +- {error:.3f} of it" if way != "caloforge" else ""
        spread = f"({ms.min():.1f} to {ms.max():.1f})"
        print(f"{names[way]:>31}: {np.median(ms):6.1f} ms {spread}{response}{beside}")


if __name__ == "__main__":
    main()
