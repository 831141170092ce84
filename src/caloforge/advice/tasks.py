r"""Tasks, the figures that decide them, and the models that fit: best first, with what speaks against the others.

A model fits where it knows the detector, the particle and the energies, and where its figures keep the limits of the
task. Of two models that fit, the one with the better first figure comes first.
"""

__all__ = ["TASKS", "Advice", "Candidate", "Limit", "Task", "Wish", "advise"]

from dataclasses import dataclass
from typing import NamedTuple

from caloforge.advice.measured import FIGURES, MeasuredModel, Measurements
from caloforge.errors import UnknownName
from caloforge.units import format_energy

_ROUNDING = 1e-3  # of an energy: 100 GeV lies in a training up to 99.98 GeV


class Limit(NamedTuple):
    """What a figure has to keep.

    Args:
        figure: its name in `FIGURES`.
        value: the worst that will do; None: any, but it has to be measured.
        higher: whether more is better.
    """

    figure: str
    value: float | None = None
    higher: bool = False

    def kept_by(self, value: float) -> bool:
        """Whether a value is as good as the limit.

        Args:
            value: of the figure.
        """
        if self.value is None:
            return True
        return value >= self.value if self.higher else value <= self.value


class Task(NamedTuple):
    """What decides a task.

    Args:
        limits: the first one ranks.
        beyond: whether the energies asked for may lie outside the training.
    """

    limits: tuple[Limit, ...]
    beyond: bool = False


TASKS: dict[str, Task] = {
    "fidelity": Task((Limit("auc", 0.75),)),
    "likelihood": Task((Limit("log_likelihood", higher=True),)),
    "tails": Task((Limit("rare_coverage", 80.0, higher=True), Limit("freaks", 1.0))),
    "speed": Task((Limit("ms_at_1000"),)),
    "extrapolation": Task((Limit("response_beyond", 1.0),), beyond=True),
}
"""By name."""


class Wish(NamedTuple):
    """What showers are wanted.

    Args:
        detector: by name; None: any.
        pdg: PDG number of the particle; None: any.
        energies: that the model has to know, MeV.
    """

    detector: str | None = None
    pdg: int | None = None
    energies: tuple[float, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A model and what speaks against it.

    Args:
        model: with its figures.
        against: sentences without their full stop; none where it fits.
        trained_for: whether it knows what is wished, whatever its figures.
    """

    model: MeasuredModel
    against: tuple[str, ...]
    trained_for: bool

    @property
    def fits(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.against


@dataclass(frozen=True)
class Advice:
    """All models for one task.

    Args:
        task: its name.
        wish: what was asked for.
        limits: of the task, as they were applied.
        candidates: those that fit first, then those that were trained for it, best first.
    """

    task: str
    wish: Wish
    limits: tuple[Limit, ...]
    candidates: tuple[Candidate, ...]

    @property
    def fitting(self) -> tuple[Candidate, ...]:
        """Those that fit, the best first."""
        return tuple(candidate for candidate in self.candidates if candidate.fits)

    @property
    def kind(self) -> str | None:
        """The best measured model, whatever it was trained for: what to train for other showers; None: none is."""
        best = min(self.candidates, key=lambda candidate: _rank(candidate.model, self.limits[0]), default=None)
        measured = best is not None and self.limits[0].figure in best.model.figures
        return best.model.name if best is not None and measured else None


def advise(models: Measurements, task: str, wish: Wish, limit: float | None = None) -> Advice:
    """The models that fit a task, and what speaks against the others.

    Args:
        models: measured ones, by name.
        task: of `TASKS`.
        wish: what showers are wanted.
        limit: the worst value of the task's first figure that will do; None: that of `TASKS`.

    Raises:
        UnknownName: no such task.
    """
    if task not in TASKS:
        raise UnknownName("task", task, TASKS)
    first, *others = TASKS[task].limits
    limits = (first if limit is None else first._replace(value=limit), *others)
    trained = wish._replace(energies=()) if TASKS[task].beyond else wish
    candidates = [_candidate(model, trained, limits) for model in models.values()]
    candidates.sort(key=lambda one: (not one.fits, not one.trained_for, _rank(one.model, limits[0]), one.model.name))
    return Advice(task, wish, limits, tuple(candidates))


def _rank(model: MeasuredModel, limit: Limit) -> float:
    """Smaller is better."""
    figure = model.figures.get(limit.figure)
    return float("inf") if figure is None else -figure.value if limit.higher else figure.value


def _candidate(model: MeasuredModel, wish: Wish, limits: tuple[Limit, ...]) -> Candidate:
    mismatches = tuple(_mismatches(model, wish))
    return Candidate(model, (*mismatches, *_failures(model, limits)), not mismatches)


def _mismatches(model: MeasuredModel, wish: Wish) -> list[str]:
    """What it was not trained for."""
    against = []
    if wish.detector is not None and wish.detector != model.detector:
        against.append(f"trained on {model.detector}")
    if wish.pdg is not None and wish.pdg not in model.pdg:
        against.append(f"trained on particles {', '.join(map(str, model.pdg))} (PDG)")
    low, high = model.energy
    if any(not low * (1 - _ROUNDING) <= energy <= high * (1 + _ROUNDING) for energy in wish.energies):
        against.append(f"trained from {format_energy(low)} to {format_energy(high)}")
    return against


def _failures(model: MeasuredModel, limits: tuple[Limit, ...]) -> list[str]:
    """Limits that it does not keep."""
    against = []
    for limit in limits:
        meaning, figure = FIGURES[limit.figure], model.figures.get(limit.figure)
        if figure is None:
            against.append(f"{meaning.title}: not measured, or it has none")
        elif not limit.kept_by(figure.value):
            against.append(f"{meaning.title}: {meaning.text(figure.value)}, the limit is {limit.value:g}")
    return against
