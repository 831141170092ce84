"""`caloforge simulate`, what it says before and after, and where it runs."""

__all__ = ["executor_of", "announce_physics", "summary_of", "sentence_of"]

import sys
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from caloforge.api.engines import APPROXIMATE
from caloforge.cli.job_array import task_sentence
from caloforge.data.store import ShowerFile
from caloforge.simulation.production.request import Request
from caloforge.simulation.production.workers import dask_executor


def executor_of(dask: str | None) -> AbstractContextManager[Executor | None]:
    """Workers of a cluster, or none.

    Args:
        dask: address of a scheduler.
    """
    return dask_executor(dask) if dask else nullcontext()


def announce_physics(request: Request, chosen: bool) -> None:
    """Once, on stderr: the physics list if it was chosen for the user, and that hadronic tables are approximate.

    Args:
        request: what is simulated.
        chosen: whether caloforge chose the physics.
    """
    facts = request.facts
    if chosen and request.physics.list.hadronic:
        print(f"caloforge: {request.physics.name} for {request.beam.particle_name}", file=sys.stderr)
    if facts["hadronic_data_kind"] == "built-in":
        print(f"caloforge: {APPROXIMATE}", file=sys.stderr)


def summary_of(path: Path) -> dict[str, Any]:
    """What was made: mean response, cost, size and tables.

    Args:
        path: of the file.
    """
    with ShowerFile(path) as file:
        provenance, n = file.provenance, len(file)
        response = sum(float((part.total_energy / part.incident_energy).sum()) for part in file.batches()) / n
    size = path.stat().st_size
    keys = ("engine", "geant4", "physics_list", "data_kind", "data_tables", "core_seconds")
    numbers = {"mean_response": response, "ms_per_shower": provenance.host_ms_per_shower, "bytes": size}
    if provenance.geant4:
        numbers["geant4_ms_per_shower"] = provenance.host_ms_per_shower
    return {
        "file": str(path),
        "showers": n,
        **({"events": provenance.events} if provenance.events else {}),
        **numbers,
        **{key: value for key in keys if (value := getattr(provenance, key)) is not None},
    }


def sentence_of(answer: dict[str, Any]) -> str:
    """The same in words.

    Args:
        answer: of `summary_of` or of a job of an array.
    """
    if "shard" in answer:
        return task_sentence(answer)
    origin = f"Geant4 {answer['geant4']} with {answer['data_kind']} tables" if "geant4" in answer else answer["engine"]
    return (
        f"{answer['file']}: {answer['showers']} showers, mean response {100 * answer['mean_response']:.2f} %, "
        f"{answer['ms_per_shower']:.1f} ms each, {answer['bytes'] / 1e6:.1f} MB, {origin}"
    )
