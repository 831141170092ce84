"""`caloforge validate`: generated showers against truth, judged by a checklist, as a report."""

__all__ = ["validate"]

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from caloforge.cli.models import DeviceName
from caloforge.cli.options import BinningOption, ObservablesOption, OverwriteOption, SplitOption
from caloforge.cli.progress import track
from caloforge.files import require_new, require_writable


def validate(
    generated: Annotated[list[Path], typer.Argument(help="HDF5 files of generated showers; several are compared")],
    truth: Annotated[Path, typer.Option(help="HDF5 file of Geant4 showers, or bundled")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="folder for report.html, report.json and plots/; else only the verdict"),
    ] = None,
    checklist: Annotated[
        str, typer.Option(help="requirements: strict, analysis, exploration, or a YAML file of your own")
    ] = "analysis",
    observable: Annotated[
        list[str] | None,
        typer.Option(help="name of one to judge, and no other; may be given several times; default: all"),
    ] = None,
    observables: ObservablesOption = None,
    protocol: Annotated[
        Literal["standard", "perceptron", "calochallenge"],
        typer.Option(help="classifiers: boosted trees and a network, perceptrons, or the CaloChallenge's"),
    ] = "standard",
    trust: Annotated[str | None, typer.Option(help="say which observables are within so much of Geant4: 2%")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="leave out the classifiers, which take most time")] = False,
    threshold: Annotated[str | None, typer.Option(help="cells below count as empty on both sides: 0.1MeV")] = None,
    binning: BinningOption = None,
    split: SplitOption = "auto",
    seed: Annotated[int, typer.Option(min=0, help="same seed, same report")] = 1,
    allow_different_conditions: Annotated[
        bool, typer.Option("--allow-different-conditions", help="compare although particles or energies differ")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="exit with 1 when the checklist does not pass")] = False,
    overwrite: OverwriteOption = False,
    device: DeviceName = "cpu",
    json_only: Annotated[bool, typer.Option("--json", help="print only the JSON of the report")] = False,
) -> None:
    """Compare generated showers with Geant4."""
    from caloforge.api.validate import validate as run_validation
    from caloforge.validation.trust import share

    limit = share(trust) if trust else None
    if output:
        require_new(output / "report.json", overwrite, [truth, *generated])
        require_writable(output)
    with track("validating", 1.0) as progress:
        report = run_validation(
            generated,
            truth,
            checklist=checklist,
            observable=observable or [],
            observables=observables,
            protocol=protocol,
            quick=quick,
            threshold=threshold or 0.0,
            binning=binning,
            split=split,
            seed=seed,
            allow_different_conditions=allow_different_conditions,
            device=device,
            progress=progress,
        )
    print(json.dumps(report.to_dict()) if json_only else report.verdict)
    if limit and not json_only:
        print(*(f"{f'{m.name}: ' if report.several else ''}{m.trust(limit)}" for m in report.models), sep="\n")
    if output:
        with track("drawing", 1.0) as progress:
            path = report.write(output, progress=progress, overwrite=overwrite)
        if not json_only:
            print(path)
    if strict and not report.passed:
        raise typer.Exit(1)
