"""`caloforge score`: what a model says of given showers, one by one."""

__all__ = ["score"]

import json
import math
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from jaxtyping import Float
from numpy import ndarray as Array
from scipy.stats import kstest

from caloforge.cli.models import ModelsFile, load_models
from caloforge.cli.options import BinningOption, ObservablesOption, OverwriteOption, SplitOption, load_observables
from caloforge.cli.progress import track
from caloforge.data.incident import Incident
from caloforge.data.opening import open_showers
from caloforge.data.showers import Showers
from caloforge.data.unseen import left_out_sentences, part_of
from caloforge.errors import BadValue, EmptySample
from caloforge.files import replace_when_complete, require_new
from caloforge.generation.likelihood import (
    credible_interval,
    draw_alike,
    likelihood_ranks,
    log_likelihood,
    tail_probability,
)
from caloforge.physics.observables import OBSERVABLES, select
from caloforge.training.run import Run, load_run


def score(
    run: Annotated[Path, typer.Argument(help="run folder, or the name of a model that comes with caloforge")],
    showers: Annotated[Path, typer.Argument(help="HDF5 file of showers, or bundled")],
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON with the scores of every shower")],
    binning: BinningOption = None,
    observables: ObservablesOption = None,
    split: SplitOption = "auto",
    n: Annotated[int, typer.Option("-n", min=1, help="score the first so many showers")] = 100,
    observable: Annotated[list[str] | None, typer.Option(help="one of one value a shower; default: all")] = None,
    draws: Annotated[int, typer.Option(min=20, help="showers to draw for each, at its own conditions")] = 100,
    samples: Annotated[int, typer.Option(min=2, help="draws of the latent for a likelihood")] = 16,
    level: Annotated[float, typer.Option(min=0.01, max=0.999, help="part that an interval holds")] = 0.9,
    likelihood: Annotated[bool, typer.Option(help="likelihoods and ranks; implicit models have none")] = True,
    models_file: ModelsFile = None,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same scores")] = 1,
    overwrite: OverwriteOption = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only the JSON of the summary")] = False,
) -> None:
    """Likelihoods with their ranks, tail probabilities and credible intervals of observables, for each shower."""
    load_models(models_file)
    require_new(output, overwrite, [showers])
    load_observables(observables)
    names = _names(observable)
    trained = load_run(run)
    with open_showers(showers, binning) as file:
        given = file.read()
    chosen = Showers.concatenate([given[:0], *part_of(given, split, trained.training_ids.all).batches()])
    left_out = len(given) - len(chosen) if split == "auto" else 0
    given = chosen[:n]
    if len(given) == 0:
        raise EmptySample("scoring needs showers that did not train the model, or of the split", 0)
    trained.pipeline.condition.check_range(Incident.of(given))
    with track("scoring", 1.0) as progress:
        alike = draw_alike(trained.model, trained.pipeline, Incident.of(given), draws, seed)
        progress(0.2, f"{len(alike)} showers drawn")
        scores = {name: _observable(name, given, alike, level) for name in names}
        if likelihood:
            scores = {"log_likelihood": _likelihood(trained, given, alike, samples, seed)} | scores
        progress(1.0, "done")
    summary = {name: _summary(entry, level) for name, entry in scores.items()}
    facts = {
        "run": str(run),
        "showers": len(given),
        "left_out": left_out,
        "draws": draws,
        "samples": samples,
        "level": level,
        "seed": seed,
    }
    answer = {**facts, "summary": summary}
    text = json.dumps({**answer, "incident_energy": given.incident_energy.tolist(), "scores": _plain(scores)})
    replace_when_complete(output, lambda beside: beside.write_text(text))
    lines = [*left_out_sentences(left_out), _table(summary, level), str(output)]
    print(json.dumps(answer) if json_only else "\n".join(lines))


def _names(observable: list[str] | None) -> list[str]:
    one_value = [name for name, o in OBSERVABLES.items() if o.per == "shower"]
    for name in select(observable or []):
        if name not in one_value:
            raise BadValue("--observable", name, f"it has several values a shower; choose of {', '.join(one_value)}")
    return observable or one_value


Scores = dict[str, Float[Array, " N"]]


def _likelihood(run: Run, given: Showers, alike: Showers, samples: int, seed: int) -> Scores:
    value, error = log_likelihood(run.model, run.pipeline, given, seed, samples)
    drawn, _ = log_likelihood(run.model, run.pipeline, alike, seed + 1, samples)
    rank, rank_error = likelihood_ranks(value, drawn.reshape(len(given), -1))
    return {"value": value, "error": error, "rank": rank, "rank_error": rank_error}


def _observable(name: str, given: Showers, alike: Showers, level: float) -> Scores:
    observed = OBSERVABLES[name](given)[:, 0].astype(np.float64)
    drawn = OBSERVABLES[name](alike)[:, 0].astype(np.float64).reshape(len(given), -1)
    tail, error = tail_probability(observed, drawn)
    low, high = credible_interval(drawn, level)
    return {"value": observed, "tail": tail, "tail_error": error, "low": low, "high": high}


def _summary(entry: Scores, level: float) -> dict[str, float]:
    """Are ranks or tail probabilities uniform, as they are for showers that the model describes?"""
    uniform = entry["rank" if "rank" in entry else "tail"]
    uniform = uniform[~np.isnan(uniform)]
    facts = {"mean": float(np.nanmean(entry["value"])), "uniform_p_value": float(kstest(uniform, "uniform").pvalue)}
    if "low" in entry:
        inside = (entry["value"] >= entry["low"]) & (entry["value"] <= entry["high"])
        facts |= {"inside": float(inside.mean()), "inside_error": math.sqrt(level * (1 - level) / len(inside))}
    return facts


def _table(summary: dict[str, dict[str, float]], level: float) -> str:
    lines = [f"{'':24}{'mean':>12}{'in ' + format(level, '.0%') + ' interval':>20}{'uniform: p':>12}"]
    for name, row in summary.items():
        inside = f"{row['inside']:.1%} ± {row['inside_error']:.1%}" if "inside" in row else ""
        lines.append(f"{name:24}{row['mean']:12.4g}{inside:>20}{row['uniform_p_value']:12.2g}")
    return "\n".join(lines)


def _plain(scores: dict[str, Scores]) -> dict[str, Any]:
    """Lists for JSON, which knows no NaN: None in its place."""
    return {
        name: {k: [None if math.isnan(x) else x for x in v.tolist()] for k, v in entry.items()}
        for name, entry in scores.items()
    }
