"""What storing the weights of a model in 16 bits does to its showers: the table of docs/training-at-scale.md.

Matrices are rounded to float16, everything else stays; the same noise makes showers with both. ``--output`` keeps the
rounded run folder, half the size, which loads as any other.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch

from caloforge.generation.sampler import sample_showers
from caloforge.rng import stream
from caloforge.training.folders import run_folder
from caloforge.training.run import load_run
from caloforge.training.tensor_files import read_tensors, write_tensors

_LEAST = 1024  # numbers that make a matrix worth rounding


def halve(source: Path, target: Path) -> None:
    """A copy of a run folder with its matrices in float16; numbers beyond its range stay in float32."""
    shutil.copytree(source, target)
    tensors, metadata = read_tensors(source / "weights.safetensors")

    def rounded(x: torch.Tensor) -> torch.Tensor:
        fits = x.dtype == torch.float32 and x.ndim > 1 and x.numel() >= _LEAST
        return x.half() if fits and bool(x.half().isfinite().all()) else x

    write_tensors(target / "weights.safetensors", {k: rounded(v) for k, v in tensors.items()}, metadata or None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="names or run folders")
    parser.add_argument("--showers", type=int, default=2000)
    parser.add_argument("--output", type=Path, help="where to keep the rounded run folder, of one model")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| model | MB | MB in 16 bits | response moves by | layer energies by | cells by | hits that change |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in options.models:
        with tempfile.TemporaryDirectory() as scratch:
            target = options.output or Path(scratch) / "half"
            halve(run_folder(name), target)
            runs = [load_run(run_folder(name)), load_run(target)]
            sizes = [(folder / "weights.safetensors").stat().st_size / 1e6 for folder in (run_folder(name), target)]
        low, high = runs[0].pipeline.condition.energy_range.tolist()
        energy = np.exp(stream(1, "half").uniform(np.log(low), np.log(high), options.showers)).astype(np.float32)
        one, two = (sample_showers(run.model, run.pipeline, energy, 1) for run in runs)
        response = [showers.total_energy / energy for showers in (one, two)]
        moved = np.abs(response[1] - response[0]).mean() / response[0].std()
        layers = np.abs(two.layer_energy - one.layer_energy).sum() / one.layer_energy.sum()
        cells = np.abs(two.energy - one.energy).sum() / one.energy.sum()
        hits = ((one.energy > 0) != (two.energy > 0)).sum() / (one.energy > 0).sum()
        values = f"{100 * moved:.2f} % of its spread | {100 * layers:.3f} % | {100 * cells:.3f} % | {100 * hits:.3f} %"
        print(f"| {name} | {sizes[0]:.2f} | {sizes[1]:.2f} | {values} |", flush=True)


if __name__ == "__main__":
    main()
