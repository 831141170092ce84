"""`caloforge expect`: expectations of observables at a condition, with the Monte-Carlo error and that of the model."""

__all__ = ["expect"]

import json
import math
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.api.incident import one_particle
from caloforge.cli.models import ModelsFile, load_models
from caloforge.cli.options import ObservablesOption, load_observables
from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.diagnosis.coverage.recalibration import Recalibration, load_recalibration
from caloforge.errors import BadObservable, BadValue
from caloforge.generation.uncertainty import Expectation, ensemble_expectation, half_width
from caloforge.physics.depth import depth_unit
from caloforge.physics.observables import Observable, select
from caloforge.training.ensemble import Ensemble, load_posterior
from caloforge.training.folders import run_folder
from caloforge.units import format_energy

_NO_MODEL_ERROR = (
    "model error: not known, one model has no spread; train with --members 5 (an ensemble) or --set training.swag=20"
)


def expect(
    run: Annotated[Path, typer.Argument(help="folder of an ensemble or of a run, or the name of a shipped model")],
    energy: Annotated[list[str], typer.Option(help="incident energy, such as 50GeV; may be given several times")],
    observable: Annotated[list[str], typer.Option(help="its name; may be given several times")],
    particle: Annotated[str | None, typer.Option(help="particle, where the model knows several")] = None,
    theta: Annotated[str | None, typer.Option(help="angle to the normal, such as 30deg")] = None,
    phi: Annotated[str | None, typer.Option(help="azimuth about the normal, such as 0deg")] = None,
    n: Annotated[int, typer.Option("-n", min=2, help="showers of each model at each energy")] = 2000,
    level: Annotated[float, typer.Option(min=0.01, max=0.999, help="of the interval")] = 0.95,
    recalibration: Annotated[
        Path | None, typer.Option(help="coverage.json of `caloforge coverage`, to scale the model error with")
    ] = None,
    draws: Annotated[int, typer.Option(min=2, help="models to draw where the run was trained with SWAG")] = 20,
    models_file: ModelsFile = None,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same numbers")] = 1,
    extrapolate: Annotated[bool, typer.Option(help="allow energies and angles outside those of the training")] = False,
    observables: ObservablesOption = None,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """E[T(shower) | incident particle] with its Monte-Carlo error and the error of the model."""
    load_models(models_file)
    load_observables(observables)
    wanted = select(observable)
    for name, o in wanted.items():
        if o.per == "cell":
            raise BadValue("--observable", name, "it has a value for every cell; choose one per shower, layer or ring")
    models = load_posterior(run, draws, seed)
    conditions = models.pipeline.condition
    incidents = [one_particle(conditions.trained, text, particle, theta, phi) for text in energy]
    if not extrapolate:
        conditions.check_range(Incident.concatenate(incidents))
    factors = load_recalibration(recalibration, run_folder(run)) if recalibration else None
    rows = [row for incident in incidents for row in _rows(models, wanted, incident, (n, seed, level), factors)]
    facts = {"run": str(run), "method": models.method, "members": len(models.members), "n": n, "seed": seed}
    if json_only:
        print(json.dumps({**facts, "level": level, "expectations": rows}))
    else:
        print(_text(models, rows, n, level, factors))


def _rows(
    models: Ensemble,
    wanted: dict[str, Observable],
    incident: Incident,
    how: tuple[int, int, float],
    factors: Recalibration | None,
) -> list[dict[str, Any]]:
    """One row a column of each observable, at one incident particle."""
    n, seed, level = how
    binning = models.pipeline.binning

    def all_columns(showers: Showers) -> Float[Array, "n k"]:
        return np.concatenate([o(showers) for o in wanted.values()], axis=1)

    expectation = ensemble_expectation(models.members, all_columns, incident, n, seed)
    names = [(name, column) for name, o in wanted.items() for column in o.column_names(binning)]
    rows = []
    for i, (name, column) in enumerate(names):
        if math.isnan(expectation.value[i]):
            at = f"is undefined for the model's showers at {format_energy(float(incident.energy[0]))}"
            raise BadObservable(f"{name} {column}".strip(), at, "choose another, or another energy")
        unit = wanted[name].unit.replace("{depth}", depth_unit(binning))
        factor = factors.factor(name) if factors else 1.0
        rows.append(
            {"energy_MeV": float(incident.energy[0]), "observable": name, "column": column, "unit": unit}
            | _numbers(expectation, i, level, factor)
        )
    return rows


def _numbers(expectation: Expectation, i: int, level: float, factor: float) -> dict[str, float | None]:
    model, value = float(expectation.model_error[i]) * factor, float(expectation.value[i])
    lone = math.isnan(model)
    width = float(half_width(level, np.array([model**2]), expectation.members, expectation.mc_error[[i]] ** 2)[0])
    return {
        "value": value,
        "mc_error": float(expectation.mc_error[i]),
        "model_error": None if lone else model,
        "low": None if lone else value - width,
        "high": None if lone else value + width,
    }


def _text(models: Ensemble, rows: list[dict[str, Any]], n: int, level: float, factors: Recalibration | None) -> str:
    lone = models.method == "single"
    lines = [f"{models.text}, {n} showers of each"]
    if factors:
        lines.append(f"model error scaled as measured in {factors.source}")
    head = f"{'energy':>8}  {'observable':28}{'value':>12}{'MC error':>11}{'model error':>13}"
    lines.append(head + ("" if lone else f"{f'{100 * level:g} % interval':>24}  unit"))
    for row in rows:
        name = f"{row['observable']} {row['column']}".strip()
        line = f"{format_energy(row['energy_MeV']):>8}  {name:28}{row['value']:12.6g}{row['mc_error']:11.2g}"
        if lone:
            line += f"{'not known':>13}  {row['unit']}"
        else:
            line += f"{row['model_error']:13.2g}{row['low']:12.6g} to{row['high']:10.6g} {row['unit']}"
        lines.append(line.rstrip())
    if lone:
        lines.append(_NO_MODEL_ERROR)
    elif any(row["model_error"] == 0 for row in rows):
        lines.append("model error 0: the spread is not above the Monte-Carlo part; give a larger -n")
    return "\n".join(lines)
