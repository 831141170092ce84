"""`caloforge generate`: showers from a trained model, streamed to a file."""

__all__ = ["generate"]

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from caloforge.cli.models import DeviceName, ModelsFile
from caloforge.cli.options import BinningOption, OverwriteOption
from caloforge.cli.progress import track
from caloforge.data.split_names import Split
from caloforge.errors import BadValue


def generate(
    run: Annotated[Path, typer.Argument(help="run folder, bundle, or name of a model that comes with caloforge")],
    output: Annotated[Path, typer.Option("-o", "--output", help="HDF5 file to make")],
    like: Annotated[
        Path | None, typer.Option(help="file of showers, or bundled, whose incident particles to use")
    ] = None,
    binning: BinningOption = None,
    split: Annotated[Split | None, typer.Option(help="only those of --like in this split")] = None,
    particle: Annotated[str | None, typer.Option(help="particle, where the model knows several")] = None,
    energy: Annotated[str | None, typer.Option(help="50GeV, 5GeV,10GeV (in turn), 1GeV:9GeV:log or :uniform")] = None,
    theta: Annotated[str | None, typer.Option(help="angle to the normal: 30deg or 0deg:30deg:solid-angle")] = None,
    phi: Annotated[str | None, typer.Option(help="azimuth about the normal: 0deg or 0deg:360deg:uniform")] = None,
    n: Annotated[
        int | None, typer.Option("-n", min=1, help="number of showers; with --like, its particles repeat")
    ] = None,
    models_file: ModelsFile = None,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same showers")] = 1,
    batch: Annotated[int, typer.Option(min=1, help="showers in memory at a time; an ensemble: 1000 a member")] = 5000,
    extrapolate: Annotated[bool, typer.Option(help="allow energies and angles outside those of the training")] = False,
    solver: Annotated[
        str | None, typer.Option(help="of a flow matching model: euler, midpoint, heun or rk4; its own if not given")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="of this solver; fewer are faster")] = None,
    overwrite: OverwriteOption = False,
    device: DeviceName = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="of a bundle: threads of ONNX Runtime")] = 1,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Generate showers with a trained model, or with an ensemble: shower i is of member i mod K."""
    from caloforge.deployment.manifest import MANIFEST  # NumPy, which `--help` does without

    options: dict[str, Any] = {
        "like": like,
        "particle": particle,
        "theta": theta,
        "phi": phi,
        "split": split,
        "binning": binning,
        "seed": seed,
        "batch": batch,
        "extrapolate": extrapolate,
        "output": output,
        "overwrite": overwrite,
        "warn": lambda text: print(f"caloforge: warning: {text}", file=sys.stderr),
    }
    with track("generating", 1.0) as report:
        options["progress"] = lambda done, total: report(done / total, f"{done} showers")
        if (run / MANIFEST).is_file():
            from caloforge.api.bundle import generate_from_bundle

            if solver is not None or steps is not None:
                raise BadValue("solver, steps", (solver, steps), "those of a bundle are written into its graphs")
            count, per_shower = generate_from_bundle(run, energy, n, threads=threads, **options)
        else:
            from caloforge.api.model import load_model  # needs PyTorch

            with load_model(run, models_file, device).generate(
                energy, n, solver=solver, steps=steps, **options
            ) as showers:
                count, per_shower = len(showers), showers.provenance.host_ms_per_shower or 0.0
    answer = {"file": str(output), "showers": count, "generator_ms_per_shower": per_shower}
    print(json.dumps(answer) if json_only else f"{output}: {count} showers, {per_shower:.3f} ms each")
