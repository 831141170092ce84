"""`caloforge diagnose`: what ails a trained model: collapse, lost modes, copies."""

__all__ = ["diagnose"]

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caloforge.cli.models import ModelsFile, load_models
from caloforge.cli.options import BinningOption, ObservablesOption, OverwriteOption, load_observables, one_a_shower
from caloforge.cli.progress import track
from caloforge.data.bundled import BUNDLED
from caloforge.files import require_new, require_writable

if TYPE_CHECKING:
    from caloforge.diagnosis.collapse.diagnose import Diagnosis


def diagnose(
    run: Annotated[Path, typer.Argument(help="run folder, or the name of a model that comes with caloforge")],
    output: Annotated[Path, typer.Option("-o", "--output", help="folder for the report, plots and JSON")],
    truth: Annotated[Path, typer.Option(help="HDF5 file of showers, or bundled; best the one trained on")] = Path(
        BUNDLED
    ),
    n: Annotated[
        int | None, typer.Option("-n", min=1, help="showers to generate; default: as many as are held out")
    ] = None,
    models_file: ModelsFile = None,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same diagnosis")] = 1,
    strict: Annotated[bool, typer.Option("--strict", help="exit with 1 when a test alarms")] = False,
    binning: BinningOption = None,
    observables: ObservablesOption = None,
    overwrite: OverwriteOption = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Test a trained model for lost modes, posterior collapse and copies of training showers."""
    from caloforge.data.opening import open_showers
    from caloforge.diagnosis.collapse.diagnose import diagnose_run
    from caloforge.diagnosis.collapse.page import write_diagnosis
    from caloforge.training.run import load_run

    load_models(models_file)
    require_new(output / "diagnosis.json", overwrite, [truth])
    require_writable(output)
    own = one_a_shower(load_observables(observables))
    model = load_run(run)
    with open_showers(truth, binning) as file:
        showers, facts = file.read(), file.origin(truth)
    origin = {"model": str(run), "seed": seed, "truth": facts, "training": model.provenance.facts}
    with track("diagnosing", 1.0) as progress:
        diagnosis = diagnose_run(model, showers, seed, n, origin, progress, own)
        path = write_diagnosis(diagnosis, output)
    print((output / "diagnosis.json").read_text() if json_only else f"{_text(diagnosis)}\n{path}")
    if strict and diagnosis.alarms:
        raise typer.Exit(1)


def _text(diagnosis: "Diagnosis") -> str:
    """One line a finding, the remedy under an alarm."""
    lines = []
    for f in diagnosis.findings:
        lines.append(f"{f.status}: {f.test}: {f.evidence}")
        if f.remedy:
            lines.append(f"    {f.remedy}")
    return "\n".join([*lines, diagnosis.verdict])
