"""`caloforge advise`: which of the models that come with caloforge to take for a task, by what was measured."""

__all__ = ["advise"]

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer

from caloforge.advice.measured import load_measured, shipped_measured
from caloforge.advice.tasks import TASKS, Advice, Candidate, Wish
from caloforge.advice.tasks import advise as advise_on
from caloforge.advice.words import advice_lines
from caloforge.errors import BadValue, UnknownName
from caloforge.units import parse_energy


def advise(
    task: Annotated[str, typer.Option(help=f"what matters: {', '.join(TASKS)}")],
    detector: Annotated[str | None, typer.Option(help="name of the detector; default: any")] = None,
    particle: Annotated[str | None, typer.Option(help="such as e- or pi+; default: any")] = None,
    energy: Annotated[
        list[str] | None, typer.Option(help="that it has to know, such as 50GeV; may be given several times")
    ] = None,
    limit: Annotated[
        float | None, typer.Option(help="worst value of the task's first figure that will do; default: its own")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="measurements of your own (tools/studies/measure_models.py)")
    ] = None,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """List the models that fit a task with their measured figures; where none fits, say what to train."""
    from caloforge.simulation.beam import parse_particle

    if task not in TASKS:
        raise UnknownName("task", task, TASKS)
    pdg = None if particle is None else parse_particle(particle)
    wish = Wish(detector, pdg, tuple(parse_energy(text) for text in energy or ()))
    if limit is not None and not math.isfinite(limit):
        raise BadValue("--limit", limit, "give a finite number")
    models, unmeasured = shipped_measured() if table is None else (load_measured(table), [])
    advice = advise_on(models, task, wish, limit)
    if json_only:
        print(json.dumps(_plain(advice) | {"not_measured": unmeasured}, indent=1))
        return
    lines = [*advice_lines(advice, particle), *(f"not measured with these weights: {name}" for name in unmeasured)]
    print("\n".join(lines))


def _plain(advice: Advice) -> dict[str, Any]:
    """Values for JSON."""
    return {
        "task": advice.task,
        "wish": {**advice.wish._asdict(), "energies": list(advice.wish.energies)},
        "limits": [limit._asdict() for limit in advice.limits],
        "fits": [candidate.model.name for candidate in advice.fitting],
        "train": None if advice.fitting else advice.kind,
        "models": [_candidate(candidate) for candidate in advice.candidates],
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    model = candidate.model
    return {
        "name": model.name,
        "family": model.family,
        "detector": model.detector,
        "mesh": model.mesh,
        "pdg": list(model.pdg),
        "energy": list(model.energy),
        "theta": list(model.theta),
        "against": list(candidate.against),
        "figures": {name: vars(figure) for name, figure in model.figures.items()},
    }
