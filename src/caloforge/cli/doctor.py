"""`caloforge doctor`: what of this machine works; each line is fine, or says what to do."""

__all__ = ["Finding", "doctor"]

import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from caloforge import __version__
from caloforge.errors import CaloforgeError
from caloforge.files import cache_folder

State = Literal["ok", "note", "broken"]
_ROOM = 4e9  # bytes that quickstart and a first production want
_PATIENCE = 180.0  # seconds for an import on a slow disk
_GEANT4 = "import geant4_pybind as g4; print(g4.G4VERSION_NUMBER)"
_TORCH = """
import json, torch
cuda = torch.cuda.is_available()
cards = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count() if cuda else 0)]
print(json.dumps({"version": torch.__version__, "threads": torch.get_num_threads(), "cuda": torch.version.cuda,
    "cards": [f"{card.name}, {card.total_memory / 1e9:.0f} GB" for card in cards]}))
"""


@dataclass(frozen=True)
class Finding:
    """One line.

    Args:
        name: of what was looked at.
        state: ``ok``; ``note``, caloforge works without; ``broken``, it does not work.
        text: what there is.
        remedy: what to do; empty where there is nothing to do.
    """

    name: str
    state: State
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        mark = {"ok": "ok    ", "note": "note  ", "broken": "BROKEN"}[self.state]
        return f"{mark} {self.name:<9} {self.text}" + (f"; {self.remedy}" if self.remedy else "")


def doctor(json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False) -> None:
    """Look whether this machine has what caloforge needs; each line is fine or says what to do."""
    findings = []
    for finding in _findings():
        findings.append(finding)
        if not json_only:
            print(finding, flush=True)
    broken = [finding.name for finding in findings if finding.state == "broken"]
    if json_only:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    elif broken:
        print(f"\nto mend first: {', '.join(broken)}")
    else:
        print("\nready; a first step: caloforge quickstart")
    if broken:
        raise typer.Exit(1)


def _findings() -> Iterator[Finding]:
    """Lines in the order of reading; the slow imports run meanwhile, each in a process that may die."""
    torch = _Import(_TORCH, {})
    tables, data = _tables()
    geant4 = _Import(_GEANT4, data) if importlib.util.find_spec("geant4_pybind") else None
    yield Finding("caloforge", "ok", f"{__version__}, Python {platform.python_version()}, {Path(__file__).parents[1]}")
    yield _extras()
    yield _cache()
    yield _disk(Path.cwd())
    yield tables
    yield _geant4(geant4)
    yield from _torch(torch.answer())


class _Import:
    """A package imported in a process of its own.

    Args:
        code: that imports it and prints what is asked of it, last.
        environment: variables that the process gets beside those there are.
    """

    def __init__(self, code: str, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def answer(self) -> tuple[str | None, str]:
        """Last line that it printed, or None and why there is none."""
        try:
            printed, problems = self._process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return None, f"no answer in {_PATIENCE:.0f} s"
        lines = printed.strip().splitlines()
        if self._process.returncode == 0 and lines:
            return lines[-1], ""
        last = (problems.strip().splitlines() or [f"it ended with status {self._process.returncode}"])[-1]
        return None, last


def _extras() -> Finding:
    """Which optional parts have their packages."""
    missing = []
    extras: dict[str, list[str]] = {}
    for line in importlib.metadata.requires("caloforge") or ():
        if found := re.match(r"([\w.-]+).*extra == ['\"](\w+)['\"]", line):
            extras.setdefault(found[2], []).append(found[1])
    for extra in sorted(extras.keys() - {"dev", "docs", "geant4", "mutation"}):
        if not all(map(_installed, extras[extra])):
            missing.append(extra)
    if not missing:
        return Finding("extras", "ok", "all are installed")
    return Finding(
        "extras",
        "note",
        f"not installed: {', '.join(missing)}",
        f"who needs one runs: pip install 'caloforge[{missing[0]}]'",
    )


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _cache() -> Finding:
    """The folder for tables, fetched models and public sets."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder):
            pass
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    except OSError as error:
        problem = f"{folder} cannot be written ({error.strerror or error})"
        return Finding("cache", "broken", problem, "name another folder: export CALOFORGE_CACHE=FOLDER")
    return Finding("cache", "ok", f"{folder} holds {size / 1e6:.0f} MB")


def _disk(folder: Path) -> Finding:
    """Room where results go if nothing else is said."""
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:.1f} GB free in {folder}"
    if not os.access(folder, os.W_OK):
        return Finding("disk", "note", f"{folder} cannot be written", "go elsewhere, or give every command -o")
    if free < _ROOM:
        return Finding("disk", "note", text, f"the quickstart wants {_ROOM / 1e9:.0f} GB")
    return Finding("disk", "ok", text)


def _tables() -> tuple[Finding, dict[str, str]]:
    """Geant4's data, and the variables that name them."""
    from caloforge.simulation.tables.em_data import find_data

    try:
        source = find_data(hadrons=True)
    except CaloforgeError as error:
        return Finding("tables", "broken", str(error)), {}
    kinds = f"electromagnetic {source.kind}, hadronic {source.hadronic}"
    remedy = "" if source.hadronic == "official" else "docs/geant4-reference.md says what those built in are worth"
    return Finding("tables", "ok", kinds, remedy), source.environment


def _geant4(process: "_Import | None") -> Finding:
    install = "pip install 'caloforge[geant4]'"
    if process is None:
        return Finding("Geant4", "note", "not installed; all but `simulate` and `quickstart` works", f"run: {install}")
    version, problem = process.answer()
    if version is None:
        return Finding("Geant4", "broken", f"geant4-pybind cannot be imported: {problem}", f"run: {install} --upgrade")
    dotted = f"{version[:-2]}.{version[-2]}.{version[-1]}"  # 1141 is 11.4.1
    return Finding("Geant4", "ok", f"{dotted}, geant4-pybind {importlib.metadata.version('geant4-pybind')}")


def _torch(answer: tuple[str | None, str]) -> Iterator[Finding]:
    """PyTorch, its threads, and the card that it sees."""
    if answer[0] is None:
        yield Finding("PyTorch", "broken", f"cannot be imported: {answer[1]}", "run: pip install -U torch")
        return
    facts: dict[str, Any] = json.loads(answer[0])
    yield Finding("PyTorch", "ok", facts["version"])
    yield _threads(facts["threads"], _cores())
    yield _card(facts["cards"], facts["cuda"], shutil.which("nvidia-smi") is not None)


def _cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _threads(threads: int, cores: int) -> Finding:
    text = f"{threads} of PyTorch on {cores} cores"
    if threads > cores:
        return Finding("threads", "note", text, f"more than cores are slow: export OMP_NUM_THREADS={cores}")
    return Finding("threads", "ok", text)


def _card(cards: list[str], cuda: str | None, driver: bool) -> Finding:
    if cards:
        return Finding("GPU", "ok", f"{' and '.join(cards)}; train and generate take --device cuda")
    if driver and cuda is None:
        remedy = "for the card: a PyTorch with CUDA, https://pytorch.org/get-started"
        return Finding("GPU", "note", "there is a driver, but this PyTorch is one for processors only", remedy)
    if driver:
        remedy = "nvidia-smi says whether the driver is older than it"
        return Finding("GPU", "note", f"PyTorch (CUDA {cuda}) finds no card, though there is a driver", remedy)
    return Finding("GPU", "ok", "none that PyTorch can use; networks run on the processor")
