"""What the observables cost: time and memory to tabulate a file of showers, read from disk, over and over up to n.

Run: caloforge simulate --detector par04-siw --readout siw-6480 --energy 1GeV:100GeV:log -n 500 -o fine.h5
     OMP_NUM_THREADS=1 python tools/benchmarks/benchmark_observables.py fine.h5 -n 100000
"""

import argparse
import resource
import time

from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.bundled import showers_path
from caloforge.data.store import ShowerFile
from caloforge.geometry.readouts import readout
from caloforge.physics.observables import tabulate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="showers, or bundled")
    parser.add_argument("--binning", help="readout, for files that do not carry one")
    parser.add_argument("-n", type=int, default=100_000)
    options = parser.parse_args()
    tables: list[dict[str, Float[Array, "n k"]]] = []
    with ShowerFile(showers_path(options.file), readout(options.binning) if options.binning else None) as file:
        start, processor = time.perf_counter(), time.process_time()
        while len(tables) * len(file) < options.n:
            tables.append(tabulate(file))  # held, as the tables of one large file would be
        wall, processor = time.perf_counter() - start, time.process_time() - processor
        n, cells = len(tables) * len(file), file.binning.n_voxels
    columns = sum(table.shape[1] for table in tables[0].values())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{n} showers of {cells} cells: {len(tables[0])} observables in {columns} columns")
    print(f"{wall:.0f} s ({processor:.0f} s of processor time, reading included), {memory:.2f} GB at most")


if __name__ == "__main__":
    main()
