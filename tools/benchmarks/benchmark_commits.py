"""Two commits in turn: the command line, one shower, many, a training step, a graph, ids, merging, a validation.

Processor time and the largest memory, medians over rounds in which old and new take turns, so that a busy machine slows
both alike; one thread each, in processes of their own, with the packages of the commits and the libraries of this
environment. Both draw from the same noise: of the model call with many showers, how many cells are hit in one and not
in the other is printed, too. ``HEAD`` is the last commit; what is not committed is not measured.

Run: python tools/benchmarks/benchmark_commits.py 225fce4 HEAD --only help generate-help one-shower ids merge
     python tools/benchmarks/benchmark_commits.py 225fce4 HEAD --only one many step --model vae-siw-1080
     python tools/benchmarks/benchmark_commits.py 225fce4 HEAD --only export --rounds 1 --model vae-siw-1080
     python tools/benchmarks/benchmark_commits.py fc5ed56^ HEAD --only one --model vae-siw-1080 vae-siw-1080-latent
"""

import argparse
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

COMMAND = "import sys; sys.argv[1:] = {words!r}; from caloforge.cli.main import run; run()"
GENERATE = ["--energy", "10GeV", "--overwrite", "-o", "generated.h5", "-n"]
CELLS = "cells.npy"

Figures = dict[str, float]


def ms(task: Callable[[], object], repetitions: int) -> float:
    """Least processor time."""
    times = []
    for _ in range(repetitions):
        start = time.process_time()
        task()
        times.append(1e3 * (time.process_time() - start))
    return min(times)


def opened(options: argparse.Namespace) -> tuple[Any, Callable[[int], Any]]:
    """A model that comes with the commit, and particles over all its energies."""
    import numpy as np
    import torch

    from caloforge.data.incident import Incident
    from caloforge.training.run import load_run

    torch.set_num_threads(1)
    run = load_run(options.name)
    trained = run.pipeline.condition.trained

    def particles(n: int) -> Incident:
        return Incident.alike(np.geomspace(*trained.energy, n), trained.particles[0], trained.theta[1], trained.phi[0])

    return run, particles


def model_call(n: int, repetitions: int, options: argparse.Namespace) -> Figures:
    """``n`` showers from given noise."""
    import numpy as np
    import torch

    from caloforge.rng import torch_stream

    run, particles = opened(options)
    with torch.inference_mode():
        c, noise = run.pipeline.conditions(particles(n)), run.model.latent(n, torch_stream(1, "noise"))
        np.save(CELLS, run.model.sample(noise, c).numpy())
        used = {"MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
        return used | {"ms a shower, model call": ms(lambda: run.model.sample(noise, c), repetitions) / n}


def one_shower(options: argparse.Namespace) -> Figures:
    """One shower of a seed, as ``generate -n 1`` makes it."""
    from caloforge.generation.sampler import sample_showers

    run, particles = opened(options)
    sample_showers(run.model, run.pipeline, particles(1), 1)
    return {"ms, one shower of a seed": ms(lambda: sample_showers(run.model, run.pipeline, particles(1), 2), 5)}


def step(options: argparse.Namespace) -> Figures:
    """One step of training with 64 showers."""
    import torch

    from caloforge.rng import torch_stream

    run, particles = opened(options)
    model, c = run.model, run.pipeline.conditions(particles(64))
    with torch.no_grad():
        x = model.sample(model.latent(64, torch_stream(1, "noise")), c)
    model.requires_grad_(True)

    def training_step() -> None:
        model.zero_grad()
        torch.autograd.backward(model.loss(x, c, 0.5, torch_stream(1, "step"))["total"])

    training_step()
    return {"ms, training step of 64": ms(training_step, 3)}


def export(options: argparse.Namespace) -> Figures:
    """Graph written and 100 showers compared."""
    from caloforge.deployment.export import ExportOptions, export_run

    run, _ = opened(options)
    task = ExportOptions(showers=100)
    milliseconds = ms(lambda: export_run(run, options.name, "exported", task), 1)
    return {"s": milliseconds / 1e3, "MB of bundle": sum(p.stat().st_size for p in Path("exported").iterdir()) / 1e6}


def ids(options: argparse.Namespace) -> Figures:
    """Hashes of the showers that come with the package."""
    import dataclasses

    from caloforge.data.bundled import showers_path
    from caloforge.data.store import ShowerFile

    with ShowerFile(showers_path("bundled")) as file:
        showers = file[:4000]
    _ = dataclasses.replace(showers[:100]).ids
    return {"us a shower": 1e3 * ms(lambda: dataclasses.replace(showers).ids, 1) / len(showers)}


def merge(options: argparse.Namespace) -> Figures:
    """Files of small showers into one."""
    import numpy as np

    from caloforge.data.merge import merge_files
    from caloforge.data.showers import Showers
    from caloforge.data.writer import write_showers
    from caloforge.geometry.binning import Binning, Layer

    mesh = Binning((Layer(0, (0.0, 10.0, 20.0), 8, (0.0, 10.0)),), "small")
    rng = np.random.default_rng(1)
    paths = [Path(f"part{i:03}.h5") for i in range(options.files)]
    for path in paths:
        cells = rng.exponential(5.0, (options.showers, mesh.n_voxels)).astype(np.float32)
        energy = rng.uniform(1e3, 1e5, options.showers).astype(np.float32)
        write_showers(path, Showers.perpendicular(cells, energy, mesh), "small", {})
    return {
        f"us a shower, {n} files": 1e3
        * ms(partial(merge_files, paths[:n], Path(f"merged{n}.h5")), 1)
        / (n * options.showers)
        for n in (max(1, options.files // 4), options.files)
    }


def write_samples(folder: Path, showers: int) -> None:
    """Truth and generated showers to compare: those of the bundled sample again and again, each with another scale."""
    from dataclasses import replace

    import numpy as np

    from caloforge.data.bundled import showers_path
    from caloforge.data.store import ShowerFile
    from caloforge.data.writer import ShowerWriter

    with ShowerFile(showers_path("bundled")) as file:
        given = file.read()
    for seed, name in enumerate(("truth", "generated")):
        rng = np.random.default_rng(seed)
        with ShowerWriter(folder / f"{name}.h5", given.binning, given.detector, {}) as writer:
            for start in range(0, showers, 5000):
                part = given[rng.integers(len(given), size=min(5000, showers - start))]
                scale = rng.normal(1, 0.01, (len(part), 1)).astype(np.float32)
                writer.append(replace(part, energy=part.energy * scale, provenance=given.provenance))


COMMANDS: dict[str, Callable[[argparse.Namespace], list[str]]] = {
    "help": lambda options: ["--help"],
    "generate-help": lambda options: ["generate", "--help"],
    "generate-1": lambda options: ["generate", options.name, *GENERATE, "1"],
    "generate-many": lambda options: ["generate", options.name, *GENERATE, str(options.many)],
    "validate": lambda options: ["validate", "../generated.h5", "--truth", "../truth.h5", "--split", "all", "--json"],
}
TASKS: dict[str, Callable[[argparse.Namespace], Figures]] = {
    "one-shower": one_shower,
    "one": lambda options: model_call(1, 5, options),
    "many": lambda options: model_call(options.batch, 2, options),
    "step": step,
    "export": export,
    "ids": ids,
    "merge": merge,
}


def measured(item: str, source: Path, folder: Path, options: argparse.Namespace) -> Figures:
    """Figures of one item, one round: of a command those of its whole process, of a task those that it measures."""
    options.name = options.model[-1 if source.parent.name == "new" else 0]
    environment = os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-P", __file__, *sys.argv[1:], "--task", item, "--name", options.name]
    if item in COMMANDS:
        command = [sys.executable, "-P", "-c", COMMAND.format(words=COMMANDS[item](options))]
    with tempfile.TemporaryFile("w+", dir=folder) as output:
        child = subprocess.Popen(command, stdout=output, env=environment, cwd=folder)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"{item} failed with the package at {source}")
        output.seek(0)
        if item in COMMANDS:
            return {"s of the processor": used.ru_utime + used.ru_stime, "MB": used.ru_maxrss / 1024}
        figures: Figures = json.loads(output.read().splitlines()[-1])
    return figures


def unpacked(commit: str, place: Path) -> Path:
    """The package of a commit."""
    root = Path(__file__).resolve().parents[2]
    archive = subprocess.run(["git", "archive", commit, "src"], cwd=root, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as package:
        package.extractall(place, filter="data")
    return place / "src"


def rounds_of(item: str, folder: Path, sources: dict[str, Path], options: argparse.Namespace) -> Iterator[Figures]:
    """Ratios of each round, old over new; figures of both go along, by their name and commit."""
    import numpy as np

    for i in range(options.rounds):
        figures = dict[str, Figures]()
        cells = dict[str, Any]()
        for name in sources if i % 2 == 0 else reversed(sources):
            place = Path(tempfile.mkdtemp(dir=folder))
            figures[name] = measured(item, sources[name], place, options)
            if item == "many":
                cells[name] = np.load(place / CELLS) > 0
        if cells:
            print(
                f"cells hit with one commit alone: {int((cells['old'] != cells['new']).sum())} of {cells['old'].size}"
            )
        yield {f"{what} {name}": value for name, of in figures.items() for what, value in of.items()}


def main() -> None:
    """Rounds of both, then medians and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commits", nargs=2, metavar="COMMIT", help="old and new")
    everything = [*COMMANDS, *TASKS]
    parser.add_argument("--only", nargs="+", choices=everything, default=[x for x in everything if x != "export"])
    parser.add_argument(
        "--model", nargs="+", default=["vae-siw-1080-latent"], help="that comes with both commits, or one for each"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=1000, help="showers at a time of many")
    parser.add_argument("--many", type=int, default=20_000, help="showers of generate-many")
    parser.add_argument("--files", type=int, default=100, help="to merge")
    parser.add_argument("--showers", type=int, default=10_000, help="in each file to merge")
    parser.add_argument("--judged", type=int, default=10_000, help="showers of each sample that is validated")
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    parser.add_argument("--name", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        print(json.dumps(TASKS[options.task](options)))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        sources = {
            name: unpacked(commit, folder / name) for name, commit in zip(("old", "new"), options.commits, strict=True)
        }
        if "validate" in options.only:
            write_samples(folder, options.judged)
        for item in options.only:
            rounds = list(rounds_of(item, folder, sources, options))
            for what in (name.removesuffix(" old") for name in rounds[0] if name.endswith(" old")):
                old, new = (statistics.median(figures[f"{what} {name}"] for figures in rounds) for name in sources)
                ratio = statistics.median(figures[f"{what} old"] / figures[f"{what} new"] for figures in rounds)
                print(f"{item:14s} {old:10.3g} -> {new:8.3g} {what}, ratio {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
