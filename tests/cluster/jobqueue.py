"""Workers of dask as jobs of Slurm (dask-jobqueue), one of which is cancelled in the middle: the file of one call.

    eval "$(tests/cluster/slurm.sh start FOLDER)"; python tests/cluster/jobqueue.py OUTPUT.h5; compare with same.py

The request is that of `array.sh FOLDER PYTHON simulate`.
"""

import subprocess
import sys
from pathlib import Path

from dask_jobqueue import SLURMCluster

from caloforge.geometry.detector import detector
from caloforge.geometry.readouts import readout
from caloforge.simulation.beam import Beam, parse_particle, parse_spectrum
from caloforge.simulation.production.request import Request, produce
from caloforge.simulation.production.workers import dask_executor


def main(output: Path) -> None:
    """Make the file; the job of the first worker is cancelled when the first shard is there."""
    beam = Beam(parse_particle("e-"), parse_spectrum("100MeV:1GeV:log"))
    request = Request(detector("par04-siw"), beam, readout("siw-1080"), n=48, seed=4)
    options = {
        "interface": "lo",
        "log_directory": str(output.parent / "workers"),
        "scheduler_options": {"dashboard": False},
    }
    cancelled = []
    with SLURMCluster(cores=1, processes=1, memory="2GB", walltime="01:00:00", queue="batch", **options) as cluster:
        cluster.scale(jobs=2)

        def cancel(progress):
            if progress.showers and not cancelled:
                cancelled.append(next(iter(cluster.workers.values())).job_id)
                subprocess.run(["scancel", cancelled[0]], check=True)

        with dask_executor(cluster.scheduler_address) as executor:
            produce(request, output, shard_size=3, executor=executor, progress=cancel)
    print(f"{output}: {request.n} showers; job {cancelled[0]} was cancelled")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
