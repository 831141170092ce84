"""Jobs of arrays and workers of clusters on the command line: what they are told, and what they say at their end."""

__all__ = ["generate_parts", "one_place", "task_sentence", "task_summary"]

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caloforge.data.store import ShowerFile
from caloforge.errors import BadValue
from caloforge.simulation.production.array import ArrayStatus, ArrayTask, parse_task
from caloforge.simulation.production.workers import dask_executor

if TYPE_CHECKING:
    from caloforge.api.generator import GenerateRequest


def one_place(dask: str | None, shard: str | None) -> None:
    """Refuse a job of an array that would send its work to a cluster.

    Args:
        dask: address of a scheduler.
        shard: part of an array.

    Raises:
        BadValue: both are given.
    """
    if dask and shard:
        raise BadValue("--shard", shard, "give --shard to the jobs of an array or --dask to one call, not both")


def generate_parts(
    request: "GenerateRequest",
    dask: str | None,
    shard: str | None,
    output: Path,
    shard_size: int | None,
    overwrite: bool,
    progress: Callable[[int, int], None],
) -> tuple[dict[str, Any], str]:
    """Part of a request, or all of it on a cluster: the answer as JSON and in words.

    Args:
        request: the whole.
        dask: address of a scheduler.
        shard: part of an array.
        output: the file that is made in the end.
        shard_size: showers in a shard.
        overwrite: whether the output may exist.
        progress: called with the number of showers made, and of all.

    Raises:
        BadValue: neither or both of the two places, or as `caloforge.api.generate_parts`.
    """
    from caloforge.api.generate_parts import generate_elsewhere, generate_task

    one_place(dask, shard)
    if shard:
        part = parse_task(shard)
        status = generate_task(request, part, output, shard_size, overwrite, progress)
        summary = task_summary(status, part, output)
        return summary, task_sentence(summary)
    if not dask:
        raise BadValue("--shard-size", shard_size, "it goes with --shard or --dask")
    with dask_executor(dask) as executor:
        generate_elsewhere(request, executor, output, shard_size, overwrite, progress)
    with ShowerFile(output) as file:
        count, per_shower = len(file), file.provenance.host_ms_per_shower or 0.0
    answer = {"file": str(output), "showers": count, "generator_ms_per_shower": per_shower}
    return answer, f"{output}: {count} showers, {per_shower:.3f} ms each"


def task_summary(status: ArrayStatus, part: ArrayTask, output: Path) -> dict[str, Any]:
    """What this job leaves to do.

    Args:
        status: of the array.
        part: this job.
        output: the file that merging will make.
    """
    return {
        "shard": f"{part.index}/{part.count}",
        "folder": str(status.folder),
        "shards": status.total,
        "missing": len(status.missing),
        "then": f"caloforge merge {output}.shards -o {output}",
    }


def task_sentence(summary: dict[str, Any]) -> str:
    """The same in words.

    Args:
        summary: as `task_summary` gives it.
    """
    left = f"{summary['missing']} of {summary['shards']} shard files are missing"
    return f"part {summary['shard']} is done; {left}; when none is: {summary['then']}"
