"""The modes that showers of one particle show without labels, and how much of each a second sample recovers.

The modes are found in the first half of each file; its second half stands for a perfect generator.

Run: python tools/studies/find_modes.py pi.h5 e.h5 mu.h5
"""

import argparse
from pathlib import Path

import numpy as np

from caloforge.data.bundled import showers_path
from caloforge.data.store import ShowerFile
from caloforge.diagnosis.collapse.conditional_scale import ConditionalScale, stacked
from caloforge.diagnosis.collapse.modes import find_modes, measure_modes
from caloforge.diagnosis.collapse.three_samples import COLUMNS
from caloforge.physics.observables import select, tabulate
from caloforge.rng import stream

_SHOWN = ("response", "centre_z", "mean_r")


def print_modes(path: Path) -> None:
    with ShowerFile(showers_path(path)) as file:
        showers = file.read()
    table, names = stacked(tabulate(showers, select(COLUMNS)))
    half = len(table) // 2
    scale = ConditionalScale.fit(table[:half], showers.incident_energy[:half])
    features = scale.apply(table, showers.incident_energy)
    rng = stream(1, "modes")
    modes = find_modes(features[:half], names, rng)
    found = measure_modes(features[:half], modes, features[half:], rng) if modes.any() else ()
    for k in range(int(modes.max()) + 1):
        mine = table[:half][modes == k][:, [names.index(name) for name in _SHOWN]]
        response, depth, radius = np.nanmedian(mine, axis=0)
        again = "-"
        if found:
            low, high = (100 * end for end in found[k].interval)
            again = f"{100 * found[k].generated:.1f} % ({low:.1f} to {high:.1f})"
        print(
            f"| {path.name} | {half} | {k + 1} | {100 * np.mean(modes == k):.1f} % | {100 * response:.2f} % | "
            f"{depth:.0f} mm | {radius:.1f} mm | {again} |"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    print("| file | showers | mode | share | response | depth | radius | second half |\n" + "| --- " * 8 + "|")
    for path in parser.parse_args().files:
        print_modes(path)
