"""`caloforge plot`: response, resolution and profiles of one file of showers, as PNG, PDF and JSON."""

__all__ = ["plot"]

import json
from pathlib import Path
from typing import Annotated

import typer

from caloforge.api.dataset import open_dataset
from caloforge.api.plot import plot_dataset


def plot(
    file: Annotated[Path, typer.Argument(help="HDF5 file of showers, or bundled")],
    output: Annotated[Path, typer.Option("-o", "--output", help="folder for overview.json and plots/")] = Path("plots"),
    binning: Annotated[str | None, typer.Option(help="readout or XML, for files that do not carry one")] = None,
    seed: Annotated[int, typer.Option(min=0, help="of the bootstrap errors")] = 1,
    overwrite: Annotated[bool, typer.Option(help="replace plots that exist")] = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Draw what showers are like: response and resolution against energy, profiles along and across the axis."""
    with open_dataset(file, binning) as dataset:
        facts = plot_dataset(dataset, output, seed, overwrite)
    if json_only:
        print(json.dumps(facts))
        return
    for particle in facts["particles"]:
        terms = particle["laws"].get("resolution", {}).get("parameters", {})
        fit = " (+) ".join(f"{name} {t['value']:.4f} ± {t['error']:.4f}" for name, t in terms.items())
        print(
            f"PDG {particle['pdg']}: {sum(particle['showers'])} showers; resolution {fit or 'not fitted: too few bins'}"
        )
    print(output / "plots" / "overview.png")
