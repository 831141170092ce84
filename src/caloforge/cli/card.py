"""`caloforge card`: the model card of a run, from its own files and its report."""

__all__ = ["card"]

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from caloforge.errors import BadFile
from caloforge.files import replace_when_complete, require_new
from caloforge.training.folders import run_folder, weights_digest


def card(
    run: Annotated[Path, typer.Argument(help="run folder, or the name of a model that comes with caloforge")],
    report: Annotated[Path | None, typer.Option(help="report.json of `caloforge validate`")] = None,
    extrapolation: Annotated[Path | None, typer.Option(help="extrapolation.json of `caloforge extrapolation`")] = None,
    time: Annotated[bool, typer.Option("--time", help="measure here how long a shower takes")] = False,
    bundle: Annotated[Path | None, typer.Option(help="its export, which is then measured too")] = None,
    licence: Annotated[str | None, typer.Option(help="of the weights, as CC-BY-4.0")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="file to write; else it is printed")] = None,
    overwrite: Annotated[bool, typer.Option(help="replace the output if it exists")] = False,
) -> None:
    """Write a model card: intended range, training data, metrics with floors, limits, licence, citation."""
    import yaml

    from caloforge.reporting.card import model_card
    from caloforge.training.run import load_run

    if output:
        require_new(output, overwrite, [report, extrapolation])
    folder = run_folder(run)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    digest = weights_digest(folder)
    model = load_run(run)
    reports = _read(report, "validate"), _read(extrapolation, "extrapolation")
    times = _times(run, bundle) if time or bundle else None
    text = model_card(str(run), model, config, digest, *reports, times, licence)
    if output is None:
        print(text, end="")
        return
    replace_when_complete(output, lambda beside: beside.write_text(text))
    print(output)


def _times(run: Path, bundle: Path | None) -> dict[str, dict[int, float]]:
    """ms a shower by batch, of each way to compute the model."""
    from caloforge.deployment.open_model import open_shower_model
    from caloforge.deployment.timing import time_model

    ways = {"PyTorch": run} | ({"ONNX Runtime": bundle} if bundle else {})
    return {way: time_model(open_shower_model(name)) for way, name in ways.items()}


def _read(path: Path | None, command: str) -> dict[str, Any] | None:
    """A JSON object that a command wrote.

    Raises:
        BadFile: the file cannot be read, or holds something else.
    """
    if path is None:
        return None
    remedy = f"give the JSON file of caloforge {command}"
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BadFile(path, f"cannot be read as JSON ({error})", remedy) from error
    if not isinstance(facts, dict):
        raise BadFile(path, "holds no JSON object", remedy)
    return facts
