"""Measured models in words: the table of the documents, and the lines of an advice."""

__all__ = ["advice_lines", "markdown_table", "number"]

from collections.abc import Iterator

from caloforge.advice.measured import FIGURES, Figure, Meaning, MeasuredModel, Measurements
from caloforge.advice.tasks import Advice, Candidate
from caloforge.units import format_angle, format_energy

_NONE = "-"
_SHOWERS = 20_000  # to simulate for a training


def number(figure: Figure | None, meaning: Meaning) -> str:
    """Value with error and, in brackets, its floor.

    Args:
        figure: measured; None: not measured, or there is none.
        meaning: of the figure.
    """
    if figure is None:
        return _NONE
    digits = meaning.digits
    error = "" if figure.error is None else f" ± {figure.error:.{digits}f}"
    floor = "" if figure.floor is None else f" ({figure.floor:.{digits}f})"
    return f"{figure.value:.{digits}f}{error}{floor}"


def markdown_table(models: Measurements) -> str:
    """A row for each figure, a column for each model, in Markdown; then the commands that measured them.

    Args:
        models: by name.
    """
    head = ["", *(f"`{name}`" for name in models)]
    rows = [
        [f"{meaning.title} {f'[{meaning.unit}]' if meaning.unit else ''}".rstrip()]
        + [number(model.figures.get(key), meaning) for model in models.values()]
        for key, meaning in FIGURES.items()
        if any(key in model.figures for model in models.values())
    ]
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)


def advice_lines(advice: Advice, particle: str | None = None) -> Iterator[str]:
    """What to take, what speaks against the others, and where nothing fits what to train.

    Args:
        advice: on one task.
        particle: its name, for the command that simulates.
    """
    for candidate in advice.fitting:
        yield from _measured(candidate, advice)
    if not advice.fitting:
        yield f"no model that comes with caloforge fits: {advice.task}"
    for candidate in advice.candidates:
        if not candidate.fits:
            yield f"not {candidate.model.name}: {'; '.join(candidate.against)}"
    if not advice.fitting:
        yield from _training(advice, particle)


def _measured(candidate: Candidate, advice: Advice) -> Iterator[str]:
    """A model that fits: what it knows, and its figures."""
    model = candidate.model
    yield f"{model.name}: {_knows(model)}"
    for key in dict.fromkeys([*(limit.figure for limit in advice.limits), *FIGURES]):
        if key in model.figures:
            meaning = FIGURES[key]
            unit = f" {meaning.unit}" if meaning.unit else ""
            yield f"  {meaning.title}: {number(model.figures[key], meaning)}{unit}"


def _knows(model: MeasuredModel) -> str:
    energies, angles = (
        f"{written(low)} to {written(high)}"
        for (low, high), written in ((model.energy, format_energy), (model.theta, format_angle))
    )
    return f"{model.family}, {model.detector}, {model.mesh}, PDG {', '.join(map(str, model.pdg))}, {energies}, {angles}"


def _training(advice: Advice, particle: str | None) -> Iterator[str]:
    """Commands that make what is wished."""
    wish = advice.wish
    if advice.kind is None:
        yield f"no measured model has what {advice.task} asks for: see docs/models.md for the families"
        return
    energies = f"{format_energy(min(wish.energies))}:{format_energy(max(wish.energies))}:log" if wish.energies else ""
    options = [
        f"--detector {wish.detector}" if wish.detector else "",
        f"--particle {particle}" if particle else "",
        f"--energy {energies}" if len(set(wish.energies)) > 1 else "",
    ]
    yield f"train one; the best measured kind for this task is that of {advice.kind}:"
    chosen = " ".join(option for option in options if option)
    yield f"  caloforge simulate {f'{chosen} ' if chosen else ''}-n {_SHOWERS} -o showers.h5"
    yield f"  caloforge train {advice.kind} --set data=showers.h5 -o runs/mine"
