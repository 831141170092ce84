"""`caloforge train`: a configuration and showers in, a run folder out."""

__all__ = ["train"]

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.progress import track
from caloforge.config import load_config
from caloforge.data.samples import showers_path
from caloforge.data.store import ShowerFile
from caloforge.training.laws import PLUGINS
from caloforge.training.train import train_run


def train(
    config: Annotated[Path, typer.Argument(help="YAML configuration, or the name of one that comes with caloforge")],
    output: Annotated[Path, typer.Option("-o", "--output", help="run folder to make")],
    override: Annotated[list[str] | None, typer.Option("--set", help="field=value, such as model.beta=0.5")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="seed, instead of the configuration's")] = None,
    laws: Annotated[
        Path | None,
        typer.Option(help="Python file with laws of your own; it is run, so it must be trusted"),
    ] = None,
    resume: Annotated[bool, typer.Option(help="go on with an interrupted run in the same folder")] = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Train a generative model on the training split of a file of showers."""
    PLUGINS.load_installed()
    if laws:
        PLUGINS.load_file(laws)
    run = load_config(config, (override or []) + ([f"seed={seed}"] if seed is not None else []))
    with ShowerFile(showers_path(run.data)) as file:
        showers, provenance = file.read(), {"file": run.data, "detector": file.detector, **file.provenance}
    if run.energies is not None:
        provenance |= {"energies": list(run.energies), "file_digest": showers.digest}
        showers = run.chosen(showers)
    last: dict[str, float] = {}
    with track("training", run.training.steps) as progress:

        def report(record: dict[str, float]) -> None:
            last.update(record)
            progress(record["step"], f"validation {last['validation']:.2f}" if "validation" in last else "")

        train_run(showers, run.model, run.training, run.seed, output, run.to_yaml(), provenance, resume, report, _warn)
    if json_only:
        print(json.dumps({"run": str(output), **last}))
    else:
        print(f"trained {last.get('step', 0):.0f} steps, validation {last.get('validation', 0):.2f}: {output}")
    sys.stdout.flush()


def _warn(text: str) -> None:
    print(f"caloforge: {text}", file=sys.stderr)
