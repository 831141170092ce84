"""`caloforge coverage`: do the intervals of an ensemble hold the truth as often as they say?"""

__all__ = ["coverage"]

import json
from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.models import ModelsFile, load_models
from caloforge.cli.options import BinningOption, ObservablesOption, OverwriteOption, load_observables
from caloforge.cli.progress import track
from caloforge.files import require_new, require_writable, write_files


def coverage(
    runs: Annotated[list[Path], typer.Argument(help="folders of ensembles or runs; several are compared")],
    truth: Annotated[list[Path], typer.Option(help="held-out showers, HDF5; several files, also outside the range")],
    output: Annotated[Path, typer.Option("-o", "--output", help="folder for coverage.json and the figures")],
    fit: Annotated[
        Path | None, typer.Option(help="other held-out showers to fit a factor on the model error to; or bundled")
    ] = None,
    single: Annotated[Path | None, typer.Option(help="a run to compare as one model, whatever spread it has")] = None,
    bins: Annotated[int, typer.Option(min=1, help="energy bins in the trained range")] = 4,
    repeats: Annotated[int, typer.Option(min=2, help="showers of each member for each true shower")] = 4,
    growth: Annotated[
        int, typer.Option(min=2, help="showers of all models together at each energy of growth.png")
    ] = 10_000,
    draws: Annotated[int, typer.Option(min=2, help="models to draw where a run was trained with SWAG")] = 20,
    models_file: ModelsFile = None,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same numbers")] = 1,
    binning: BinningOption = None,
    observables: ObservablesOption = None,
    overwrite: OverwriteOption = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Coverage of the 68 and 95 % intervals of expectations on held-out showers, in range and outside.

    Showers that a model was trained on or stopped by are left out of the truth; those it was trained on, and those of
    the truth, are left out of --fit, whatever files they come in.
    """
    import numpy as np

    from caloforge.cli.coverage_table import coverage_facts, coverage_text, read_all
    from caloforge.data.unseen import left_out_sentences, unseen_showers
    from caloforge.diagnosis.coverage.plots import draw_coverage, draw_growth
    from caloforge.diagnosis.coverage.study import CoverageStudy, measure_coverage
    from caloforge.reporting.style import png
    from caloforge.training.ensemble import load_ensemble, load_posterior

    load_models(models_file)
    require_new(output / "coverage.json", overwrite, [*truth, fit])
    require_writable(output)
    own = load_observables(observables)
    posteriors = [(path, load_posterior(path, draws, seed)) for path in runs]
    if single:
        posteriors.append((single, load_ensemble(single)))
    ids = [models.training_ids for _, models in posteriors]
    train, both = (np.concatenate([getattr(each, name) for each in ids]) for name in ("train", "all"))
    showers = read_all(truth, binning)
    held_out = unseen_showers(showers, both)
    fitted = (
        (unseen_showers(read_all([fit], binning), np.concatenate([train, held_out.ids])), str(fit)) if fit else None
    )
    left_out = len(showers) - len(held_out)
    studies: list[CoverageStudy] = []
    with track("coverage", float(len(posteriors))) as progress:
        for i, (path, models) in enumerate(posteriors):
            name = path.name if i < len(runs) else f"{path.name} alone"
            studies.append(measure_coverage(name, models, held_out, fitted, bins, repeats, seed, growth, own))
            progress(i + 1.0, name)
    answer = coverage_facts(studies, [path for path, _ in posteriors], truth, fit, len(held_out)) | {
        "left_out": left_out
    }
    contents = {
        "coverage.png": png(draw_coverage(studies)),
        "growth.png": png(draw_growth(studies)),
        "coverage.json": json.dumps(answer, indent=1).encode() + b"\n",
    }
    write_files(output, contents)
    lines = [*left_out_sentences(left_out), coverage_text(studies, len(held_out)), str(output / "coverage.json")]
    print(json.dumps(answer) if json_only else "\n".join(lines))
