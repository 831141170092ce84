"""The detector of modes where the share of the rare mode is known: bias of its estimate, coverage of its interval.

On the plane (`toy_game`), and with real Geant4 showers: truth of electrons with 1 % muons, judged
samples of other electrons with other muons mixed in at a known share. Also by the core of a mode that counts.

Run: python tools/studies/mode_detector_check.py --muons mu.h5 --others mu2.h5        (--trials 20)
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from toy_game import two_modes

from caloforge.data.bundled import BUNDLED, showers_path
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.diagnosis.collapse.conditional_scale import ConditionalScale, stacked
from caloforge.diagnosis.collapse.modes import CORE, measure_modes
from caloforge.diagnosis.collapse.three_samples import COLUMNS
from caloforge.physics.observables import select, tabulate
from caloforge.rng import stream, torch_stream

_TRUTH_SHARE, _N_TRUTH, _N_JUDGED = 0.01, 7000, 3000
SHARES = (0.002, 0.005, 0.01, 0.02)
CORES = (0.8, 0.9, 0.95, 0.99)
Trial = Callable[[float, int], tuple[np.ndarray, np.ndarray, np.ndarray]]  # share, seed -> truth, labels, judged


def plane(share: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth, labels = two_modes(_N_TRUTH, _TRUTH_SHARE, torch_stream(seed, "truth"))
    judged, _ = two_modes(_N_JUDGED, share, torch_stream(seed, "judged", round(1e4 * share)))
    return truth.double().numpy(), labels.numpy(), judged.double().numpy()


class RealShowers:
    """Electrons and muons with their observables, mixed anew for each trial."""

    def __init__(self, muons: Path, others: Path) -> None:
        files = {"electrons": showers_path(BUNDLED), "muons": muons, "others": others}
        showers = {name: self._read(path) for name, path in files.items()}
        self.tables = {name: stacked(tabulate(s, select(COLUMNS)))[0] for name, s in showers.items()}
        self.energies = {name: s.incident_energy for name, s in showers.items()}

    @staticmethod
    def _read(path: Path) -> Showers:
        with ShowerFile(path) as file:
            return file.read()

    def __call__(self, share: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Truth and judged share no shower; the number of muons in each is drawn."""
        rng = stream(seed, "mixture", round(1e4 * share))
        electrons = rng.permutation(len(self.energies["electrons"]))
        first = self._mixed(electrons[:_N_TRUTH], "muons", rng.binomial(_N_TRUTH, _TRUTH_SHARE), rng)
        second = self._mixed(electrons[_N_TRUTH:], "others", rng.binomial(_N_JUDGED, share), rng)
        scale = ConditionalScale.fit(first[0], first[1])
        return scale.apply(*first[:2]), first[2], scale.apply(*second[:2])

    def _mixed(
        self, electrons: np.ndarray, name: str, n: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Table, energies and labels of these electrons, of which ``n`` give way to muons."""
        kept, chosen = electrons[n:], rng.choice(len(self.energies[name]), n, replace=False)
        table = np.concatenate([self.tables["electrons"][kept], self.tables[name][chosen]])
        energy = np.concatenate([self.energies["electrons"][kept], self.energies[name][chosen]])
        return table, energy, np.repeat([0, 1], [len(kept), n])


def print_row(where: str, trial: Trial, share: float, core: float, trials: int) -> None:
    """Mean estimate with its error, how many intervals hold the share, and how many are expected to."""
    estimates, covered = np.empty(trials), 0
    for seed in range(trials):
        truth, labels, judged = trial(share, seed)
        rare = measure_modes(truth, labels, judged, stream(seed, "check"), core=core)[1]
        estimates[seed] = rare.generated
        covered += rare.interval[0] <= share <= rare.interval[1]
    mean, error = 100 * estimates.mean(), 100 * estimates.std(ddof=1) / np.sqrt(trials)
    print(
        f"| {where} | {100 * share:g} % | {core:g} | {mean:.3f} ± {error:.3f} % | {covered} of {trials} |", flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--muons", type=Path, required=True)
    parser.add_argument("--others", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--only", default="", help="plane or Geant4")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print(
        "| samples | true share | core | mean estimate | 95 % intervals that hold it |\n| --- | --- | --- | --- | --- |"
    )
    for where, trial in (("plane", plane), ("Geant4", RealShowers(chosen.muons, chosen.others))):
        if chosen.only not in where:
            continue
        for share in SHARES:
            print_row(where, trial, share, CORE, chosen.trials)
        for core in CORES:
            if core != CORE:
                print_row(where, trial, 0.01, core, chosen.trials)


if __name__ == "__main__":
    main()
