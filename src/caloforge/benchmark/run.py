"""All tasks one after the other, each in a process of its own, and what came of them."""

__all__ = ["Results", "machine", "run_tasks"]

import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from caloforge import __version__
from caloforge.benchmark.task import Cost, Failure, Setting, Task
from caloforge.deployment.timing import processor_name
from caloforge.files import finite_json

SCHEMA = "caloforge-benchmark-1"
COMMAND = [sys.executable, "-P", "-m", "caloforge.benchmark.worker"]  # of the process that measures
_PACKAGES = ("torch", "onnxruntime", "numpy", "geant4-pybind")


@dataclass
class Results:
    """What was measured, and what could not be.

    Args:
        costs: in the order of the tasks.
        failures: settings without a cost, each with its reason.
        settings: of each model, by its name.
    """

    costs: list[Cost] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    settings: dict[str, Setting] = field(default_factory=dict)

    def facts(self, about: dict[str, Any]) -> dict[str, Any]:
        """For ``bench.json``.

        Args:
            about: the machine, and what was asked for.
        """
        return finite_json(
            {
                "schema": SCHEMA,
                **about,
                "costs": [asdict(cost) for cost in self.costs],
                "failures": [asdict(failure) for failure in self.failures],
            }
        )


def machine() -> dict[str, Any]:
    """Processor, cores, how busy they are, and versions."""
    versions = {}
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "caloforge": __version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor_name(),
        "cores": cores,
        "busy": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "versions": {"python": platform.python_version(), **versions},
    }


def run_tasks(tasks: Sequence[Task], results: Results, each: Callable[[Cost], None] = lambda cost: None) -> None:
    """Measure, one process after the other.

    Args:
        tasks: in this order; of `PEERS`, after the model whose setting they need.
        results: to which costs, failures and settings are added.
        each: called with every cost.
    """
    for task in tasks:
        for kind, value in _answers(task):
            if kind == "cost":
                cost = Cost(**{**value, "quartiles": tuple(value["quartiles"])})
                results.costs.append(cost)
                each(cost)
            elif kind == "setting":
                results.settings.setdefault(task.name, Setting(**{**value, "energies": tuple(value["energies"])}))
            else:
                results.failures.append(Failure(task.name, task.engine, task.device, task.threads, value))


def _answers(task: Task) -> Iterator[tuple[str, Any]]:
    """What the process of a task says, line by line; that it died is an answer, too."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(task.threads))
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(COMMAND, **pipes, stderr=log, env=os.environ | threads) as child,
    ):
        try:
            assert child.stdin is not None
            assert child.stdout is not None  # both are pipes
            with contextlib.suppress(BrokenPipeError):  # it died already, which is told below
                child.stdin.write(json.dumps(asdict(task)) + "\n")
                child.stdin.flush()  # it stays open: a process whose parent is gone ends
            problem = False
            for line in child.stdout:
                for kind, value in json.loads(line).items():
                    problem = problem or kind == "problem"
                    yield kind, value
            if child.wait() and not problem:
                log.seek(0)
                yield "problem", _death(child.returncode, log.read().decode(errors="replace"))
        finally:
            child.kill()


def _death(code: int, log: str) -> str:
    """Why a process ended, in a sentence."""
    if code == -9:
        return "its process was killed, as systems do where memory is short: give a smaller batch"
    last = next((line for line in reversed(log.splitlines()) if line.strip()), "it said nothing")
    return f"its process ended ({' '.join(last.split())[:300]})"
