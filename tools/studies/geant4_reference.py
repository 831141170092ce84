"""Geant4's own reference outputs against caloforge's tables: the table of ``docs/geant4-reference.md``.

Each part is an example of Geant4 whose official output lies in its repository; ``geant4_reference.yaml`` holds those
figures with their sources, `reference_setups` the examples. A part runs in a process of its own and writes a line for
each event, so an interrupted run goes on where it stopped. From the root::

    python tools/studies/geant4_reference.py                            # all parts, about half an hour of one core
    python tools/studies/geant4_reference.py --only values testem3 -n 300
    python tools/studies/geant4_reference.py --only calo layer-graphite --no-levels --folder without-levels

The difference of two means has the error s sqrt(1/N_official + 1/N_ours), s the spread per event of our own sample.
Hadron showers differ from each other by more than their tables do: where a part has controls, counts of fast particles
that no table touches, figures are compared at the official controls, by a linear fit to our own events.
"""

import argparse
import functools
import importlib.util
import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.errors import BadFile, BadValue, CaloforgeError, Geant4Failed, Geant4Missing, UnknownName
from caloforge.simulation.tables.em_data import find_data

FIGURES = Path(__file__).with_suffix(".yaml")
GOAL = 2.0  # percent
Column = Float[Array, " n"]
Table = Float[Array, "n c"]
SIGMAS = 3.0
SEED = 1_000_000


@dataclass(frozen=True)
class Part:
    """One official output.

    Args:
        source: path below Geant4's ``examples/extended``.
        what: what is shot at what.
        figures: official means per event.
        events: of the official run; 0 where nothing is random.
        ours: events that we simulate.
        block: of our events, those that share a line.
        controls: official means of what the tables do not touch, and other figures go with.
        goal: percent asked for, by figure, where it is not 2.
        other: why a figure is held to nothing.
    """

    source: str
    what: str
    figures: dict[str, float]
    events: int = 0
    ours: int = 0
    block: int = 1
    controls: dict[str, float] = field(default_factory=dict)
    goal: dict[str, float] = field(default_factory=dict)
    other: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Compared:
    """A figure of ours over an official one; differences and errors in percent of the official one.

    Args:
        name: of the figure.
        official: its official mean.
        ours: our mean.
        plain: difference of the means, and its error.
        held: what is judged: the same, or the difference at the official controls, and its error.
        goal: percent asked for.
        other: why it is held to nothing.
    """

    name: str
    official: float
    ours: float
    plain: tuple[float, float]
    held: tuple[float, float]
    goal: float = GOAL
    other: str = ""

    @property
    def sigma(self) -> float:
        return self.held[0] / self.held[1] if self.held[1] > 0 else 0.0

    @property
    def verdict(self) -> str:
        """Within the goal, its error added; else within three sigma, or beyond."""
        if self.other:
            return self.other
        if abs(self.sigma) > SIGMAS:
            return "**beyond 3 sigma**"
        if abs(self.held[0]) + self.held[1] <= self.goal:
            return f"within {self.goal:g} %"
        return "within 3 sigma" if self.held[1] > 0 else f"**beyond {self.goal:g} %**"


@functools.cache
def official() -> dict[str, Part]:
    """All parts by name."""
    return {name: Part(**content) for name, content in yaml.safe_load(FIGURES.read_text()).items()}


def tables(part: str, empty: Path | None = None) -> tuple[dict[str, str], str]:
    """Variables for Geant4, and the data behind a part in words; with ``empty`` in place of the levels of nuclei."""
    hadronic = not part.startswith(("values", "testem"))
    data = find_data(hadrons=hadronic)
    if empty is None or not hadronic:
        return data.environment, data.description
    return data.environment | {"G4LEVELGAMMADATA": str(empty)}, f"{data.description}; without levels"


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


def simulate(name: str, number: int, folder: Path, levels: bool = True) -> list[dict[str, float]]:
    """The rows of a part: those of earlier runs and what is missing of ``number`` events.

    Args:
        name: of the part.
        number: of events.
        folder: where a file for each part lies.
        levels: whether Geant4 has levels of nuclei.

    Raises:
        BadFile: the file rests on other data.
        Geant4Failed: the process died.
        Geant4Missing: geant4-pybind is not installed.
    """
    if importlib.util.find_spec("geant4_pybind") is None:
        raise Geant4Missing
    empty = folder.absolute() / "empty"
    environment, description = tables(name, None if levels else empty)
    path, block = folder / f"{name}.jsonl", official()[name].block
    rows = read(path, description)
    wanted = math.ceil(number / block) if official()[name].events else 1
    if len(rows) >= wanted:
        return rows[:wanted]
    empty.mkdir(parents=True, exist_ok=True)
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


def difference(values: Column, official_mean: float, part: Part, controls: Table | None = None) -> tuple[float, float]:
    """Difference of our mean and the official one, and its error.

    Args:
        values: of each row.
        official_mean: the same in the official run.
        part: for the numbers of events.
        controls: of each row, less their official means; the difference is that where they vanish.
    """
    if not part.events or len(values) < 2:
        return float(values.mean()) - official_mean, 0.0
    design = np.ones((len(values), 1))
    if controls is not None and len(values) > 3 * controls.shape[1]:
        design = np.hstack([design, controls])
    fit = np.linalg.lstsq(design, values, rcond=None)[0]
    freedom = len(values) - design.shape[1]
    spread = math.sqrt(((values - design @ fit) ** 2).sum() / freedom)
    spread = spread or math.sqrt(official_mean)  # Poisson's where none of ours has any
    ours = np.linalg.pinv(design.T @ design)[0, 0]  # 1/N without controls
    return float(fit[0]) - official_mean, spread * math.sqrt(part.block / part.events + ours)


def compare(name: str, rows: list[dict[str, float]]) -> list[Compared]:
    """Every figure of a part, the controls first.

    Args:
        name: of the part.
        rows: counts of events or blocks of events.
    """
    part, result = official()[name], []
    controls = np.array([[row.get(figure, 0.0) - mean for figure, mean in part.controls.items()] for row in rows])
    for figure, value in (part.controls | part.figures).items():
        counts, other = np.array([row.get(figure, 0.0) for row in rows]), part.other.get(figure, "")
        plain = held = difference(counts, value, part)
        if figure in part.controls:
            other = "control"
        elif part.controls:
            held = difference(counts, value, part, controls)
        plain, held = ((100 * shift / value, 100 * error / value) for shift, error in (plain, held))
        result.append(Compared(figure, value, float(counts.mean()), plain, held, part.goal.get(figure, GOAL), other))
    return result


def table(name: str, rows: list[dict[str, float]]) -> str:
    """One part as Markdown."""
    part, number = official()[name], len(rows) * official()[name].block
    counted = f" ({part.events} events; ours {number})" if part.events else ""
    titles = ["figure", "official", "ours", "difference, %", *["at the controls, %"] * bool(part.controls), "sigma", ""]
    lines = [f"### {name}", f"{part.what}: `{part.source}`{counted}", ""]
    lines += [f"| {' | '.join(titles)} |", f"{'| --- ' * len(titles)}|"]
    for row in compare(name, rows):
        shown = [row.plain, *[row.held] * bool(part.controls)]
        percents = [f"{shift:+.2f}{f' ± {error:.2f}' if error else ''}" for shift, error in shown]
        cells = [row.name, f"{row.official:.6g}", f"{row.ours:.6g}", *percents]
        lines.append(f"| {' | '.join(cells)} | {f'{row.sigma:+.1f}' if row.held[1] else ''} | {row.verdict} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Simulate what is missing and print a table for each part."""
    if sys.argv[1:2] == ["--worker"]:
        work(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(official()), metavar="PART", help=" ".join(official()))
    parser.add_argument("-n", type=int, help="events of each part; by default those of the figures' file")
    parser.add_argument("--folder", type=Path, default=Path("geant4-reference"), help="a file of events for each part")
    parser.add_argument("--no-levels", action="store_true", help="Geant4 gets no levels of nuclei")
    options = parser.parse_args()
    try:
        if options.n is not None and options.n < 1:
            raise BadValue("-n", options.n, "give at least one event")
        for name in options.only:
            if name not in official():
                raise UnknownName("part", name, official())
        for name in options.only:
            rows = simulate(name, options.n or official()[name].ours, options.folder, not options.no_levels)
            print(table(name, rows), flush=True)
    except (CaloforgeError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
