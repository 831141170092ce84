"""Are the laws true? Fitted to a training sample, held against Geant4 (and against trained models) at other energies.

    python tools/studies/shower_laws.py training.h5 e5.h5 e150.h5 [--run FOLDER ...]

Each row is the violation g of a law (`caloforge.training.laws`) at one energy: of Geant4, truth minus law, and of each
run. Its error has the statistics of the showers there and, for the truth, of the fit (bootstrap over both).
"""

import argparse

import numpy as np
import torch

from caloforge.data.showers import Showers
from caloforge.data.splits import take_split
from caloforge.data.store import ShowerFile
from caloforge.generation.sampler import sample_showers
from caloforge.rng import stream
from caloforge.training.draws import Samples, binned
from caloforge.training.laws import LAWS
from caloforge.training.run import load_run
from caloforge.units import format_energy

RESAMPLES = 100
OF_LAYERS = [name for name, law in LAWS.items() if not law.needs_cells]


def read(path: str) -> Showers:
    with ShowerFile(path) as file:
        return file.read()


def at_one_energy(showers: Showers) -> Samples:
    energy = torch.tensor(showers.incident_energy[:1]).float()
    return Samples(energy, torch.tensor(showers.layer_energy[None]).float(), showers.binning)


def violation(name: str, showers: Showers, coefficients: tuple[float, ...]) -> float:
    return float(LAWS[name].violation(at_one_energy(showers), coefficients)[0])


def resampled(showers: Showers, rng: np.random.Generator) -> Showers:
    return showers[rng.integers(len(showers), size=len(showers))]


def row(name: str, who: str, energy: float, g: float, error: float) -> None:
    print(f"| {name} | {who} | {format_energy(energy)} | {g:+.4f} | {error:.4f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("training", help="file of showers whose training split the laws are fitted to")
    parser.add_argument("tests", nargs="+", help="files of Geant4 showers of one energy each")
    parser.add_argument("--run", nargs="*", default=[], help="run folders to hold against the laws as well")
    options = parser.parse_args()
    training = take_split(read(options.training), "train")
    tests, runs = [read(path) for path in options.tests], {path: load_run(path) for path in options.run}
    fits = {name: LAWS[name].fit(binned(training)) for name in OF_LAYERS}
    print("\n".join(f"{name}: {', '.join(f'{a:.5g}' for a in fit)}" for name, fit in fits.items()), end="\n\n")
    print("| law | showers | energy | g | error |\n| --- | --- | --- | --- | --- |")
    rng = stream(1, "shower laws")
    refits = [binned(resampled(training, rng)) for _ in range(RESAMPLES)]
    for name, fit in fits.items():
        bootstrap = [LAWS[name].fit(again) for again in refits]
        for truth in tests:
            energy = float(truth.incident_energy[0])
            errors = [violation(name, resampled(truth, rng), again) for again in bootstrap]
            row(name, "Geant4", energy, violation(name, truth, fit), float(np.std(errors)))
            for path, run in runs.items():
                made = sample_showers(run.model, run.pipeline, np.full(4000, energy, np.float32), 1)
                spread = [violation(name, resampled(made, rng), fit) for _ in range(RESAMPLES)]
                row(name, path, energy, violation(name, made, fit), float(np.std(spread)))


if __name__ == "__main__":
    main()
