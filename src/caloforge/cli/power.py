"""`caloforge power`: how many showers each metric needs to see known faults of a sample."""

__all__ = ["power"]

import json
from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.options import BinningOption, ObservablesOption, OverwriteOption
from caloforge.cli.progress import track
from caloforge.errors import BadValue
from caloforge.files import finite_json


def power(
    truth: Annotated[Path, typer.Argument(help="HDF5 file of Geant4 showers, or bundled")],
    foreign: Annotated[
        Path | None, typer.Option(help="showers of another particle; 1 % of the showers are exchanged for such")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="showers of a model; 5 % of the cells are exchanged for theirs")
    ] = None,
    sizes: Annotated[
        str | None, typer.Option(help="showers of each sample, 250,500,1000 say; default: up to 4000")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="of each spoil and size")] = 8,
    level: Annotated[float, typer.Option(help="share of the trials in which a spoil must be seen")] = 0.5,
    metrics: Annotated[str | None, typer.Option(help="only these, separated by commas: ks,fpd,auc/high")] = None,
    spoils: Annotated[
        str | None, typer.Option(help="only these, separated by commas: response +1 %,cells shuffled")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="folder for table, page, plot and JSON; else only the table")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the trials that an earlier call left")] = False,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same numbers")] = 1,
    binning: BinningOption = None,
    observables: ObservablesOption = None,
    overwrite: OverwriteOption = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Spoil copies of a truth in known ways, and count the showers that each metric needs to see it."""
    from caloforge.api.power import power as measure
    from caloforge.validation.power.scores import DEFAULT

    with track("power", 1.0) as progress:
        result = measure(
            truth,
            foreign=foreign,
            model=model,
            spoils=_words(spoils),
            metrics=_words(metrics) or DEFAULT,
            sizes=_sizes(sizes),
            trials=trials,
            level=level,
            observables=observables,
            binning=binning,
            seed=seed,
            output=output,
            resume=resume,
            overwrite=overwrite,
            progress=progress,
        )
    if json_only:
        print(json.dumps(finite_json(result.to_dict())))
        return
    print("\n".join([result.to_markdown(), *result.notes]))
    if output:
        print(output / "power.html")


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()] if text else []


def _sizes(text: str | None) -> list[int]:
    try:
        return [int(word) for word in _words(text)]
    except ValueError:
        raise BadValue("--sizes", text, "write whole numbers separated by commas, such as 250,500,1000") from None
