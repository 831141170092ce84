"""What boosted trees see with and without the observables of local structure (docs/local-structure.md).

Without arguments: the observables of local structure, as a table. With a file of generated showers: their AUC against
the bundled Geant4 showers, on the single-cell observables, on those of local structure, and on all; then the importance
of each family. With --spoils: the AUC of bundled showers spoiled in known ways, all or the named ones, against bundled
showers as they are.
"""

import argparse

import numpy as np

from caloforge.classifiers.auc import Classified, classify
from caloforge.classifiers.features import ENERGY, Features
from caloforge.classifiers.importance import permutation_importance
from caloforge.classifiers.trees import boosted_trees, families, observed
from caloforge.data.bundled import showers_path
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.physics.standard import STANDARD
from caloforge.physics.structure import STRUCTURE
from caloforge.rng import stream
from caloforge.validation.spoils import SPOILS


def read(path: str) -> Showers:
    with ShowerFile(showers_path(path)) as file:
        return file.read()


def only(features: Features, names: set[str]) -> Features:
    """The columns of some observables, behind the incident energy."""
    groups = features.by_observable()
    columns = np.concatenate([groups[ENERGY], *(groups[name] for name in groups if name in names)])
    return Features(features.values[:, columns], tuple(features.names[i] for i in columns))


def judged(truth: Features, generated: Features, names: set[str]) -> Classified:
    return classify(only(truth, names), only(generated, names), 1, procedure=boosted_trees)


def text(classified: Classified) -> str:
    auc = classified.auc
    return f"{auc.value:.3f} +- {auc.error:.3f} | {auc.floor:.3f} +- {auc.floor_spread:.3f}"


def print_observables() -> None:
    print("| name | quantity | unit | columns |\n|---|---|---|---|")
    for o in STRUCTURE.values():
        print(f"| `{o.name}` | {o.quantity} | {o.unit or '-'} | {', '.join(o.columns) or o.per} |")


def print_correlations(first: Features, second: Features) -> None:
    """Means over showers, and their errors."""
    print("| pair correlation | Geant4 | generated |\n|---|---|---|")
    for i, column in enumerate(first.by_observable()["pair_correlation"]):
        values = (x[~np.isnan(x)] for x in (first.values[:, column], second.values[:, column]))
        means = " | ".join(f"{x.mean():.4f} +- {x.std() / len(x) ** 0.5:.4f}" for x in values)
        print(f"| {STRUCTURE['pair_correlation'].columns[i]} | {means} |")


def print_model(truth: Showers, generated: Showers, showers: int) -> None:
    first, second = observed(truth), observed(generated[:showers])
    print_correlations(first, second)
    print("\n| features | AUC | floor |\n|---|---|---|")
    single, local = set(STANDARD), set(STRUCTURE)
    for name, names in (("one cell, ring or layer", single), ("local structure", local), ("all", single | local)):
        classified = judged(first, second, names)
        print(f"| {name} | {text(classified)} |", flush=True)
    print("\n| family | loss of AUC |\n|---|---|")
    for i in permutation_importance(classified, first, second, 1, families(first)):
        print(f"| {i.name} | {i.loss_of_auc:.4f} +- {i.error:.4f} |")


def print_spoils(truth: Showers, showers: int, names: list[str]) -> None:
    order = stream(1, "local-structure").permutation(len(truth))
    reference = observed(truth[order[showers : 3 * showers]])
    print("| spoil | AUC, one cell, ring or layer | floor | AUC, all | floor |\n|---|---|---|---|---|")
    for name in names or SPOILS:
        spoiled = observed(SPOILS[name](truth[order[:showers]], 1))
        single, every = (judged(reference, spoiled, set(STANDARD) | extra) for extra in (set(), set(STRUCTURE)))
        print(f"| {name} | {text(single)} | {text(every)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generated", nargs="?", help="file of showers made --like bundled")
    parser.add_argument("--spoils", nargs="*", choices=SPOILS, metavar="SPOIL", help="judge spoiled showers instead")
    parser.add_argument("--showers", type=int, default=4000, help="of each class")
    options = parser.parse_args()
    if options.spoils is not None:
        print_spoils(read("bundled"), options.showers, options.spoils)
    elif options.generated:
        print_model(read("bundled"), read(options.generated), options.showers)
    else:
        print_observables()


if __name__ == "__main__":
    main()
