"""`caloforge generate`: showers from a trained model, streamed to a file."""

__all__ = ["generate"]

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.models import DeviceName, ModelsFile
from caloforge.cli.options import BinningOption, OverwriteOption
from caloforge.cli.progress import track
from caloforge.data.bundled import showers_path
from caloforge.data.split_names import Part
from caloforge.files import require_new


def generate(
    run: Annotated[Path, typer.Argument(help="run folder, bundle, or name of a model that comes with caloforge")],
    output: Annotated[Path, typer.Option("-o", "--output", help="HDF5 file to make")],
    like: Annotated[
        Path | None, typer.Option(help="file of showers, or bundled, whose incident particles to use")
    ] = None,
    binning: BinningOption = None,
    split: Annotated[
        Part, typer.Option(help="which showers of --like; auto: those that the model was not trained on")
    ] = "all",
    particle: Annotated[str | None, typer.Option(help="particle, where the model knows several")] = None,
    energy: Annotated[str | None, typer.Option(help="50GeV, 5GeV,10GeV (in turn), 1GeV:9GeV:log or :uniform")] = None,
    theta: Annotated[str | None, typer.Option(help="angle to the normal: 30deg or 0deg:30deg:solid-angle")] = None,
    phi: Annotated[str | None, typer.Option(help="azimuth about the normal: 0deg or 0deg:360deg:uniform")] = None,
    n: Annotated[
        int | None, typer.Option("-n", min=1, help="number of showers; with --like, its particles repeat")
    ] = None,
    models_file: ModelsFile = None,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same showers")] = 1,
    batch: Annotated[int, typer.Option(min=1, help="showers in memory at a time; an ensemble: 1000 a member")] = 1000,
    extrapolate: Annotated[bool, typer.Option(help="allow energies and angles outside those of the training")] = False,
    solver: Annotated[
        str | None, typer.Option(help="of a flow matching model: euler, midpoint, heun or rk4; its own if not given")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="of this solver; fewer are faster")] = None,
    dask: Annotated[str | None, typer.Option(help="generate on the dask cluster with this scheduler address")] = None,
    shard: Annotated[str | None, typer.Option(help="i/n: only part i of n, for a job array; then merge")] = None,
    shard_size: Annotated[
        int | None, typer.Option(help="with --shard or --dask: showers in each file that a resumed call can skip")
    ] = None,
    overwrite: OverwriteOption = False,
    device: DeviceName = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="of a bundle: threads of ONNX Runtime")] = 1,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Generate showers with a trained model, or with an ensemble: shower i is of member i mod K."""
    from caloforge.api.asked import Asked
    from caloforge.api.generator import GenerateRequest, GeneratorWords, generate_file

    require_new(output, overwrite, [showers_path(like) if like else None])
    model = GeneratorWords(str(run), str(models_file) if models_file else None, device, threads, solver, steps)
    asked = Asked(energy, n, like, particle, theta, phi, split, binning, seed, extrapolate)
    request = GenerateRequest(model, asked, batch, lambda text: print(f"caloforge: warning: {text}", file=sys.stderr))
    with track("generating", 1.0) as report:

        def progress(done: int, total: int) -> None:
            report(done / total, f"{done} showers")

        if dask or shard or shard_size is not None:
            from caloforge.cli.job_array import generate_parts

            answer, text = generate_parts(request, dask, shard, output, shard_size, overwrite, progress)
        else:
            count, per_shower = generate_file(request, output, progress)
            answer = {"file": str(output), "showers": count, "generator_ms_per_shower": per_shower}
            text = f"{output}: {count} showers, {per_shower:.3f} ms each"
    print(json.dumps(answer) if json_only else text)
