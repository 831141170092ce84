"""What freak showers do to correlations and to the mean image, and how many Geant4 itself has (docs/metrics.md)."""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.colors import Normalize

from caloforge.api.truth import truth_split
from caloforge.classifiers.features import high
from caloforge.data.opening import open_showers
from caloforge.metrics.correlation import correlation_distance, correlation_matrix
from caloforge.metrics.scaling import fill_undefined, rank
from caloforge.physics.observables import OBSERVABLES
from caloforge.reporting.images import draw_side
from caloforge.reporting.style import figure, png
from caloforge.validation.figures.lineup import Lineup
from caloforge.validation.multivariate import freaks
from caloforge.validation.sample import Sample, read_rows, read_sample

TABULATED = {name: o for name, o in OBSERVABLES.items() if o.per != "cell"}


def print_correlations(truth: Sample, generated: Sample, rows: np.ndarray) -> None:
    t, g = (high(s.table, s.incident_energy).values for s in (truth, generated))
    t, g = fill_undefined(t, g)
    for words, sample in (("with", g), ("without", np.delete(g, rows, axis=0))):
        pearson = correlation_distance(correlation_matrix(t), correlation_matrix(sample))
        ranks = correlation_distance(*(correlation_matrix(x) for x in rank(t, sample)))
        print(f"correlations, {words} freaks: Pearson's differ by {pearson:.4f}, those of ranks by {ranks:.4f}")


def draw_ratios(lineup: Lineup, path: Path) -> None:
    truth, generated = lineup.truth.mean_cells, lineup.samples[1].mean_cells
    with figure(8.6, 3.7) as fig:
        axes = fig.subplots(1, 2, sharey=True)
        for panel, title, cells in zip(
            axes, ("all showers", "without freaks"), (generated, lineup.means[1]), strict=True
        ):
            mesh = draw_side(panel, lineup.binning, cells, Normalize(0.5, 1.5), "RdBu_r", over=truth)
            panel.set(title=title, xlabel="Depth [mm]")
            ratios = mesh.get_array()
            print(f"mean image, {title}: the largest ratios to Geant4 are {np.sort(ratios)[-3:].round(2).tolist()}")
        axes[0].set_ylabel("Radius [mm]")
        fig.colorbar(mesh, ax=list(axes), label="Ratio to Geant4", extend="both")
        path.write_bytes(png(fig))


def print_false_alarms(truth: Sample, pairs: int, sizes: list[int]) -> None:
    for size in sizes:
        counts = []
        for seed in range(pairs):
            order = np.random.default_rng(seed).permutation(len(truth))
            first, second = truth.thinned(order[:size]), truth.thinned(order[size : 2 * size])
            outside = freaks(TABULATED, first, second, seed)
            counts.append(len(outside) if outside is not None else 0)
        print(f"Geant4 against itself, {pairs} pairs of {size}: {np.mean(counts):.3f} freaks a pair, 0.05 promised")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("generated", help="file of generated showers")
    parser.add_argument("--truth", default="bundled")
    parser.add_argument("--figure", type=Path, default=Path("freaks.png"))
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 2000, 5000])
    options = parser.parse_args()
    with open_showers(options.truth) as truth, open_showers(options.generated) as file:
        unseen, _ = truth_split("auto", truth, [file])
        reference, generated, every = (read_sample(s, TABULATED, keep=1) for s in (unseen, file, truth))
        outside = freaks(TABULATED, reference, generated, 1)
        if outside is None:
            raise SystemExit("too few showers")
        interval = " to ".join(f"{100 * limit:.2g}" for limit in outside.interval)
        print(f"{len(outside)} freaks of {len(generated):,}, {interval} %: rows {outside.rows.tolist()}")
        print_correlations(reference, generated, outside.rows)
        cells = {"generated": read_rows(file, outside.rows, generated)} if len(outside) else {}
        draw_ratios(Lineup(reference, {"generated": generated}, np.array([1.0, 2.0]), cells), options.figure)
    print_false_alarms(every, options.pairs, options.sizes)


if __name__ == "__main__":
    main()
