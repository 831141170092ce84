"""Two commits side by side: starting the command line, showers, ids, merging, a validation; each in turn.

Processor time (user and system, all threads) and the largest memory, medians over rounds in which old and new take
turns, so that a busy machine slows both alike. Both run in this environment, from working trees of their own.

Run: python tools/benchmarks/benchmark_commits.py 225fce4 HEAD --only help generate-help one-shower ids merge
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

COMMAND = "import sys; sys.argv[1:] = {words!r}; from caloforge.cli.main import run; run()"
GENERATE = ["--energy", "10GeV", "--overwrite", "-o", "generated.h5", "-n"]
BUNDLED = "from caloforge.data.store import ShowerFile; from caloforge.data.bundled import showers_path\n"
SHOWER = """
import time, numpy as np
from caloforge.generation.sampler import sample_showers
from caloforge.training.run import load_run
run, energy = load_run({model!r}), np.full(1, 1e4, np.float32)
sample_showers(run.model, run.pipeline, energy, 1)
times = []
for seed in range(2, 7):
    start = time.process_time()
    sample_showers(run.model, run.pipeline, energy, seed)
    times.append(1e3 * (time.process_time() - start))
print(float(np.median(times)))
"""
IDS = (
    BUNDLED
    + """
import time, dataclasses
with ShowerFile(showers_path("bundled")) as file:
    showers = file[:4000]
dataclasses.replace(showers[:100]).ids
start = time.process_time()
dataclasses.replace(showers).ids
print(1e6 * (time.process_time() - start) / len(showers))
"""
)
MERGE = """
import sys, time
from pathlib import Path
from caloforge.data.merge import merge_files
paths = sorted(Path(sys.argv[1]).glob("part*.h5"))[: int(sys.argv[2])]
start = time.process_time()
merge_files(paths, Path(sys.argv[1]) / "merged.h5", overwrite=True)
print(1e6 * (time.process_time() - start) / (len(paths) * int(sys.argv[3])))
"""


def write_parts(folder: Path, files: int, showers: int) -> None:
    """Files of small showers, all of them different."""
    import numpy as np

    from caloforge.data.showers import Showers
    from caloforge.data.writer import write_showers
    from caloforge.geometry.binning import Binning, Layer

    mesh = Binning((Layer(0, (0.0, 10.0, 20.0), 8, (0.0, 10.0)),), "small")
    rng = np.random.default_rng(1)
    for i in range(files):
        cells = rng.exponential(5.0, (showers, mesh.n_voxels)).astype(np.float32)
        energy = rng.uniform(1e3, 1e5, showers).astype(np.float32)
        write_showers(folder / f"part{i:03}.h5", Showers.perpendicular(cells, energy, mesh), "small", {})


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


def run(tree: Path, code: str, *words: str, folder: Path) -> tuple[float, float, str]:
    """Processor seconds, largest memory (MB) and stdout of a Python of this environment with another source tree."""
    environment = os.environ | {"PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", code, *words], stdout=subprocess.PIPE, text=True, env=environment, cwd=folder
    )
    assert child.stdout is not None
    output = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{tree}: {' '.join(words) or code[:60]} failed")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output


def measured(item: str, tree: Path, folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Figures of one item, one round."""
    if item in ("help", "generate-help"):
        words = ["--help"] if item == "help" else ["generate", "--help"]
        return {"s": run(tree, COMMAND.format(words=words), folder=folder)[0]}
    if item in ("generate-1", "generate-many"):
        n = "1" if item == "generate-1" else str(options.many)
        words = ["generate", options.model, *GENERATE, n]
        seconds, memory, _ = run(tree, COMMAND.format(words=words), folder=folder)
        return {"s": seconds, "MB": memory}
    if item == "validate":
        words = ["validate", "generated.h5", "--truth", "truth.h5", "--split", "all", "--json"]
        seconds, memory, _ = run(tree, COMMAND.format(words=words), folder=folder)
        return {"s": seconds, "MB": memory}
    if item == "one-shower":
        return {"ms": float(run(tree, SHOWER.format(model=options.model), folder=folder)[2])}
    if item == "ids":
        return {"us a shower": float(run(tree, IDS, folder=folder)[2])}
    half, whole = (
        float(run(tree, MERGE, str(folder), str(n), str(options.showers), folder=folder)[2])
        for n in (options.files // 4, options.files)
    )
    return {"us a shower, a quarter of the files": half, "us a shower, all files": whole}


ITEMS = ("help", "generate-help", "generate-1", "generate-many", "one-shower", "ids", "merge", "validate")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commits", nargs=2, metavar="COMMIT", help="old and new")
    parser.add_argument("--only", nargs="+", choices=ITEMS, default=ITEMS)
    parser.add_argument("--model", default="vae-siw-1080-latent", help="one that comes with both commits")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--many", type=int, default=20_000, help="showers of generate-many")
    parser.add_argument("--files", type=int, default=100, help="to merge")
    parser.add_argument("--showers", type=int, default=10_000, help="in each file to merge")
    parser.add_argument("--judged", type=int, default=10_000, help="showers of each sample that is validated")
    options = parser.parse_args()
    root = Path(__file__).resolve().parents[2]
    names = [f"{place} ({commit})" for place, commit in zip(("old", "new"), options.commits, strict=True)]
    rounds: dict[str, dict[str, list[dict[str, float]]]] = {item: {name: [] for name in names} for item in options.only}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        trees = [folder / name.split()[0] for name in names]
        git = ["git", "-C", str(root), "worktree"]
        try:
            for tree, commit in zip(trees, options.commits, strict=True):
                subprocess.run([*git, "add", "--detach", str(tree), commit], check=True, capture_output=True)
            if "validate" in options.only:
                write_samples(folder, options.judged)
            if "merge" in options.only:
                write_parts(folder, options.files, options.showers)
            for i in range(options.rounds):
                for item in options.only:
                    pairs = list(zip(names, trees, strict=True))
                    for name, tree in pairs if i % 2 == 0 else reversed(pairs):
                        rounds[item][name].append(measured(item, tree, folder, options))
        finally:
            for tree in trees:
                subprocess.run([*git, "remove", "--force", str(tree)], check=False, capture_output=True)
    print(f"{options.rounds} rounds, model {options.model}")
    for item, of in rounds.items():
        for figure in of[names[0]][0]:
            old, new = (statistics.median(answer[figure] for answer in of[name]) for name in names)
            print(f"{item:14s} {old:10.3g} -> {new:8.3g} {figure}, ratio {old / new:.2f}")
    print(json.dumps(rounds))


if __name__ == "__main__":
    main()
