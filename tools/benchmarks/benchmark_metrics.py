"""CPU seconds and memory of every metric on Gaussian features: the table of docs/metrics.md."""

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np

from caloforge.metrics.correlation import measure_correlation_distance
from caloforge.metrics.distances import kolmogorov_smirnov, measure_wasserstein
from caloforge.metrics.frechet import measure_fpd
from caloforge.metrics.kernel import measure_kpd
from caloforge.metrics.manifold import measure_manifold
from caloforge.metrics.permutation import permutation_test
from caloforge.metrics.separation import Histograms, Resamples, measure_separation
from caloforge.rng import stream


def clock(name: str, work: Callable[[], object]) -> None:
    start = time.process_time()
    work()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"| {name} | {time.process_time() - start:.1f} s | {memory:.2f} GB |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--showers", type=int, default=10_000)
    parser.add_argument("--features", type=int, default=400)
    options = parser.parse_args()
    rng = stream(1, "benchmark-metrics")
    mix = np.eye(options.features) + rng.normal(size=(options.features, options.features)) / np.sqrt(options.features)
    t, g = (rng.normal(size=(options.showers, options.features)) @ mix for _ in range(2))
    edges = [np.linspace(low, high, 51) for low, high in np.quantile(t, [0.001, 0.999], axis=0).T]
    h, k = (Histograms.fill(x, edges) for x in (t, g))
    pairs = [("all", (h, k))]
    print(
        f"{options.showers} + {options.showers} showers, {options.features} features\n\n| metric | CPU | peak so far |"
    )
    clock("separation power", lambda: measure_separation(h, k, Resamples.draw(len(t), len(g), rng)))
    clock("permutation test, 999", lambda: permutation_test(pairs, (len(t), len(g)), rng))
    clock("the same, paired", lambda: permutation_test(pairs, (len(t), len(g)), rng, paired=True))
    clock("Wasserstein", lambda: measure_wasserstein(t, g, Resamples.draw(len(t), len(g), rng, 30)))
    clock("Kolmogorov-Smirnov", lambda: kolmogorov_smirnov(t, g))
    clock("correlations", lambda: measure_correlation_distance(t, g, rng))
    clock("FPD", lambda: measure_fpd(t, g, rng))
    clock("KPD", lambda: measure_kpd(t, g, rng))
    clock("precision ... coverage", lambda: measure_manifold(t, g, rng))


if __name__ == "__main__":
    main()
