"""What each metric sees: halves of the bundled sample, one of them spoiled in a known way (docs/metrics.md)."""

import argparse
from collections.abc import Iterator, Mapping

import numpy as np
from numpy import ndarray as Array

from caloforge.data.bundled import showers_path
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.metrics.correlation import measure_correlation_distance
from caloforge.metrics.distances import measure_wasserstein
from caloforge.metrics.frechet import measure_fpd
from caloforge.metrics.kernel import measure_kpd
from caloforge.metrics.manifold import measure_manifold
from caloforge.metrics.permutation import permutation_test
from caloforge.metrics.separation import Histograms, well_filled
from caloforge.physics.observables import OBSERVABLES, tabulate
from caloforge.rng import stream


def read(path: str) -> Showers:
    with ShowerFile(showers_path(path)) as file:
        return file.read()


def with_energy(showers: Showers, energy: Array) -> Showers:
    s = showers
    return Showers(energy.astype(np.float32), s.incident_energy, s.pdg, s.theta, s.phi, s.binning)


def swapped(showers: Showers, first: int, second: int) -> Array:
    energy, starts = showers.energy.copy(), showers.binning.layer_starts
    a, b = (slice(starts[i], starts[i + 1]) for i in (first, second))
    energy[:, a], energy[:, b] = showers.energy[:, b], showers.energy[:, a]
    return energy


def spoiled(half: Showers, foreign: Mapping[str, Showers], rng: np.random.Generator) -> Iterator[tuple[str, Showers]]:
    yield "nothing", half
    yield "response +0.5 %", with_energy(half, half.energy * 1.005)
    yield "response +2 %", with_energy(half, half.energy * 1.02)
    yield "layers 7 and 8 swapped", with_energy(half, swapped(half, 7, 8))
    yield "cells smeared by 10 %", with_energy(half, half.energy * np.exp(rng.normal(0, 0.1, half.energy.shape)))
    for name, others in foreign.items():
        count = len(half) // 100
        yield f"1 % from {name}", Showers.concatenate([half[: len(half) - count], others[:count]])


def columns_of(table: Mapping[str, Array]) -> Array:
    logarithmic = {"layer_energy": np.log10(table["layer_energy"] + 1e-3)}
    return np.concatenate(list({**table, **logarithmic}.values()), axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--foreign", nargs="*", default=[], help="files of another particle in the same readout")
    options = parser.parse_args()
    rng = stream(1, "metrics-power")
    showers = read("bundled")
    first, second = np.array_split(rng.permutation(len(showers)), 2)
    truth = tabulate(showers[first])
    edges = {n: [well_filled(OBSERVABLES[n].edges(c), c) for c in table.T] for n, table in truth.items()}

    def filled(table: Mapping[str, Array]) -> dict[str, Histograms]:
        return {name: Histograms.fill(table[name], edges[name]) for name in table}

    print(f"{len(first)} + {len(second)} showers; excess over the floor in units of its spread\n")
    print(
        "| spoiled | permutation p | culprit "
        "| W1 | correlations | FPD | KPD | precision | recall | density | coverage |"
    )
    for name, half in spoiled(showers[second], {path: read(path) for path in options.foreign}, rng):
        table = tabulate(half)
        test = permutation_test(filled(truth), filled(table), rng)
        t, g = columns_of(truth), columns_of(table)
        measured = [measure_wasserstein(t, g, rng)[0], measure_correlation_distance(t, g, rng)]
        measured += [measure_fpd(t, g, rng), measure_kpd(t, g, rng), *measure_manifold(t, g, rng).values()]
        worst = test.culprits[0] if test.culprits else None
        culprit = f"{worst.name} {worst.column} ({worst.statistic}, {worst.significance:.1f})" if worst else "none"
        values = " | ".join(f"{m.significance:.1f}" for m in measured)
        print(f"| {name} | {test.p_value:.3f} | {culprit} | {values} |", flush=True)


if __name__ == "__main__":
    main()
