"""Mutation testing: which small changes of the code do its tests notice?

    python tools/benchmarks/mutation.py src/caloforge/preprocessing src/caloforge/metrics src/caloforge/data --sample 40

Cosmic Ray (an optional extra: ``pip install -e '.[mutation]'``) makes the changes: another operator, another number,
``not``, no decorator, an empty loop. Changes of annotations are left out, since no test can tell. Each change is tried
in a process of its own, forked from one that has the heavy libraries loaded, on the tests of the module's own room that
import it; what fails, or takes ten times as long, is killed. Outside continuous integration: it takes minutes.
"""

import os

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MPLBACKEND="agg")

import argparse
import ast
import difflib
import gc
import importlib
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

_HEAVY = (
    *("torch", "scipy.stats", "scipy.sparse", "sklearn.metrics", "h5py", "pydantic", "typer", "matplotlib.pyplot"),
    *("jaxtyping", "beartype", "rich", "zuko", "particle", "hepunits", "mplhep"),
)
_SLACK = 15.0  # s, beside ten times what the tests take without a change
_FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Mutant:
    """One change of one module."""

    path: Path
    operator: str
    line: int
    code: str

    def difference(self) -> str:
        """The changed lines, before and after."""
        lines = difflib.unified_diff(self.path.read_text().splitlines(), self.code.splitlines(), n=0, lineterm="")
        changed = [line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")]
        return "\n".join([f"{self.path}:{self.line} {self.operator}", *(f"    {line}" for line in changed)])


def mutants_of(path: Path) -> Iterator[Mutant]:
    """All changes that Cosmic Ray's operators without arguments can make, outside annotations."""
    source = path.read_text()
    tree, silent = get_ast(source), _annotations(source)
    for name in operator_names():
        if get_operator(name).arguments():
            continue
        operator = get_operator(name)()
        starts = [start for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node)]
        for occurrence, start in enumerate(starts):
            code = mutate_code(source, operator, occurrence)
            if code is not None and code != source and not any(first <= start < last for first, last in silent):
                yield Mutant(path, name.split("/")[1], start[0], code)


def _annotations(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """First and last position of every annotation."""
    hints: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.arg | ast.AnnAssign):
            hints.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            hints.append(node.returns)
    return [((h.lineno, h.col_offset), (h.end_lineno or 0, h.end_col_offset or 0)) for h in hints if h is not None]


def tests_of(path: Path) -> list[str]:
    """Test files of the module's room that import it or bear its name, these first."""
    room, name = path.parent.name, path.stem
    files = sorted(Path("tests", room).glob("test_*.py"), key=lambda f: f.stat().st_size)
    own = [f for f in files if f.stem.startswith(f"test_{name}")]
    importing = [f for f in files if f not in own and f"caloforge.{room}.{name} " in f.read_text()]
    return [str(f) for f in own + importing]


def _run(mutant: Mutant | None, tests: Sequence[str], options: Sequence[str]) -> None:
    """Tests in this process, with the module's code replaced while it is imported; exit code 0 if all pass."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    if mutant is not None:
        _replace(str(mutant.path.resolve()), mutant.code.encode())
    base = tempfile.mkdtemp(prefix="mutation-")
    words = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", f"--basetemp={base}/t"]
    words += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # the heavy libraries are loaded already
    code = int(pytest.main([*words, *options, *tests]))
    shutil.rmtree(base, ignore_errors=True)
    os._exit(code)


def _replace(path: str, code: bytes) -> None:
    read, stat = SourceFileLoader.get_data, SourceFileLoader.path_stats

    def get_data(self: SourceFileLoader, name: str) -> bytes:
        return code if str(Path(name).resolve()) == path else read(self, name)

    def path_stats(self: SourceFileLoader, name: str) -> Any:
        if str(Path(name).resolve()) == path:
            raise OSError  # neither reads nor writes compiled code
        return stat(self, name)

    SourceFileLoader.get_data = get_data  # type: ignore[method-assign,assignment]
    SourceFileLoader.path_stats = path_stats  # type: ignore[method-assign,assignment]


def _start(mutant: Mutant | None, tests: Sequence[str], options: Sequence[str]) -> BaseProcess:
    process = _FORK.Process(target=_run, args=(mutant, tests, options))
    process.start()
    return process


def survivors_of(mutants: Sequence[Mutant], tests: Sequence[str], options: Sequence[str], jobs: int) -> list[Mutant]:
    """The changes that no test notices.

    Raises:
        SystemExit: the tests fail without a change.
    """
    began = time.monotonic()
    plain = _start(None, tests, options)
    plain.join()
    if plain.exitcode != 0:
        raise SystemExit(f"{' '.join(tests)} end with code {plain.exitcode} without any change")
    limit = 10 * (time.monotonic() - began) + _SLACK
    waiting, alive = list(reversed(mutants)), []
    running: list[tuple[Mutant, BaseProcess, float]] = []
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running.append((mutant, _start(mutant, tests, options), time.monotonic()))
        time.sleep(0.01)
        for entry in list(running):
            mutant, process, start = entry
            if process.is_alive() and time.monotonic() - start > limit:
                process.kill()
            elif not process.is_alive():
                running.remove(entry)
                if process.exitcode == 0:
                    alive.append(mutant)
    return alive


def main() -> None:
    """Print the share of killed changes, module by module, and those that live."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, help="modules or folders under src/caloforge")
    parser.add_argument("--sample", type=int, default=0, help="changes of each module, drawn at random; 0: all")
    parser.add_argument("--seed", type=int, default=1, help="of the draw")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--options", default="", help="further words for pytest")
    given = parser.parse_args()
    for name in _HEAVY:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    sys.modules["torch"].set_num_threads(1)
    gc.freeze()  # else pytest has each process search all that the libraries hold, several times
    modules = [m for path in given.paths for m in (sorted(path.glob("*.py")) if path.is_dir() else [path])]
    total = dead = 0
    for path in modules:
        mutants = list(mutants_of(path))
        if not mutants:
            continue
        if given.sample and len(mutants) > given.sample:
            mutants = random.Random(f"{given.seed} {path.name}").sample(mutants, given.sample)
        began = time.monotonic()
        tests = tests_of(path)
        alive = survivors_of(mutants, tests, given.options.split(), given.jobs) if tests else mutants
        total, dead = total + len(mutants), dead + len(mutants) - len(alive)
        share, seconds = 1 - len(alive) / len(mutants), time.monotonic() - began
        print(f"{path}: {len(mutants) - len(alive)} of {len(mutants)} killed, {share:.1%}, {seconds:.0f} s", flush=True)
        for mutant in sorted(alive, key=lambda m: m.line):
            print(mutant.difference(), flush=True)
    print(f"all: {dead} of {total} killed, {dead / max(total, 1):.1%}")


if __name__ == "__main__":
    main()
