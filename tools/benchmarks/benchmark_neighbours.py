"""Models with neighbours in sight before a change and after it: processor time of one thread, in turn.

The package of an earlier commit is unpacked beside this one, and each round measures both in processes of their own, so
that a busy machine slows both alike. Ratios are medians over rounds. Both draw from the same noise: how many cells are
hit in one and not in the other is printed, too.

Run: python tools/benchmarks/benchmark_neighbours.py 225fce4 --model vae-siw-1080
     python tools/benchmarks/benchmark_neighbours.py 225fce4 --only export --rounds 1
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
TASKS = ("one", "block", "first", "step", "export")  # export takes minutes: only where it is asked for
MEANING = {
    "one": "one shower, model call",
    "block": "each of 1,000 showers, model call",
    "first": "one shower of a seed",
    "step": "training step, 64 showers",
    "export": "export, 100 showers compared",
}


def processor_ms(task: Callable[[], object], repetitions: int) -> float:
    """Least processor time."""
    times = []
    for _ in range(repetitions):
        start = time.process_time()
        task()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def measure(name: str, tasks: list[str], cells: Path) -> dict[str, float]:
    """In this process, by the package on its path."""
    import torch

    from caloforge.data.incident import Incident
    from caloforge.generation.sampler import sample_showers
    from caloforge.rng import torch_stream
    from caloforge.training.run import load_run

    torch.set_num_threads(1)
    run = load_run(name)
    model, pipeline, trained = run.model, run.pipeline, run.pipeline.condition.trained

    def particles(n: int) -> Incident:
        return Incident.alike(np.geomspace(*trained.energy, n), trained.particles[0], trained.theta[1], trained.phi[0])

    found = {}
    with torch.inference_mode():
        for task, n, repetitions in (("one", 1, 5), ("block", 1000, 2)):
            if task in tasks:
                c, noise = pipeline.conditions(particles(n)), model.latent(n, torch_stream(1, "noise"))
                np.save(cells, model.sample(noise, c).numpy())
                found[task] = processor_ms(partial(model.sample, noise, c), repetitions) / n
    if "first" in tasks:
        found["first"] = processor_ms(lambda: sample_showers(model, pipeline, particles(1), 1), 2)
    if "step" in tasks:
        c = pipeline.conditions(particles(64))
        with torch.no_grad():
            x = model.sample(model.latent(64, torch_stream(1, "noise")), c)
        model.requires_grad_(True)

        def step() -> None:
            model.zero_grad()
            torch.autograd.backward(model.loss(x, c, 0.5, torch_stream(1, "step"))["total"])

        step()
        found["step"] = processor_ms(step, 3)
    if "export" in tasks:
        from caloforge.deployment.export import ExportOptions, export_run

        with tempfile.TemporaryDirectory() as place:
            found["export"] = processor_ms(lambda: export_run(run, name, f"{place}/b", ExportOptions(showers=100)), 1)
    return found


def child(source: Path, options: argparse.Namespace, cells: Path) -> dict[str, float]:
    """One round of one commit."""
    environment = {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, options.commit, "--model", options.model, "--child", str(cells)]
    answer = subprocess.run(
        [*command, "--only", *options.only], env=environment, capture_output=True, text=True, check=True
    )
    measured: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return measured


def main() -> None:
    """Rounds of both, then the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit", help="the earlier one")
    parser.add_argument("--model", default="vae-siw-1080")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS[:-1]))
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.model, options.only, options.child)))
        return
    with tempfile.TemporaryDirectory() as place:
        archive = subprocess.run(
            ["git", "archive", options.commit, "src"], cwd=ROOT, capture_output=True, check=True
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as package:
            package.extractall(place, filter="data")
        sources = {"before": Path(place) / "src", "after": ROOT / "src"}
        cells = {which: Path(place) / f"{which}.npy" for which in sources}
        rounds = [
            {which: child(sources[which], options, cells[which]) for which in sources} for _ in range(options.rounds)
        ]
        for task in options.only:
            before, after = (statistics.median(r[which][task] for r in rounds) for which in sources)
            ratio = statistics.median(r["before"][task] / r["after"][task] for r in rounds)
            print(f"{MEANING[task]:36s} {before:10.3f} ms {after:10.3f} ms   {ratio:6.2f} times as fast")
        if all(path.exists() for path in cells.values()):
            old, new = (np.load(path) > 0 for path in cells.values())
            print(f"cells that are hit in one and not in the other: {int((old != new).sum())} of {old.size}")


if __name__ == "__main__":
    main()
