"""`caloforge plot`: response, resolution and profiles of one file of showers, as PNG, PDF and JSON."""

__all__ = ["plot"]

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer


def plot(
    file: Annotated[Path, typer.Argument(help="HDF5 file of showers, or bundled")],
    output: Annotated[Path, typer.Option("-o", "--output", help="folder for overview.json and plots/")] = Path("plots"),
    binning: Annotated[str | None, typer.Option(help="readout or XML, for files that do not carry one")] = None,
    seed: Annotated[int, typer.Option(min=0, help="of the bootstrap errors")] = 1,
    overwrite: Annotated[bool, typer.Option(help="replace plots that exist")] = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Draw what showers are like: response and resolution against energy, profiles along and across the axis."""
    from caloforge.api.dataset import open_dataset
    from caloforge.api.plot import plot_dataset

    with open_dataset(file, binning) as dataset:
        facts = plot_dataset(dataset, output, seed, overwrite)
    if json_only:
        print(json.dumps(facts))
        return
    for particle in facts["particles"]:
        print(f"PDG {particle['pdg']}: {sum(particle['showers'])} showers; {_resolution(particle['laws'])}")
        for sentence in particle["misfits"]:
            print(f"  {sentence}")
    print(output / "plots" / "overview.png")


def _resolution(laws: dict[str, Any]) -> str:
    """The fitted resolution with its chi2."""
    from caloforge.reporting.quoting import parameter_words, quality_words

    if "resolution" not in laws:
        return "resolution not fitted: too few energies"
    fit = laws["resolution"]
    chi2 = math.nan if fit["chi2"] is None else fit["chi2"]
    terms = (
        f"{name} {parameter_words('resolution', name, p['value'], p['error'], fit['limits_95'].get(name))}"
        for name, p in fit["parameters"].items()
    )
    return f"resolution {', '.join(terms)}; {quality_words(chi2, fit['degrees_of_freedom'])}".rstrip("; ")
