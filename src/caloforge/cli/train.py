"""`caloforge train`: a configuration and showers in, a run folder out, or the folder of an ensemble."""

__all__ = ["train"]

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.models import DeviceName, ModelsFile
from caloforge.cli.options import BinningOption
from caloforge.cli.progress import track


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
    """Train a generative model on the training split of a file of showers; under torchrun in several processes."""
    from caloforge.api.train import load_plugins, shown_by, train_config
    from caloforge.config import load_config
    from caloforge.training.processes import one_sentence, processes_of_environment

    processes = processes_of_environment()
    last: dict[str, float] = {}
    alarms: list[str] = []
    with one_sentence(processes):
        load_plugins(models_file, laws)
        run = load_config(config, (override or []) + ([f"seed={seed}"] if seed is not None else []))
        total = (members or 1) * run.training.all_steps
        with track("training", total) if processes.first else nullcontext(_silent) as progress:
            show = shown_by(progress, run.training.all_steps)

            def report(member: int, record: dict[str, float]) -> None:
                if processes.first and not last:
                    batches = f"{run.training.all_steps} steps of {run.training.batch} showers"
                    print(f"training {run.model.name} on {run.data}: {batches}, {device}", file=sys.stderr)
                last.update(record)
                show(member, record)

            def warn(text: str) -> None:
                alarms.append(text)
                print(f"caloforge: {text}", file=sys.stderr)

            train_config(run, output, None, members, bootstrap, resume, report, warn, binning, device, processes)
    if json_only and processes.first:
        print(json.dumps({"run": str(output), **last}))
    elif processes.first:
        file = run.data if isinstance(run.data, str) else run.data[0]
        each = f"{members} members, each " if members else ""
        print(f"trained {each}{last.get('step', 0):.0f} steps on {_showers(output)} showers: {output}")
        print(
            f"validation {last.get('validation', 0):.2f}: loss on held-out showers, less is better ({output}/log.jsonl)"
        )
        if alarms:
            print(f"{len(alarms)} warning{'s' if len(alarms) > 1 else ''} above: look into them before you trust it")
        print(f"next: caloforge generate {output} --like {file} --split test -o FAKE.h5")
    sys.stdout.flush()


def _silent(done: float, text: str = "") -> None:
    """Progress of the processes that are not the first."""


def _showers(run: Path) -> str:
    """How many showers it learned from, in words."""
    from caloforge.training.run import read_training_provenance

    first = run / "members" / "1"
    n = read_training_provenance(first if first.is_dir() else run).training_showers
    return "?" if n is None else f"{n:,}"
