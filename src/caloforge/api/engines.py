"""The engines that answer a request for showers: which there are, what each knows, and how far one is."""

__all__ = ["APPROXIMATE", "ENGINES", "check_engine", "run_engine", "run_part", "share_of_energy"]

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path

from caloforge.errors import BadValue, UnknownName
from caloforge.simulation.gflash import produce as gflash_file
from caloforge.simulation.production.array import ArrayStatus, ArrayTask, simulate_task
from caloforge.simulation.production.progress import Progress
from caloforge.simulation.production.request import Request, produce

ENGINES = ("geant4", "gflash")
APPROXIMATE = (
    "built-in approximate hadronic tables below 20 MeV (neutrons) and 130 MeV (photonuclear); "
    "official datasets, where found, are used instead"
)


def check_engine(engine: str, settings: Mapping[str, object], elsewhere: bool) -> None:
    """Refuse an engine that does not exist, or what it does not know.

    Args:
        engine: its name.
        settings: physics list, cuts, steps, times and fast showers by name; None for each that was not chosen.
        elsewhere: whether it shall run on a cluster.

    Raises:
        UnknownName: no such engine.
        BadValue: settings or places that only Geant4 knows.
    """
    if engine not in ENGINES:
        raise UnknownName("engine", engine, ENGINES)
    chosen = [name for name, value in settings.items() if value is not None]
    if engine == "gflash" and chosen:
        unknown = "it knows no physics lists, cuts, steps, times or fast showers"
        raise BadValue("engine", engine, f"{unknown}: leave out {', '.join(chosen)}")
    if engine == "gflash" and elsewhere:
        raise BadValue("engine", engine, "it makes a thousand showers in seconds: leave out the cluster")


def run_engine(
    request: Request,
    path: Path,
    engine: str,
    workers: int,
    shard_size: int | None,
    mantissa_bits: int,
    overwrite: bool,
    progress: Callable[[Progress], None],
    executor: Executor | None = None,
    command: str | None = None,
) -> None:
    """Make the file of a request; errors as of `simulate`.

    Args:
        request: what to simulate.
        path: HDF5 file to make.
        engine: one of `ENGINES`.
        workers: processes on this machine.
        shard_size: showers in each file that a repeated call can skip.
        mantissa_bits: bits of cell energies to keep.
        overwrite: replace a file that exists.
        progress: called after every shower.
        executor: where to simulate instead of this machine.
        command: the command line, for the provenance.
    """
    if engine == "gflash":
        gflash_file.produce(request, path, mantissa_bits, overwrite, progress, command)
    else:
        produce(request, path, workers, shard_size, mantissa_bits, overwrite, progress, executor, command)


def run_part(
    request: Request,
    part: ArrayTask,
    path: Path,
    engine: str,
    workers: int,
    shard_size: int | None,
    mantissa_bits: int,
    overwrite: bool,
    progress: Callable[[Progress], None],
    command: str | None = None,
) -> ArrayStatus:
    """Make one part of a job array into ``path.shards``; errors as of `simulate_task`.

    Args:
        request: of the whole array.
        part: which job of the array this is.
        path: of the file that merging will make.
        engine: one of `ENGINES`.
        workers: processes on this machine, of Geant4.
        shard_size: showers in each file, the same in all jobs.
        mantissa_bits: bits of cell energies to keep.
        overwrite: whether the file may exist.
        progress: called as showers are made.
        command: the command line, for the provenance.
    """
    if engine == "gflash":
        return gflash_file.produce_task(request, part, path, shard_size, mantissa_bits, overwrite, progress, command)
    return simulate_task(request, part, path, workers, shard_size, mantissa_bits, overwrite, progress, command)


def share_of_energy(shown: Callable[..., None]) -> Callable[[Progress], None]:
    """Turns the progress of a production into the share of what this call had to do.

    Args:
        shown: called with the share, from 0 to 1, and a text.
    """
    before: list[float] = []

    def report(progress: Progress) -> None:
        if not before:
            before.append(progress.energy)
        to_do = progress.total_energy - before[0]
        share = (progress.energy - before[0]) / to_do if to_do > 0 else 1.0
        shown(share, f"{progress.showers} of {progress.n} showers")

    return report
