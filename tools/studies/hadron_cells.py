"""Tracks and hottest cells of pions in siw-hcal, Geant4's beside a model's: the figures of its card and docs/models.md.

    python tools/studies/hadron_cells.py showers.h5 fake.h5 --model hadron-siw-hcal

The first file holds Geant4's showers, of which those that the model was trained on are left out.
"""

import argparse

import numpy as np

from caloforge.data.opening import open_showers
from caloforge.data.showers import Showers
from caloforge.data.unseen import unseen_showers
from caloforge.training.run import load_run

SILICON = 30  # layers, the first ones; scintillator follows
RESAMPLES = 1000


def read(file: str) -> Showers:
    with open_showers(file) as opened:
        return opened.read()


def print_share(what: str, of_each: np.ndarray) -> None:
    part = of_each.mean()
    print(f"  {what}: {100 * part:.1f} +- {100 * np.sqrt(part * (1 - part) / len(of_each)):.1f} %")


def describe(showers: Showers) -> None:
    first = showers.binning.layer_starts
    layers, hottest = (f.reduceat(showers.energy, first[:-1], axis=1) for f in (np.add, np.maximum))
    print_share("no layer of silicon above 1 MeV", layers[:, :SILICON].max(axis=1) < 1)
    print_share("a cell of more than 40 MeV", hottest.max(axis=1) > 40)
    energy, share = layers[:, SILICON:], hottest[:, SILICON:] / np.maximum(layers[:, SILICON:], 1e-9)
    tenth = np.quantile(share[(energy > 20) & (energy < 50)], 0.9)
    print(f"  share of the hottest cell in layers of scintillator of 20 to 50 MeV, one in ten above: {tenth:.2f}")


def spread(showers: Showers, rng: np.random.Generator) -> np.ndarray:
    """Standard deviation of the response, and of resamples of the showers."""
    response = showers.energy.sum(axis=1) / showers.incident_energy
    rows = rng.integers(len(response), size=(RESAMPLES, len(response)))
    return np.concatenate([[response.std()], response[rows].std(axis=1)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", help="file of Geant4's showers")
    parser.add_argument("generated", help="file of the model's")
    parser.add_argument("--model", required=True, help="run folder, or name of a model that comes with caloforge")
    options = parser.parse_args()
    truth = unseen_showers(read(options.truth), load_run(options.model).training_ids.all)
    generated = read(options.generated)
    for name, showers in (("Geant4", truth), (options.model, generated)):
        print(f"{name}, {len(showers)} showers")
        describe(showers)
    rng = np.random.default_rng(1)
    ratio = spread(generated, rng) / spread(truth, rng) - 1
    print(f"width of the response over Geant4's, less one: {ratio[0]:.3f} +- {ratio[1:].std():.3f}")


if __name__ == "__main__":
    main()
