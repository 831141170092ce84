"""`caloforge export`: a trained model as a bundle for software outside."""

__all__ = ["export"]

import json
from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.models import ModelsFile, load_models


def export(
    run: Annotated[Path, typer.Argument(help="run folder, or the name of a model that comes with caloforge")],
    output: Annotated[Path, typer.Option("-o", "--output", help="folder to make")],
    target: Annotated[str, typer.Option(help="generic, par04, ddml or fastcalosim")] = "generic",
    opset: Annotated[int, typer.Option(help="of the operators, 16 to 20; old runtimes want it low")] = 16,
    ir: Annotated[int | None, typer.Option(help="version of the file format; default: the lowest that will do")] = None,
    models_file: ModelsFile = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace an earlier bundle")] = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Write a model as a graph for other software, compared with PyTorch in double precision."""
    from caloforge.deployment.export import ExportOptions, export_run  # with PyTorch, which --help need not wait for
    from caloforge.training.run import load_run

    load_models(models_file)
    manifest = export_run(load_run(run), str(run), output, ExportOptions(target, opset, ir, overwrite))
    size = sum(path.stat().st_size for path in output.iterdir())
    if json_only:
        print(json.dumps({"bundle": str(output), "target": target, "bytes": size, "parity": dict(manifest.parity)}))
        return
    figures = manifest.parity
    print(
        f"{output}: {target}, {size / 1e6:.2f} MB, opset {opset}, IR {manifest.options['ir']}; "
        f"{figures['showers']} showers against float64: {figures['flipped_hits']} of {figures['cells']} cells flipped, "
        f"deviation of a cell {figures['median']:.1e} (median), {figures['quantile_999']:.1e} (99.9 %), "
        f"of a layer up to {figures['layer_sum']:.1e}"
    )
