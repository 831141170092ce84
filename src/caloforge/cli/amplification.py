"""`caloforge amplification`: how many showers of full simulation generated ones are worth."""

__all__ = ["amplification"]

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from caloforge import __version__
from caloforge.cli.options import (
    BinningOption,
    ObservablesOption,
    OverwriteOption,
    SplitOption,
    load_observables,
    one_a_shower,
)
from caloforge.cli.progress import track
from caloforge.files import require_new, require_writable, write_files


def amplification(
    generated: Annotated[Path, typer.Argument(help="HDF5 file of generated showers with energies of their own")],
    truth: Annotated[list[Path], typer.Option(help="HDF5 file of Geant4 showers, or bundled; may be given repeatedly")],
    output: Annotated[Path, typer.Option("-o", "--output", help="folder for amplification.json and plots/")],
    observable: Annotated[
        list[str] | None, typer.Option(help="one of one value a shower; default: twelve that tell different things")
    ] = None,
    cells: Annotated[int, typer.Option(min=2, help="quantiles whose contents are compared")] = 10,
    training_showers: Annotated[
        int | None, typer.Option(min=1, help="size of the training sample, for files that do not say")
    ] = None,
    split: SplitOption = "auto",
    binning: BinningOption = None,
    observables: ObservablesOption = None,
    overwrite: OverwriteOption = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Say how many Geant4 showers a generated sample is worth, and if that is more than it was trained on."""
    from caloforge.api.truth import left_out_text, open_truth
    from caloforge.cli.amplified import (
        observables_asked,
        plots_of,
        require_independent,
        showers_of_training,
        worth_table,
    )
    from caloforge.data.opening import find_binning, open_showers
    from caloforge.diagnosis.amplification.worth import amplification as amplify
    from caloforge.diagnosis.collapse.three_samples import COLUMNS
    from caloforge.validation.sample import read_sample

    require_new(output / "amplification.json", overwrite, [generated, *truth])
    require_writable(output)
    own = one_a_shower(load_observables(observables))
    chosen, mesh = observables_asked(observable or [*COLUMNS, *own]), find_binning(binning)
    with ExitStack() as stack, track("amplification", 1.0) as progress:
        showers = stack.enter_context(open_showers(generated, mesh))
        reference, facts = open_truth(stack, truth, split, mesh, showers)
        training = training_showers or showers_of_training(showers)
        true = read_sample(reference, chosen, keep=0)
        progress(0.1, "generated showers")
        sample = read_sample(showers, chosen, keep=0, progress=lambda done: progress(0.1 + 0.8 * done / len(showers)))
        require_independent(true, sample)
        origin = {"generated": {"file": str(generated), **showers.provenance.facts}, "truth": facts}
    amplifications = [
        amplify(name, true.table[name][:, 0], sample.table[name][:, 0], training, cells) for name in chosen
    ]
    answer = {
        "showers": len(sample),
        "truth_showers": len(true),
        "training_showers": training,
        "observables": {amplified.name: amplified.to_dict() for amplified in amplifications},
    }
    written = answer | {"caloforge": __version__, "provenance": origin}
    write_files(
        output, {**plots_of(amplifications), "amplification.json": json.dumps(written, indent=1).encode() + b"\n"}
    )
    for line in [] if json_only else left_out_text(facts):
        print(line)
    print(json.dumps(answer) if json_only else f"{worth_table(amplifications)}\n{output / 'amplification.json'}")
