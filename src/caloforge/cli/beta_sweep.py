"""`caloforge diagnose --beta-sweep`: the weight of the KL term of a VAE."""

__all__ = ["sweep_betas"]

import json
from pathlib import Path

from caloforge.cli.progress import track
from caloforge.config import load_config
from caloforge.data.bundled import showers_path
from caloforge.data.store import ShowerFile
from caloforge.diagnosis.beta_sweep import Point, beta_sweep, draw_sweep
from caloforge.errors import BadValue
from caloforge.models import ModelConfig
from caloforge.reporting.style import png
from caloforge.training.run import run_folder


def sweep_betas(run: Path, truth: Path, output: Path, betas: str, steps: int, seed: int, json_only: bool) -> None:
    """Train small copies of a run at several beta, measure and draw them."""
    values = _betas(betas)
    config = load_config(run_folder(run) / "config.yaml")
    training = config.training.model_copy(update={"steps": steps})
    with ShowerFile(showers_path(truth)) as file:
        showers, facts = config.chosen(file.read()), file.origin(truth)

    def text(model: ModelConfig) -> str:
        return config.model_copy(update={"model": model, "training": training, "data": str(truth)}).to_yaml()

    with track("beta sweep", 1.0) as progress:
        points = beta_sweep(showers, config.model, training, values, seed, output / "runs", facts, text, progress)
    answer = {
        "run": str(run),
        "truth": str(truth),
        "steps": steps,
        "seed": seed,
        "points": [p.to_dict() for p in points],
    }
    (output / "beta_sweep.json").write_text(json.dumps(answer, indent=1))
    (output / "beta_sweep.png").write_bytes(png(draw_sweep(points)))
    print(json.dumps(answer) if json_only else f"{_table(points)}\n{output / 'beta_sweep.png'}")


def _betas(text: str) -> list[float]:
    try:
        values = [float(word) for word in text.split(",")]
    except ValueError:
        values = []
    if not values or len(set(values)) < len(values) or not all(0 < v < 1e6 for v in values):
        raise BadValue("--betas", text, "write different positive numbers separated by commas, such as 0.1,1,10")
    return values


def _table(points: list[Point]) -> str:
    lines = [f"{'beta':>8}{'rate':>9}{'distortion':>12}{'latents':>9}   AUC on observables, on cells (floor)"]
    for p in points:
        aucs = ", ".join(f"{m.value:.3f} ± {m.error:.3f} ({m.floor:.3f})" for m in (p.auc_high, p.auc_low))
        lines.append(f"{p.beta:8g}{p.rate:9.2f}{p.distortion:12.2f}{p.active_units:9d}   {aucs}")
    return "\n".join(lines)
