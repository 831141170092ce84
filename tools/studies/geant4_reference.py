"""Geant4's own reference outputs against caloforge's tables: the table of ``docs/geant4-reference.md``.

Each part is an example of Geant4 whose official output lies in its repository; ``geant4_reference.yaml`` holds those
figures with their sources, `reference_setups` the examples, `reference_figures` the comparison. A part runs in a
process of its own and writes a line for each event, so an interrupted run goes on where it stopped. From the root::

    python tools/studies/geant4_reference.py                            # all parts, a quarter of an hour of one core
    python tools/studies/geant4_reference.py --only values testem3 -n 300
    python tools/studies/geant4_reference.py --only calo layer-graphite --no-levels --folder without-levels
    python tools/studies/geant4_reference.py --only layer-fe --window 0 --folder resonances
"""

import argparse
import importlib.util
import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from reference_figures import official, table

from caloforge.errors import BadFile, BadValue, CaloforgeError, Geant4Failed, Geant4Missing, UnknownName
from caloforge.simulation.tables.em_data import find_data
from caloforge.simulation.tables.hadron_tables import write_hadron_folder
from caloforge.simulation.tables.neutron_resonances import WINDOW

SEED = 1_000_000


@dataclass(frozen=True)
class Changed:
    """What Geant4 gets in place of the tables as they are.

    Args:
        levels: whether there are levels of nuclei.
        window: in ln E, over which cross sections of neutrons are averaged; 0 for as they were evaluated.
    """

    levels: bool = True
    window: float = WINDOW


def tables(part: str, folder: Path, changed: Changed) -> tuple[dict[str, str], str]:
    """Variables for Geant4, and the data behind a part in words.

    Args:
        part: its name.
        folder: for what is changed.
        changed: only in parts with hadrons.
    """
    hadronic = not part.startswith(("values", "testem"))
    data = find_data(hadrons=hadronic)
    environment, words = dict(data.environment), data.description
    if hadronic and not changed.levels:
        environment["G4LEVELGAMMADATA"], words = str(folder / "empty"), words + "; without levels"
        (folder / "empty").mkdir(parents=True, exist_ok=True)
    if hadronic and changed.window != WINDOW:
        target = folder / f"window-{changed.window:g}"
        if not target.exists():
            write_hadron_folder(target, changed.window)
        environment["G4PARTICLEXSDATA"], words = str(target), words + f"; neutrons averaged over {changed.window:g}"
    return environment, words


def read(path: Path, description: str) -> list[dict[str, float]]:
    """The rows of a part, without a line that an interruption cut; none if the file is not there.

    Raises:
        BadFile: it rests on other data.
    """
    if not path.exists():
        return []
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    try:
        head, *rows = [json.loads(line) for line in whole.splitlines()]
    except ValueError as error:
        raise BadFile(path, "it is no file of events", "name another --folder or remove it") from error
    if head != {"tables": description}:
        raise BadFile(path, "its events rest on other tables", "name another --folder or remove it")
    path.write_bytes(whole + b"\n")
    return rows


AS_THEY_ARE = Changed()


def simulate(name: str, number: int, folder: Path, changed: Changed = AS_THEY_ARE) -> list[dict[str, float]]:
    """The rows of a part: those of earlier runs and what is missing of ``number`` events.

    Args:
        name: of the part.
        number: of events.
        folder: where a file for each part lies.
        changed: tables of Geant4 to change.

    Raises:
        BadFile: the file rests on other data.
        Geant4Failed: the process died.
        Geant4Missing: geant4-pybind is not installed.
    """
    if importlib.util.find_spec("geant4_pybind") is None:
        raise Geant4Missing
    environment, description = tables(name, folder.absolute(), changed)
    path, block = folder / f"{name}.jsonl", official()[name].block
    rows = read(path, description)
    wanted = math.ceil(number / block) if official()[name].events else 1
    if len(rows) >= wanted:
        return rows[:wanted]
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text(json.dumps({"tables": description}) + "\n")
    missing, seed = (wanted - len(rows)) * block, SEED + len(rows) * block
    words = [sys.executable, __file__, "--worker", name, str(missing), str(seed), str(path)]
    done = subprocess.run(words, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    rows = read(path, description)
    if len(rows) < wanted:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise Geant4Failed(f"{name} ended with {done.returncode} after {len(rows)} of {wanted} rows: {lines[-1:]}")
    return rows


def work(name: str, number: str, seed: str, path: str) -> None:
    """The process of Geant4."""
    sys.path.insert(0, str(Path(__file__).parent))
    import reference_engine

    with open(path, "a") as stream:  # noqa: PTH123 a line for each event, flushed

        def emit(row: dict[str, float]) -> None:
            stream.write(json.dumps(row) + "\n")
            stream.flush()

        if name == "values":
            emit(reference_engine.values())
        else:
            reference_engine.run(name, int(number), int(seed), official()[name].block, emit)
    os._exit(0)  # Geant4 is not taken down in order under Python


def main() -> None:
    """Simulate what is missing and print a table for each part."""
    if sys.argv[1:2] == ["--worker"]:
        work(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(official()), metavar="PART", help=" ".join(official()))
    parser.add_argument("-n", type=int, help="events of each part; by default those of the figures' file")
    parser.add_argument("--folder", type=Path, default=Path("geant4-reference"), help="a file of events for each part")
    parser.add_argument("--no-levels", action="store_true", help="Geant4 gets no levels of nuclei")
    parser.add_argument("--window", type=float, default=WINDOW, help="average neutrons over this width in ln E")
    options = parser.parse_args()
    changed = Changed(not options.no_levels, options.window)
    try:
        if options.n is not None and options.n < 1:
            raise BadValue("-n", options.n, "give at least one event")
        if not 0 <= options.window <= 5:
            raise BadValue("--window", options.window, "give a width in ln E between 0 and 5, such as 0.2")
        for name in options.only:
            if name not in official():
                raise UnknownName("part", name, official())
        for name in options.only:
            rows = simulate(name, options.n or official()[name].ours, options.folder, changed)
            print(table(name, rows), flush=True)
    except (CaloforgeError, OSError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command goes on from here")


if __name__ == "__main__":
    main()
