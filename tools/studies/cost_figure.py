"""What a shower costs: Geant4 and models against energy, cells of the mesh, and number of showers.

    python tools/studies/cost_figure.py -o cost

Processor time of one thread. Against energy: electrons in par04-siw, and models that ship. Against cells: the model of
`vae-siw-1080` untrained, with the starting values that it finds in showers of 10 GeV, on a mesh of 40,500 cells and on
what merging its cells makes of it. Against showers: `caloforge generate` into a file. Prints a table, and writes
OUTPUT.png, OUTPUT.pdf and OUTPUT.json.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import caloforge as cf
from caloforge.data.operations.cells import MergeCells
from caloforge.generation.sampler import sample_showers
from caloforge.geometry.binning import Binning
from caloforge.geometry.layer import Layer
from caloforge.models import model_config
from caloforge.reporting import style
from caloforge.rng import torch_stream

Row = dict[str, Any]
MODELS = ("vae-siw-1080", "vae-siw-1080-latent", "fm-siw-1080-onestep")
ENERGIES = (10, 50, 100)  # GeV
_RINGS = tuple(np.linspace(0.0, 162.75, 51).tolist())  # mm
FINE = Binning(tuple(Layer(i, _RINGS, 18, (3.4 * i, 3.4 * (i + 1))) for i in range(45)), "45 x 18 x 50")
MERGED = ((1, 1, 5), (3, 1, 5), (3, 2, 5), (5, 2, 10))  # layers, sectors and rings that become one


def seconds(task: Callable[[], object], repeats: int) -> float:
    """Least processor time of this process and of those that it started."""

    def used() -> float:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + ended.ru_utime + ended.ru_stime

    times = []
    for _ in range(repeats):
        start = used()
        task()
        times.append(used() - start)
    return min(times)


def against_energy(showers: int) -> list[Row]:
    """Geant4, showers one after the other, and a thousand of each model; Geant4's start is taken off."""
    rows = []
    models = {name: cf.load(name) for name in MODELS}
    for energy in (f"{number}GeV" for number in ENERGIES):
        geant4 = partial(cf.simulate, "par04-siw", particle="e-", energy=energy, binning="siw-1080")
        alone = seconds(partial(geant4, n=1), 2)
        cost = (seconds(partial(geant4, n=1 + showers), 1) - alone) / showers
        rows.append({"what": "Geant4", "GeV": int(energy[:-3]), "ms": 1e3 * cost})
        for name, model in models.items():
            cost = seconds(partial(model.generate, energy, n=1000), 4) / 1000
            rows.append({"what": name, "GeV": int(energy[:-3]), "ms": 1e3 * cost})
    return rows


def against_cells(showers: int) -> list[Row]:
    """The same model on finer and finer meshes."""
    fine = cf.simulate("par04-siw", particle="e-", energy="10GeV", n=showers, binning=FINE)
    rows = []
    for factors in (*reversed(MERGED), None):
        truth = (
            fine if factors is None else MergeCells(layers=factors[0], sectors=factors[1], rings=factors[2]).apply(fine)
        )
        config = model_config({"name": "vae", "latent": 0, "decoder_context": "neighbours", "width": 96})
        pipeline, generator = config.pipeline(truth.binning), torch_stream(1, "cost")
        pipeline.fit(truth, generator)
        model = config.build(pipeline).requires_grad_(False)
        model.initialise(*pipeline(truth, generator)[:2])
        cost = seconds(partial(sample_showers, model, pipeline, np.full(100, 10_000.0), 1), 3) / 100
        rows.append({"what": "neighbours in sight", "cells": truth.binning.n_voxels, "ms": 1e3 * cost})
    return rows


def against_showers(numbers: list[int]) -> list[Row]:
    """Of the command, start and file included."""
    rows = []
    for name in MODELS[:2]:
        for n in numbers:
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, "-m", "caloforge", "generate", name, "--energy", "1GeV:100GeV:log"]
                command += ["-n", str(n), "-o", str(Path(folder) / "showers.h5")]
                cost = seconds(partial(subprocess.run, command, check=True, capture_output=True), 1)
            rows.append({"what": name, "showers": n, "s": cost})
    return rows


def draw(panels: dict[str, list[Row]], output: Path) -> None:
    """Three panels, all axes logarithmic."""
    labels = {"GeV": "Incident energy [GeV]", "cells": "Cells of the mesh", "showers": "Showers"}
    costs = {"s": "s, start included", "ms": "ms a shower"}
    names = ["Geant4", *MODELS, "neighbours in sight"]
    with style.figure(7.2, 2.8) as fig:
        for ax, (key, rows) in zip(fig.subplots(1, 3), panels.items(), strict=True):
            cost = "s" if key == "showers" else "ms"
            for name in dict.fromkeys(row["what"] for row in rows):
                x, y = zip(*((row[key], row[cost]) for row in rows if row["what"] == name), strict=True)
                look = style.look(names.index(name))
                ax.plot(x, y, marker=look.marker, ls=look.line, color=look.colour, ms=4, label=style.plain_label(name))
            ax.set(xscale="log", yscale="log", xlabel=labels[key], ylabel=costs[cost])
            ax.margins(0.07)
            ax.legend(fontsize=6)
        output.with_suffix(".png").write_bytes(style.png(fig))
        output.with_suffix(".pdf").write_bytes(style.pdf(fig))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--geant4", type=int, default=5, help="showers of Geant4 at each energy")
    parser.add_argument("--fine", type=int, default=50, help="showers of Geant4 on the fine mesh")
    parser.add_argument("--showers", type=int, nargs="+", default=[1000, 10_000, 100_000], help="in a file")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    panels = {"GeV": against_energy(args.geant4), "cells": against_cells(args.fine), "showers": []}
    panels["showers"] = against_showers(args.showers)
    print("| what | at | cost |\n| --- | --- | --- |")
    for key, rows in panels.items():
        for row in rows:
            cost = f"{row['ms']:.3g} ms a shower" if "ms" in row else f"{row['s']:.3g} s"
            print(f"| {row['what']} | {row[key]:,} {key} | {cost} |")
    args.output.with_suffix(".json").write_text(json.dumps(panels, indent=1) + "\n")
    draw(panels, args.output)


if __name__ == "__main__":
    main()
