"""Official figures of Geant4's examples and how ours are compared with them.

The difference of two means has the error s sqrt(1/N_official + 1/N_ours), s the spread per event of our own sample.
Hadron showers differ from each other by more than their tables do: where a part has controls, counts of fast particles
that no table touches, figures are compared at the official controls, by a linear fit to our own events.
"""

__all__ = ["Compared", "Part", "compare", "official", "table"]

import functools
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml
from jaxtyping import Float
from numpy import ndarray as Array

FIGURES = Path(__file__).with_name("geant4_reference.yaml")
SIGMAS = 3.0
GOAL = 2.0  # percent
Column = Float[Array, " n"]
Table = Float[Array, "n c"]


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
