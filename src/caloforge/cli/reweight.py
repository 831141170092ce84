"""`caloforge reweight`: weights that bring generated showers closer to truth, and showers drawn by them."""

__all__ = ["reweight"]

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from caloforge import __version__
from caloforge.cli.options import BinningOption, ObservablesOption, OverwriteOption, SplitOption, load_observables
from caloforge.errors import BadValue, UnwritablePath
from caloforge.files import require_new


def reweight(
    generated: Annotated[Path, typer.Argument(help="HDF5 file of generated showers")],
    output: Annotated[Path, typer.Option("-o", "--output", help="file of weights; with --apply, of showers")],
    truth: Annotated[
        list[Path] | None, typer.Option(help="fit to this file of Geant4 showers, or bundled; may be given repeatedly")
    ] = None,
    apply: Annotated[
        Path | None,
        typer.Option("--apply", help="file of weights: keep showers with a chance by weight"),
    ] = None,
    fitted: Annotated[
        Path | None, typer.Option("--with", help="folder of --report: weight new showers of the same model")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="folder for figures, JSON, and the networks that --with takes")
    ] = None,
    observable: Annotated[
        list[str] | None, typer.Option(help="what the networks see beside the conditions; default: all")
    ] = None,
    clip: Annotated[
        float, typer.Option(min=1.0, help="largest weight, before their mean is set to one")
    ] = 10.0,  # as `reweighting.crossfit.CLIP`
    split: SplitOption = "auto",
    binning: BinningOption = None,
    observables: ObservablesOption = None,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same weights")] = 1,
    overwrite: OverwriteOption = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Weight generated showers by p(Geant4) / p(generated) of a classifier, or draw showers by such weights."""
    from caloforge.api.truth import left_out_text, open_truth
    from caloforge.cli.reweighting import draw_by_weights, fit_to_truth, observables_asked, sentences, weights_of_new
    from caloforge.data.opening import find_binning, open_showers

    given = [str(path) for path in (truth, apply, fitted) if path]
    if len(given) != 1:
        raise BadValue("--truth, --apply, --with", given, "give exactly one of the three")
    inputs = [generated, *(truth or []), apply, fitted]
    require_new(output, overwrite, inputs)
    if report:
        require_new(report / "reweighting.json", overwrite, inputs)
    if not output.absolute().parent.is_dir():
        raise UnwritablePath(output, "its folder does not exist")
    load_observables(observables)
    mesh = find_binning(binning)
    with ExitStack() as stack:
        showers = stack.enter_context(open_showers(generated, mesh))
        origin = {"generated": {"file": str(generated), **showers.provenance.facts}, "caloforge": __version__}
        if truth:
            chosen = observables_asked(observable)
            reference, facts = open_truth(stack, truth, split, mesh, showers)
            for line in [] if json_only else left_out_text(facts):
                print(line)
            answer = fit_to_truth(showers, reference, origin | {"truth": facts}, output, report, chosen, clip, seed)
        elif fitted is not None:
            answer = weights_of_new(showers, fitted, origin, output)
        else:
            assert apply is not None
            answer = draw_by_weights(showers, apply, output, seed)
    print(json.dumps(answer) if json_only else "\n".join([*sentences(answer), str(output)]))
