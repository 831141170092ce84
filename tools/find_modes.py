"""The modes that showers of one particle show without labels: their shares, response, depth and radius.

Run: python tools/find_modes.py pi.h5 e.h5 mu.h5
"""

import argparse
from pathlib import Path

import numpy as np

from caloforge.data.samples import showers_path
from caloforge.data.store import ShowerFile
from caloforge.diagnosis.features import ConditionalScale, stacked
from caloforge.diagnosis.modes import MODE_COLUMNS, find_modes
from caloforge.physics.observables import select, tabulate
from caloforge.rng import stream


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    print("| file | showers | mode | share | median response | mean depth | mean radius |\n" + "| --- " * 7 + "|")
    for path in parser.parse_args().files:
        with ShowerFile(showers_path(path)) as file:
            showers = file.read()
        table, names = stacked(tabulate(showers, select(MODE_COLUMNS)))
        features = ConditionalScale.fit(table, showers.incident_energy).apply(table, showers.incident_energy)
        modes = find_modes(features, names, stream(1, "modes"))
        for mode in range(int(modes.max()) + 1):
            response, depth, radius = np.nanmedian(table[modes == mode], axis=0)
            share = f"{100 * np.mean(modes == mode):.1f} %"
            print(
                f"| {path.name} | {len(showers)} | {mode + 1} | {share} | {100 * response:.2f} % | {depth:.0f} mm | "
                f"{radius:.1f} mm |"
            )


if __name__ == "__main__":
    main()
