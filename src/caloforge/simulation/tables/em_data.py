"""Which Geant4 data files to use: the user's official datasets, else the built-in tables.

The built-in tables hold what ``G4EmStandardPhysics`` (options 0, 1 and 3) reads for Z = 1..98. They are written out
once, as a Geant4 data folder in the user's cache; fluorescence and Auger data are not among them, so the lists that
would read them do without (`geant4.physics_build`). The approximate hadronic tables and the levels of nuclei are
folders of their own, written when a list needs them.
"""

__all__ = ["DataSource", "find_data", "write_hadron_tables", "write_level_tables", "write_tables"]

import ast
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from caloforge.errors import BadFile, UnwritablePath
from caloforge.files import cache_folder
from caloforge.simulation.tables import hadron_tables, nuclear_levels
from caloforge.simulation.tables.em_tables import SOURCES, packed_tables, write_folder

WRITER = b"2"  # raise it when the same tables are written differently
MARKER = "caloforge-tables.txt"
LEVEL_FILES = (nuclear_levels.FILE, "nuclear_levels.py")
ELECTROMAGNETIC = ("brem_SB", "epics2017", "ion_stopping_data")  # folders of G4EMLOW that options 0, 1 and 3 read
DATASETS = {
    "G4LEDATA": "G4EMLOW",
    "G4ENSDFSTATEDATA": "G4ENSDFSTATE",
    "G4PARTICLEXSDATA": "G4PARTICLEXS",
    "G4LEVELGAMMADATA": "PhotonEvaporation",
    "G4RADIOACTIVEDATA": "RadioactiveDecay",
    "G4NEUTRONHPDATA": "G4NDL",
    "G4PIIDATA": "G4PII",
    "G4REALSURFACEDATA": "RealSurface",
    "G4SAIDXSDATA": "G4SAIDDATA",
    "G4ABLADATA": "G4ABLA",
    "G4INCLDATA": "G4INCL",
    "G4CHANNELINGDATA": "G4CHANNELING",
}


@dataclass(frozen=True)
class DataSource:
    """Where Geant4 finds its data.

    Args:
        kind: ``official`` if the electromagnetic data (G4EMLOW) are the user's official ones, else ``built-in``.
        description: a sentence for the provenance of a file of showers.
        environment: variables that the process of Geant4 sets **before** it imports ``geant4_pybind``. With them the
            import neither asks on stdin nor downloads, and no dataset variable is left without a value.
        hadronic: whose the hadronic cross sections (G4PARTICLEXS) are; ``none`` if the physics list reads none.
    """

    kind: Literal["official", "built-in"]
    description: str
    environment: dict[str, str]
    hadronic: Literal["official", "built-in", "none"] = "none"


def find_data(cache: Path | None = None, hadrons: bool = False) -> DataSource:
    """The official datasets wherever they are found, the built-in tables for what is missing.

    Each dataset is looked for by itself, in this order: its own variable (``G4LEDATA`` ...), the folder named by
    ``GEANT4_DATA_DIR`` (or ``share/Geant4/data`` in it), the folder where geant4-pybind stores its downloads
    (``~/.geant4_pybind``); the highest version wins. What is found nowhere comes from the built-in tables: the
    electromagnetic data, a table of nuclear states that has the proton only, and an empty folder for all the others,
    which a purely electromagnetic physics list does not read; for a hadronic one also the approximate cross sections
    and the levels of nuclei.

    Args:
        cache: folder for the built-in tables; default ``$CALOFORGE_CACHE``, else ``$XDG_CACHE_HOME/caloforge``, else
            ``~/.cache/caloforge``.
        hadrons: whether the physics list has hadronic processes.

    Raises:
        BadFile: a variable names a folder that does not exist or is not the dataset.
        UnwritablePath: the built-in tables are needed and cannot be written.
    """
    official = {variable: path for variable in DATASETS if (path := _official(variable)) is not None}
    environment = {variable: str(path) for variable, path in official.items()}
    if len(official) < len(DATASETS):
        built_in = write_tables(cache)
        places = {"G4LEDATA": built_in / "G4EMLOW", "G4ENSDFSTATEDATA": built_in / "G4ENSDFSTATE"}
        environment = {v: environment.get(v) or str(places.get(v, built_in / "empty")) for v in DATASETS}
    missing = hadrons and "G4PARTICLEXSDATA" not in official
    if missing:
        environment["G4PARTICLEXSDATA"] = str(write_hadron_tables(cache) / "G4PARTICLEXS")
    no_levels = hadrons and "G4LEVELGAMMADATA" not in official
    if no_levels:
        environment["G4LEVELGAMMADATA"] = str(write_level_tables(cache) / "PhotonEvaporation")
    environment["GEANT4_DATA_DIR"] = os.environ.get("GEANT4_DATA_DIR") or str(Path(environment["G4LEDATA"]).parent)
    kind: Literal["official", "built-in"] = "official" if "G4LEDATA" in official else "built-in"
    description = _describe(kind, [path.name for path in official.values()])
    description += (
        _built_in("approximate hadronic tables", hadron_tables.SOURCES, hadron_tables.FILES) if missing else ""
    )
    description += _built_in("levels of nuclei", nuclear_levels.SOURCES, LEVEL_FILES) if no_levels else ""
    return DataSource(kind, description, environment, ("built-in" if missing else "official") if hadrons else "none")


def write_tables(cache: Path | None = None) -> Path:
    """The built-in tables as a Geant4 data folder in the cache: written beside and renamed, reused when complete.

    Args:
        cache: parent of the folder; the user's cache if None.

    Raises:
        UnwritablePath: the cache cannot be written.
    """
    packed = packed_tables()
    folder = (cache or cache_folder()) / f"geant4-em-{hashlib.sha256(packed + WRITER).hexdigest()[:16]}"
    return _cached(folder, lambda new: write_folder(new, packed))


def write_hadron_tables(cache: Path | None = None) -> Path:
    """The approximate hadronic tables as a Geant4 data folder in the cache, as `write_tables`.

    Args:
        cache: parent of the folder; the user's cache if None.

    Raises:
        UnwritablePath: the cache cannot be written.
    """
    folder = (cache or cache_folder()) / f"geant4-hadron-{_digest(hadron_tables.FILES)[:16]}"
    return _cached(folder, lambda new: hadron_tables.write_hadron_folder(new / "G4PARTICLEXS"))


def write_level_tables(cache: Path | None = None) -> Path:
    """The levels of nuclei as a Geant4 data folder in the cache, as `write_tables`.

    Args:
        cache: parent of the folder; the user's cache if None.

    Raises:
        UnwritablePath: the cache cannot be written.
    """
    folder = (cache or cache_folder()) / f"geant4-levels-{_digest(LEVEL_FILES)[:16]}"
    return _cached(folder, lambda new: nuclear_levels.write_levels_folder(new / "PhotonEvaporation"))


def _cached(folder: Path, write: Callable[[Path], None]) -> Path:
    if _is_complete(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".geant4-") as beside:
            _write_marked(Path(beside) / "new", write)
            _put_in_place(Path(beside) / "new", folder, Path(beside) / "damaged")
    except OSError as error:
        problem = f"{error.strerror or error} (the variable CALOFORGE_CACHE names another folder)"
        raise UnwritablePath(folder, problem) from error
    return folder


def _describe(kind: Literal["official", "built-in"], official: list[str]) -> str:
    if kind == "official":
        return f"official Geant4 datasets {', '.join(official)}"
    others = f"; official {', '.join(official)}" if official else ""
    return f"built-in EM tables ({SOURCES}), sha256 {hashlib.sha256(packed_tables()).hexdigest()}{others}"


def _digest(names: tuple[str, ...]) -> str:
    folder = resources.files("caloforge.simulation.tables")
    contents = (folder.joinpath(name).read_bytes() for name in names)
    deciding = (_code_alone(text) if name.endswith(".py") else text for name, text in zip(names, contents, strict=True))
    return hashlib.sha256(b"".join(deciding)).hexdigest()


def _code_alone(source: bytes) -> bytes:
    """A module without docstrings, comments and line breaks of its own, none of which decides a number."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree).encode()


def _built_in(what: str, sources: str, names: tuple[str, ...]) -> str:
    return f"; built-in {what} ({sources}), sha256 {_digest(names)}"


def _official(variable: str) -> Path | None:
    """The user's folder of one dataset; a folder that this module wrote does not count as official."""
    if named := os.environ.get(variable):
        return _checked(variable, Path(named))
    versions = (v for place in _places() for v in sorted(place.glob(DATASETS[variable] + "[0-9]*"), key=_version)[-1:])
    return next((_checked(variable, path) for path in versions), None)


def _places() -> Iterator[Path]:
    """The folders that may hold official datasets, each under its official name."""
    if named := os.environ.get("GEANT4_DATA_DIR"):
        if not Path(named).is_dir():
            raise BadFile(named, "GEANT4_DATA_DIR names no folder", "unset it or name the folder of the datasets")
        yield from (Path(named), Path(named, "share", "Geant4", "data"))
    yield Path.home() / ".geant4_pybind"


def _version(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.name)]


def _checked(variable: str, folder: Path) -> Path | None:
    if not folder.is_dir():
        raise BadFile(folder, f"{variable} names no folder", f"unset it or name the folder of {DATASETS[variable]}")
    lacking = [part for part in ELECTROMAGNETIC if variable == "G4LEDATA" and not (folder / part).is_dir()]
    if lacking:
        raise BadFile(folder, f"it lacks {', '.join(lacking)}", "use G4EMLOW 8.0 or later, or unset G4LEDATA")
    return None if (folder.parent / MARKER).is_file() else folder


def _size(folder: Path) -> int:
    files = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names if name != MARKER)
    return sum(path.stat().st_size for path in files)


def _is_complete(folder: Path) -> bool:
    """True if the marker is there, which is written last, and no file was lost since."""
    try:
        return (folder / MARKER).read_text() == f"{SOURCES}\n{_size(folder)} bytes\n"
    except OSError:
        return False


def _put_in_place(new: Path, folder: Path, damaged: Path) -> None:
    """Rename ``new`` to ``folder``; another process that was faster wins, a damaged folder gives way."""
    if folder.exists() and not _is_complete(folder):
        folder.rename(damaged)
    try:
        new.rename(folder)
    except OSError:
        if not _is_complete(folder):
            raise


def _write_marked(folder: Path, write: Callable[[Path], None]) -> None:
    write(folder)
    (folder / MARKER).write_text(f"{SOURCES}\n{_size(folder)} bytes\n")
