"""`caloforge validate`: generated showers against truth, judged by a checklist, as a report."""

__all__ = ["validate"]

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

import typer

from caloforge.api.truth import left_out_text, truth_split
from caloforge.classifiers.protocol import PROTOCOLS
from caloforge.cli.models import DeviceName
from caloforge.cli.options import BinningOption, ObservablesOption, OverwriteOption, load_observables
from caloforge.cli.progress import track
from caloforge.data.opening import find_binning, open_showers
from caloforge.device import choose_device
from caloforge.errors import BadValue
from caloforge.files import require_new, require_writable
from caloforge.units import parse_threshold
from caloforge.validation.checklist import load_checklist
from caloforge.validation.validate import validate as run_validation


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
    sufficient: Annotated[
        str | None, typer.Option(help="judge only these observables: response,layer_energy, say")
    ] = None,
    observables: ObservablesOption = None,
    protocol: Annotated[
        Literal["standard", "perceptron", "calochallenge"],
        typer.Option(help="classifiers: boosted trees and a network, perceptrons, or the CaloChallenge's"),
    ] = "standard",
    quick: Annotated[bool, typer.Option("--quick", help="leave out the classifiers, which take most time")] = False,
    threshold: Annotated[str | None, typer.Option(help="cells below count as empty on both sides: 0.1MeV")] = None,
    binning: BinningOption = None,
    split: Annotated[
        Literal["auto", "test", "all"],
        typer.Option(help="showers of the truth to use; auto: those that the model was not trained on"),
    ] = "auto",
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
    if output:
        require_new(output / "report.json", overwrite, [truth, *generated])
        require_writable(output)
    load_observables(observables)
    asked = load_checklist(checklist)
    lowest = 0.0 if threshold is None else parse_threshold(threshold)
    chosen = [name.strip() for name in sufficient.split(",")] if sufficient else []
    mesh = find_binning(binning)
    with ExitStack() as stack, track("validating", 1.0) as progress:
        reference = stack.enter_context(open_showers(truth, mesh))
        judged = {name: stack.enter_context(open_showers(path, mesh)) for name, path in _named(generated)}
        source, part = truth_split(split, reference, list(judged.values()))
        facts = {
            "truth": {**reference.origin(reference.path), **part},
            **{name: f.origin(f.path) for name, f in judged.items()},
        }
        several = dict(judged) if len(judged) > 1 else judged["generated"]
        report = run_validation(
            source,
            several,
            seed,
            facts,
            allow_different_conditions,
            PROTOCOLS[protocol].on(str(choose_device(device))),
            asked,
            chosen,
            quick,
            progress,
            lowest,
        )
    print(json.dumps(report.to_dict()) if json_only else "\n".join([*left_out_text([part]), report.verdict]))
    if output:
        with track("drawing", 1.0) as progress:
            path = report.write(output, progress=progress)
        if not json_only:
            print(path)
    if strict and not report.passed:
        raise typer.Exit(1)


def _named(paths: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """``generated`` for one file; for several the shortest ends of their paths that differ."""
    if len(paths) == 1:
        yield "generated", paths[0]
        return
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["-".join(path.with_suffix("").parts[-depth:]) for path in paths]
        if len({*names, "truth"}) > len(names):
            yield from zip(names, paths, strict=True)
            return
    raise BadValue("generated files", [str(path) for path in paths], "give each file once")
