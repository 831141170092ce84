"""Are the errors of the AUC and of its floor honest? Pairs of disjoint samples of the bundled Geant4 showers.

For each classifier: the mean AUC over the pairs, which must be 0.5, and the width of (AUC - 0.5) / error, which must be
1. Samples are drawn anew, without a shower in common, until there are enough pairs.
"""

import argparse
from collections.abc import Iterator

import numpy as np

from caloforge.classifiers.data import draw
from caloforge.classifiers.features import Table
from caloforge.classifiers.network import ClassifierTraining, threads
from caloforge.classifiers.protocol import PROTOCOLS
from caloforge.data.bundled import showers_path
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.physics.observables import tabulate
from caloforge.rng import stream


def sets(n: int, size: int, pairs: int) -> Iterator[np.ndarray]:
    """Numbers of the showers of a pair, twice ``size``."""
    for number in range(pairs):
        each = n // (2 * size)
        order = stream(1, "auc-pulls", number // each).permutation(n)
        yield order[2 * size * (number % each) :][: 2 * size]


def pulls(classifier: str, showers: Showers, table: Table, size: int, pairs: int) -> np.ndarray:
    """AUC and its error for each pair."""
    protocol, name = classifier.split("/")
    given = PROTOCOLS[protocol].inputs[name]
    features, results = given.features(showers, table), []
    for number, rows in enumerate(sets(len(showers), size, pairs)):
        x = features.values[rows]
        halves = (np.arange(size), np.arange(size, 2 * size))
        data = draw((x, x), halves, size, given.settings.folds, number)
        training = ClassifierTraining(*data, number, given.settings, given.network(showers.binning), lambda done: None)
        with threads(given.settings.threads):
            results.append(given.procedure(training).auc)
    return np.array(results)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--showers", type=int, default=500, help="of each class")
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("classifiers", nargs="*", default=["standard/high", "perceptron/high"], help="protocol/input")
    options = parser.parse_args()
    with ShowerFile(showers_path("bundled")) as file:
        showers = file.read()
    table = tabulate(showers)
    print("| classifier | pairs | mean AUC | width of the pulls |\n|---|---|---|---|")
    for classifier in options.classifiers:
        results = pulls(classifier, showers, table, options.showers, options.pairs)
        pull, n = (results[:, 0] - 0.5) / results[:, 1], len(results)
        mean = f"{results[:, 0].mean():.4f} +- {results[:, 0].std(ddof=1) / n**0.5:.4f}"
        width = np.sqrt(np.mean(pull**2))
        print(f"| {classifier} | {n} | {mean} | {width:.2f} +- {width / (2 * n) ** 0.5:.2f} |", flush=True)


if __name__ == "__main__":
    main()
