"""`caloforge beta-sweep`: the weight of the KL term of a VAE."""

__all__ = ["beta_sweep"]

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caloforge.cli.options import BinningOption, OverwriteOption
from caloforge.cli.progress import track
from caloforge.data.bundled import BUNDLED
from caloforge.errors import BadValue
from caloforge.files import require_new, require_writable, write_files
from caloforge.training.folders import run_folder

if TYPE_CHECKING:
    from caloforge.diagnosis.beta_sweep import Point


def beta_sweep(
    run: Annotated[Path, typer.Argument(help="run folder of a VAE, or the name of a model that comes with caloforge")],
    output: Annotated[Path, typer.Option("-o", "--output", help="folder for the small runs, the figure and JSON")],
    truth: Annotated[Path, typer.Option(help="HDF5 file of showers, or bundled; best the one trained on")] = Path(
        BUNDLED
    ),
    betas: Annotated[str, typer.Option(help="values of beta, separated by commas")] = "0.1,0.3,1,3,10",
    steps: Annotated[int, typer.Option(min=1, help="training steps of each copy")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same numbers")] = 1,
    binning: BinningOption = None,
    overwrite: OverwriteOption = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Train small copies of a run at several beta: rate, distortion, latents in use, and AUC of each."""
    from caloforge.config import load_config
    from caloforge.data.opening import open_showers
    from caloforge.diagnosis.beta_sweep import beta_sweep as measure
    from caloforge.diagnosis.beta_sweep import draw_sweep
    from caloforge.models import ModelConfig
    from caloforge.reporting.style import png

    values = _betas(betas)
    require_new(output / "beta_sweep.json", overwrite, [truth])
    require_writable(output)
    config = load_config(run_folder(run) / "config.yaml")
    training = config.training.model_copy(update={"steps": steps})
    with open_showers(truth, binning) as file:
        showers, facts = config.chosen(file.read()), file.origin(truth)

    def text(model: ModelConfig) -> str:
        return config.model_copy(update={"model": model, "training": training, "data": str(truth)}).to_yaml()

    with track("beta sweep", 1.0) as progress:
        points = measure(showers, config.model, training, values, seed, output / "runs", facts, text, progress)
    answer = {
        "run": str(run),
        "truth": str(truth),
        "steps": steps,
        "seed": seed,
        "points": [p.to_dict() for p in points],
    }
    contents = {
        "beta_sweep.json": json.dumps(answer, indent=1).encode() + b"\n",
        "beta_sweep.png": png(draw_sweep(points)),
    }
    write_files(output, contents)
    print(json.dumps(answer) if json_only else f"{_table(points)}\n{output / 'beta_sweep.png'}")


def _betas(text: str) -> list[float]:
    try:
        values = [float(word) for word in text.split(",")]
    except ValueError:
        values = []
    if not values or len(set(values)) < len(values) or not all(0 < v < 1e6 for v in values):
        raise BadValue("--betas", text, "write different positive numbers separated by commas, such as 0.1,1,10")
    return values


def _table(points: "list[Point]") -> str:
    lines = [f"{'beta':>8}{'rate':>9}{'distortion':>12}{'latents':>9}   AUC on observables, on cells (floor)"]
    for p in points:
        aucs = ", ".join(f"{m.value:.3f} ± {m.error:.3f} ({m.floor:.3f})" for m in (p.auc_high, p.auc_low))
        lines.append(f"{p.beta:8g}{p.rate:9.2f}{p.distortion:12.2f}{p.active_units:9d}   {aucs}")
    return "\n".join(lines)
