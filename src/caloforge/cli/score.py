"""`caloforge score`: what a model says of given showers, one by one."""

__all__ = ["score"]

import json
from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.models import ModelsFile, load_models
from caloforge.cli.options import BinningOption, ObservablesOption, OverwriteOption, SplitOption, load_observables
from caloforge.cli.progress import track
from caloforge.errors import EmptySample
from caloforge.files import finite_json, replace_when_complete, require_new


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
    from caloforge.cli.scores import (
        likelihood_scores,
        observable_scores,
        observables_asked,
        score_table,
        summary_of,
        without_nan,
    )
    from caloforge.data.incident import Incident
    from caloforge.data.opening import open_showers
    from caloforge.data.showers import Showers
    from caloforge.data.unseen import left_out_sentences, part_of
    from caloforge.generation.likelihood import draw_alike
    from caloforge.training.run import load_run

    load_models(models_file)
    require_new(output, overwrite, [showers])
    load_observables(observables)
    names = observables_asked(observable)
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
        scores = {name: observable_scores(name, given, alike, level, seed) for name in names}
        if likelihood:
            scores = {"log_likelihood": likelihood_scores(trained, given, alike, samples, seed)} | scores
        progress(1.0, "done")
    summary = {name: summary_of(entry, level) for name, entry in scores.items()}
    facts = {
        "run": str(run),
        "showers": len(given),
        "left_out": left_out,
        "draws": draws,
        "samples": samples,
        "level": level,
        "seed": seed,
    }
    answer = {**facts, "summary": finite_json(summary)}
    text = json.dumps({**answer, "incident_energy": given.incident_energy.tolist(), "scores": without_nan(scores)})
    replace_when_complete(output, lambda beside: beside.write_text(text))
    lines = [*left_out_sentences(left_out), score_table(summary, level, given.binning), str(output)]
    print(json.dumps(answer) if json_only else "\n".join(lines))
