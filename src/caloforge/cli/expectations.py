"""`caloforge expect`, what it does: rows of expectations, and their table."""

__all__ = ["expectation_rows", "expectation_table"]

import math
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.diagnosis.coverage.recalibration import Recalibration
from caloforge.errors import BadObservable
from caloforge.generation.uncertainty import Expectation, ensemble_expectation, half_width
from caloforge.physics.observables import Observable
from caloforge.training.ensemble import Ensemble
from caloforge.units import format_energy

_NO_MODEL_ERROR = (
    "model error: not known, one model has no spread; train with --members 5 (an ensemble) or --set training.swag=20"
)


def expectation_rows(
    models: Ensemble,
    wanted: dict[str, Observable],
    incident: Incident,
    how: tuple[int, int, float],
    factors: Recalibration | None,
) -> list[dict[str, Any]]:
    """One row a column of each observable, at one incident particle.

    Args:
        models: the model or models.
        wanted: observables by name.
        incident: the particle.
        how: showers of each model, seed, level of the interval.
        factors: to scale the error of the model with.

    Raises:
        BadObservable: one is undefined for the showers of the model.
    """
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
        unit = wanted[name].unit_on(binning)
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


def expectation_table(
    models: Ensemble, rows: list[dict[str, Any]], n: int, level: float, factors: Recalibration | None
) -> str:
    """The rows as a table.

    Args:
        models: the model or models.
        rows: as `expectation_rows` gives them.
        n: showers of each model.
        level: of the interval.
        factors: that the error of the model was scaled with.
    """
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
