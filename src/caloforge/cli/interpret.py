"""`caloforge interpret`: what a trained model has learned, and where a classifier sees that it is not Geant4."""

__all__ = ["interpret"]

from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.models import ModelsFile, load_models
from caloforge.cli.options import BinningOption, ObservablesOption, OverwriteOption, load_observables
from caloforge.cli.progress import track
from caloforge.data.bundled import BUNDLED
from caloforge.files import require_new, require_writable
from caloforge.units import parse_energy


def interpret(
    run: Annotated[Path, typer.Argument(help="run folder, or the name of a model that comes with caloforge")],
    output: Annotated[Path, typer.Option("-o", "--output", help="folder for the page, plots and JSON")],
    truth: Annotated[Path, typer.Option(help="file of showers, or bundled; training showers are left out")] = Path(
        BUNDLED
    ),
    n: Annotated[int, typer.Option("-n", min=100, help="showers to generate for each question")] = 5000,
    energy: Annotated[
        str | None, typer.Option(help="energy at which latents are moved; default: middle of the training range")
    ] = None,
    models_file: ModelsFile = None,
    observable: Annotated[
        list[str] | None, typer.Option(help="name of a shower shape; may be given several times; default: all")
    ] = None,
    binning: BinningOption = None,
    observables: ObservablesOption = None,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same result")] = 1,
    overwrite: OverwriteOption = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Show what latents, energy and conditioning do in a trained model, and what a classifier sees."""
    from caloforge.data.opening import open_showers
    from caloforge.interpretation.interpret import interpret_run
    from caloforge.interpretation.page import write_interpretation
    from caloforge.interpretation.sentences import summary
    from caloforge.training.run import load_run

    load_models(models_file)
    require_new(output / "interpretation.json", overwrite, [truth])
    require_writable(output)
    load_observables(observables)
    at = None if energy is None else parse_energy(energy)
    model = load_run(run)
    with open_showers(truth, binning) as file:
        showers, facts = file.read(), file.origin(truth)
    origin = {"model": str(run), "seed": seed, "n": n, "truth": facts, "training": model.provenance.facts}
    with track("interpreting", 1.0) as progress:
        interpretation = interpret_run(model, showers, seed, n, at, observable, origin, progress=progress)
        path = write_interpretation(interpretation, output)
    if json_only:
        print((output / "interpretation.json").read_text())
    else:
        print("\n".join([*summary(interpretation), str(path)]))
