"""`caloforge train`: a configuration and showers in, a run folder out, or the folder of an ensemble."""

__all__ = ["train"]

import json
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.models import DeviceName, ModelsFile, load_models
from caloforge.cli.options import BinningOption
from caloforge.cli.progress import track
from caloforge.config import RunConfig, load_config
from caloforge.data.opening import open_showers
from caloforge.device import choose_device
from caloforge.training.ensemble import train_ensemble
from caloforge.training.laws import PLUGINS
from caloforge.training.options import TrainingConfig
from caloforge.training.train import train_run


def train(
    config: Annotated[Path, typer.Argument(help="YAML configuration, or the name of one that comes with caloforge")],
    output: Annotated[Path, typer.Option("-o", "--output", help="run folder to make")],
    override: Annotated[list[str] | None, typer.Option("--set", help="field=value, such as model.beta=0.5")] = None,
    models_file: ModelsFile = None,
    seed: Annotated[int | None, typer.Option(min=0, help="seed, instead of the configuration's")] = None,
    members: Annotated[
        int | None, typer.Option(min=2, help="train an ensemble of so many models, for the uncertainty of the model")
    ] = None,
    bootstrap: Annotated[bool, typer.Option(help="each member on its own resample of the training showers")] = True,
    laws: Annotated[
        Path | None,
        typer.Option(help="Python file with laws of your own; it is run, so it must be trusted"),
    ] = None,
    resume: Annotated[bool, typer.Option(help="go on with an interrupted run in the same folder")] = False,
    binning: BinningOption = None,
    device: DeviceName = "cpu",
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Train a generative model on the training split of a file of showers."""
    load_models(models_file)
    place = choose_device(device)
    PLUGINS.load_installed()
    if laws:
        PLUGINS.load_file(laws)
    run = load_config(config, (override or []) + ([f"seed={seed}"] if seed is not None else []))
    with open_showers(run.data, binning) as file:
        showers, provenance = file.read(), file.origin(run.data)
    if run.energies is not None:
        provenance |= {"energies": list(run.energies), "file_digest": showers.digest}
        showers = run.chosen(showers)
    last: dict[str, float] = {}
    with track("training", (members or 1) * run.training.all_steps) as progress:

        def report(member: int, record: dict[str, float]) -> None:
            last.update(record)
            loss = f"validation {last['validation']:.2f}" if "validation" in last else ""
            progress(member * run.training.all_steps + record["step"], loss)

        if members:
            train_ensemble(
                showers,
                run.model,
                run.training,
                run.seed,
                members,
                output,
                partial(_member, run),
                provenance,
                bootstrap,
                resume,
                report,
                _warn,
                place,
            )
        else:
            text, alone = run.to_yaml(), partial(report, 0)
            train_run(showers, run.model, run.training, run.seed, output, text, provenance, resume, alone, _warn, place)
    if json_only:
        print(json.dumps({"run": str(output), **last}))
    else:
        each = f"{members} members, each " if members else ""
        print(f"trained {each}{last.get('step', 0):.0f} steps, validation {last.get('validation', 0):.2f}: {output}")
    sys.stdout.flush()


def _member(run: RunConfig, seed: int, training: TrainingConfig) -> str:
    """The configuration of a member, with which `caloforge train` makes it again."""
    return run.model_copy(update={"seed": seed, "training": training}).to_yaml()


def _warn(text: str) -> None:
    print(f"caloforge: {text}", file=sys.stderr)
