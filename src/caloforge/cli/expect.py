"""`caloforge expect`: expectations of observables at a condition, with the Monte-Carlo error and that of the model."""

__all__ = ["expect"]

import json
from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.models import ModelsFile, load_models
from caloforge.cli.options import ObservablesOption, load_observables
from caloforge.errors import BadValue
from caloforge.training.folders import run_folder


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
    from caloforge.api.incident import one_particle
    from caloforge.cli.expectations import expectation_rows, expectation_table
    from caloforge.data.incident import Incident
    from caloforge.diagnosis.coverage.recalibration import load_recalibration
    from caloforge.physics.observables import select
    from caloforge.training.ensemble import load_posterior

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
    rows = [
        row for incident in incidents for row in expectation_rows(models, wanted, incident, (n, seed, level), factors)
    ]
    facts = {"run": str(run), "method": models.method, "members": len(models.members), "n": n, "seed": seed}
    if json_only:
        print(json.dumps({**facts, "level": level, "expectations": rows}))
    else:
        print(expectation_table(models, rows, n, level, factors))
