"""`caloforge validate`: generated showers against truth, as a report."""

__all__ = ["validate"]

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from caloforge.cli.progress import track
from caloforge.data.samples import showers_path
from caloforge.data.showers import Showers
from caloforge.data.splits import take_split
from caloforge.data.store import ShowerFile
from caloforge.geometry.binning import Binning
from caloforge.geometry.readouts import readout
from caloforge.validation.report import require_writable
from caloforge.validation.validate import validate as run_validation


def validate(
    generated: Annotated[Path, typer.Argument(help="HDF5 file of generated showers")],
    truth: Annotated[Path, typer.Option(help="HDF5 file of Geant4 showers, or bundled")],
    output: Annotated[Path, typer.Option("-o", "--output", help="folder for report.html, report.json and plots/")],
    binning: Annotated[str | None, typer.Option(help="readout or XML, for files that do not carry one")] = None,
    split: Annotated[
        Literal["auto", "test", "all"],
        typer.Option(help="showers of the truth to compare with; auto: test if the model was trained on this truth"),
    ] = "auto",
    seed: Annotated[int, typer.Option(min=0, help="same seed, same report")] = 1,
    allow_different_conditions: Annotated[
        bool, typer.Option("--allow-different-conditions", help="compare although particles or energies differ")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="exit with 1 when a requirement is not met")] = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only the JSON of the report")] = False,
) -> None:
    """Compare generated showers with Geant4."""
    require_writable(output)
    mesh = readout(binning) if binning else None
    reference, origin = _read(showers_path(truth), mesh)
    judged, source = _read(generated, mesh)
    if split == "auto":
        split = "test" if source.get("training", {}).get("showers_digest") == reference.digest else "all"
    if split == "test":
        reference = take_split(reference, "test")
    facts = {"truth": {**origin, "split": split}, "generated": source}
    with track("validating", 1.0) as progress:
        report = run_validation(reference, judged, seed, facts, allow_different_conditions, progress=progress)
    with track("drawing", 1.0) as progress:
        path = report.write(output, progress=progress)
    print(json.dumps(report.to_dict()) if json_only else f"{report.verdict}\n{path}")
    if strict and not report.passed:
        raise typer.Exit(1)


def _read(path: Path, binning: Binning | None) -> tuple[Showers, dict[str, Any]]:
    with ShowerFile(path, binning) as file:
        return file.read(), {"file": str(path), "detector": file.detector, **file.provenance}
