"""`caloforge benchmark`: what a shower costs, model by model and engine by engine, beside Geant4 and the limits."""

__all__ = ["benchmark"]

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caloforge.cli.models import DeviceName, ModelsFile
from caloforge.cli.options import OverwriteOption
from caloforge.cli.progress import track
from caloforge.errors import BadValue, Geant4Missing, MissingExtra, UnknownName
from caloforge.files import require_new, require_writable, write_files

if TYPE_CHECKING:
    from caloforge.benchmark.run import Results
    from caloforge.benchmark.task import Setting, Task

_FILE = "bench.json"


def benchmark(
    models: Annotated[list[str], typer.Argument(help="run folders, bundles, or names of models")],
    output: Annotated[Path, typer.Option("-o", "--output", help="folder for bench.json and plots/")],
    engine: Annotated[
        list[str] | None,
        typer.Option(help="of run folders: torch, compiled or onnx (exports first); may be repeated; default: torch"),
    ] = None,
    threads: Annotated[list[int] | None, typer.Option(min=1, max=1024, help="may be repeated; default: 1")] = None,
    batch: Annotated[
        list[int] | None, typer.Option(min=1, help="showers at a time, may be repeated; default: 1, 100, 1000")
    ] = None,
    energy: Annotated[
        str | None, typer.Option(help="10GeV, or 10GeV,50GeV,100GeV; default: the middle of the training by logarithm")
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option("--with", help="geant4 or gflash: the same showers without the model; may be repeated"),
    ] = None,
    showers: Annotated[int, typer.Option(min=1, help="of geant4 and gflash at each energy")] = 10,
    repeats: Annotated[int, typer.Option(min=1, max=10_000, help="calls that are timed, at least")] = 5,
    seconds: Annotated[float, typer.Option(min=0, max=3600, help="spent on each setting, at least")] = 1.0,
    models_file: ModelsFile = None,
    device: DeviceName = "cpu",
    overwrite: OverwriteOption = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Measure what a shower costs: model by engine, threads and batch, beside Geant4, Gflash and the limits."""
    require_new(output / _FILE, overwrite, models)
    require_writable(output)
    from caloforge.benchmark.task import ENGINES, PEERS, Task

    engines = _known("engine", engine or ["torch"], ENGINES)
    beside = _known("--with", beside or [], PEERS)
    if "geant4" in beside and find_spec("geant4_pybind") is None:
        raise Geant4Missing
    from caloforge.benchmark.run import Results, machine, run_tasks
    from caloforge.benchmark.tables import markdown
    from caloforge.device import choose_device
    from caloforge.units import parse_energy

    energies = tuple(dict.fromkeys(map(parse_energy, energy.split(",")))) if energy is not None else ()
    settings = [
        (name, way, count)
        for name in dict.fromkeys(models)
        for way in _ways(name, engines)
        for count in sorted(set(threads or [1]))
    ]
    where = str(choose_device(device)) if device != "cpu" else "cpu"
    common = (tuple(sorted(set(batch or [1, 100, 1000]))), energies, repeats, seconds)
    tasks = [
        Task(
            name,
            name,
            way,
            "cpu" if way == "onnx" else where,
            count,
            *common,
            limits=place == [other[0] for other in settings].index(name),
            models_file=str(models_file) if models_file else None,
        )
        for place, (name, way, count) in enumerate(settings)
    ]
    results, about = Results(), machine()
    peers = len(beside) * len({task.name for task in tasks})
    each_energy = max(1, len(energies))
    total = (len(tasks) * len(common[0]) + peers) * each_energy + 2 * len({task.name for task in tasks})
    with track("benchmark", total) as report, tempfile.TemporaryDirectory() as folder:

        def run(some: list["Task"]) -> None:
            run_tasks(some, results, lambda cost: report(len(results.costs), f"{cost.name}, {cost.engine}"))

        for task in tasks:
            run(_exported(task, Path(folder), results))
        for name, setting in results.settings.items():
            run([_peer(name, peer, setting, showers, repeats) for peer in beside])
    if not results.costs:
        raise BadValue("benchmark", "nothing could be measured", results.failures[0].problem)
    facts = results.facts(about | {"asked": sys.argv[1:]})
    from caloforge.benchmark.plot import draw_costs
    from caloforge.reporting.style import pdf, png

    drawn = draw_costs(results.costs)
    content = json.dumps(facts, indent=1).encode() + b"\n"
    write_files(output, {"plots/benchmark.png": png(drawn), "plots/benchmark.pdf": pdf(drawn), _FILE: content})
    print(json.dumps(facts) if json_only else f"{_host(about)}\n\n{markdown(results)}\n\n{output / _FILE}")


def _known(what: str, names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Each of the names once, in the order given.

    Raises:
        UnknownName: one that there is not.
    """
    for name in names:
        if name not in known:
            raise UnknownName(what, name, known)
    return list(dict.fromkeys(names))


def _ways(name: str, engines: list[str]) -> list[str]:
    """The engines of one model; what cannot be opened is refused before anything is measured.

    Raises:
        BadFile: neither a run folder nor a bundle.
        MissingExtra: what ONNX needs is not installed.
    """
    from caloforge.deployment.manifest import MANIFEST
    from caloforge.training.folders import run_folder

    bundle = (Path(name) / MANIFEST).is_file()
    ways = ["onnx"] if bundle else list(engines)
    if not bundle:
        run_folder(name)
    if "onnx" in ways and find_spec("onnxruntime") is None:
        raise MissingExtra("ONNX Runtime", "runtime")
    if "onnx" in ways and not bundle and find_spec("onnxscript") is None:
        raise MissingExtra("onnxscript", "export")
    return ways


def _exported(task: "Task", folder: Path, results: "Results") -> list["Task"]:
    """The task as it can run: of a run folder for ONNX Runtime, its bundle; no task where the export fails."""
    from dataclasses import replace

    from caloforge.benchmark.task import Failure
    from caloforge.deployment.manifest import MANIFEST

    if task.engine != "onnx" or (Path(task.name) / MANIFEST).is_file():
        return [task]
    bundle = folder / f"{abs(hash(task.name))}"
    if not bundle.exists():
        words = ["--models", task.models_file] if task.models_file else []
        command = [sys.executable, "-P", "-m", "caloforge", "export", task.name, "-o", str(bundle), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = done.stderr.strip().splitlines()[-1:] or ["the export failed"]
            problem = reason[0].removeprefix("caloforge: ")
            results.failures.append(Failure(task.name, task.engine, task.device, task.threads, problem))
            return []
    return [replace(task, source=str(bundle))]


def _peer(name: str, peer: str, setting: "Setting", showers: int, repeats: int) -> "Task":
    """Geant4 or Gflash on the conditions of a model, in one thread."""
    from caloforge.benchmark.task import Task

    calls = min(repeats, showers)
    return Task(name, name, peer, "cpu", 1, (showers,), setting.energies, calls, 0.0, setting=setting)


def _host(about: dict[str, object]) -> str:
    busy = about["busy"]
    load = "" if busy is None else f", {busy:.1f} processes at work before the measurement"
    versions = about["versions"]
    assert isinstance(versions, dict)
    return f"{about['processor']}, {about['cores']} cores{load}; " + ", ".join(f"{k} {v}" for k, v in versions.items())
