"""Memory and waiting time of a training on more showers than fit into memory: the table of docs/training-at-scale.md.

The large set repeats the showers of a small file, whose packed chunks are copied as they are; every shower of it is
unpacked anew. It lies in a temporary folder and goes with it.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import torch

from caloforge.api.dataset import open_dataset
from caloforge.models import model_config
from caloforge.training.options import TrainingConfig
from caloforge.training.run import load_run
from caloforge.training.survey import LargeSet
from caloforge.training.train import train_run


def repeat(source: Path, target: Path, showers: int) -> None:
    """A file of about so many showers, those of ``source`` again and again."""
    with h5py.File(source) as small, h5py.File(target, "w") as large:
        large.attrs.update(small.attrs)
        cells = small["showers"]
        rows = len(cells) // cells.chunks[0] * cells.chunks[0]  # whole chunks
        times = -(-showers // rows)
        for name in ("incident_energies", "incident_pdg", "incident_theta", "incident_phi"):
            column = small[name][:rows]
            large[name] = np.tile(column, (times, 1) if column.ndim == 2 else times)
        options = {"chunks": cells.chunks, "compression": "gzip", "shuffle": True}
        copies = large.create_dataset("showers", (times * rows, cells.shape[1]), cells.dtype, **options)
        for row in range(0, rows, cells.chunks[0]):
            mask, packed = cells.id.read_direct_chunk((row, 0))
            for copy in range(times):
                copies.id.write_direct_chunk((copy * rows + row, 0), packed, mask)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="HDF5 file of showers of caloforge; they are repeated")
    parser.add_argument("--showers", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--memory", default="1GB")
    parser.add_argument("--model", type=json.loads, default={"name": "vae"}, help="JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    training = TrainingConfig(steps=options.steps, batch=options.batch, memory=options.memory, log_every=options.steps)
    marks: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        repeat(options.file.resolve(), Path(folder) / "large.h5", options.showers)
        with open_dataset(Path(folder) / "large.h5") as data:
            large = LargeSet(data, np.ones(len(data), bool))
            start, cpu = time.monotonic(), time.process_time()

            def report(record: dict[str, float]) -> None:
                if not marks:
                    marks.extend((time.monotonic() - start, time.process_time() - cpu))

            text = json.dumps({"model": options.model})
            train_run(large, model_config(options.model), training, 1, Path(folder) / "run", text, {}, report=report)
        facts = load_run(Path(folder) / "run").provenance
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    size = 4e-9 * len(large.chosen) * data.binning.n_voxels
    seconds, waited = float(facts.seconds or 0), float(facts.seconds_waiting_for_showers or 0)
    print(f"{len(large.chosen)} showers x {data.binning.n_voxels} cells: {size:.2f} GB, memory {options.memory}")
    print(f"up to the first step   {marks[0]:.0f} s, {marks[1]:.0f} s of the processor")
    print(f"a step                 {seconds / options.steps:.3f} s, {100 * waited / seconds:.1f} % of it waiting")
    print(f"peak of the process    {peak:.2f} GB")


if __name__ == "__main__":
    main()
