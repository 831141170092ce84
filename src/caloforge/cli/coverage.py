"""`caloforge coverage`: do the intervals of an ensemble hold the truth as often as they say?"""

__all__ = ["coverage"]

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from caloforge.cli.models import ModelsFile, load_models
from caloforge.cli.options import BinningOption, ObservablesOption, OverwriteOption, load_observables
from caloforge.cli.progress import track
from caloforge.data.opening import open_showers
from caloforge.data.showers import Showers
from caloforge.data.unseen import left_out_sentences, unseen_showers
from caloforge.diagnosis.coverage.plots import draw_coverage, draw_growth
from caloforge.diagnosis.coverage.recalibration import ONE_SIGMA, TWO_SIGMA
from caloforge.diagnosis.coverage.study import GROWTH, CoverageStudy, measure_coverage
from caloforge.files import require_new, require_writable, write_files
from caloforge.reporting.style import png
from caloforge.training.ensemble import load_ensemble, load_posterior
from caloforge.training.folders import run_folder


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
    load_models(models_file)
    require_new(output / "coverage.json", overwrite, [*truth, fit])
    require_writable(output)
    own = load_observables(observables)
    posteriors = [(path, load_posterior(path, draws, seed)) for path in runs]
    if single:
        posteriors.append((single, load_ensemble(single)))
    ids = [models.training_ids for _, models in posteriors]
    train, both = (np.concatenate([getattr(each, name) for each in ids]) for name in ("train", "all"))
    showers = _read(truth, binning)
    held_out = unseen_showers(showers, both)
    fitted = (unseen_showers(_read([fit], binning), np.concatenate([train, held_out.ids])), str(fit)) if fit else None
    left_out = len(showers) - len(held_out)
    studies: list[CoverageStudy] = []
    with track("coverage", float(len(posteriors))) as progress:
        for i, (path, models) in enumerate(posteriors):
            name = path.name if i < len(runs) else f"{path.name} alone"
            studies.append(measure_coverage(name, models, held_out, fitted, bins, repeats, seed, growth, own))
            progress(i + 1.0, name)
    answer = _answer(studies, [path for path, _ in posteriors], truth, fit, len(held_out)) | {"left_out": left_out}
    contents = {
        "coverage.png": png(draw_coverage(studies)),
        "growth.png": png(draw_growth(studies)),
        "coverage.json": json.dumps(answer, indent=1).encode() + b"\n",
    }
    write_files(output, contents)
    lines = [*left_out_sentences(left_out), _text(studies, len(held_out)), str(output / "coverage.json")]
    print(json.dumps(answer) if json_only else "\n".join(lines))


def _read(paths: Sequence[Path], binning: str | None) -> Showers:
    parts = []
    for path in paths:
        with open_showers(path, binning) as file:
            parts.append(file.read())
    return Showers.concatenate(parts)


def _answer(
    studies: Sequence[CoverageStudy], paths: Sequence[Path], truth: Sequence[Path], fit: Path | None, n: int
) -> dict[str, Any]:
    return {
        "truth": [str(path) for path in truth],
        "fit": str(fit) if fit else None,
        "showers": n,
        "seed": studies[0].seed,
        "runs": [
            {"name": s.name, "folder": str(run_folder(path).resolve()), **s.to_dict()}
            for path, s in zip(paths, studies, strict=True)
        ],
    }


def _text(studies: Sequence[CoverageStudy], n: int) -> str:
    parts = [_in_range(studies, n), _factors(studies)]
    if any(not b.inside for b in studies[0].deviations.bins):
        parts += [_outside(studies), _examples(studies)]
    return "\n\n".join(parts)


def _in_range(studies: Sequence[CoverageStudy], n: int) -> str:
    part = studies[0].deviations.where(True)
    inside = sum(len(r) for r in part.residuals)
    lines = [
        f"in range: {inside} of {n} showers in {len(part.bins)} bins, {part.defined.sum()} pairs of bin and column",
        f"{'':16}{'models':22}{'model/stat':>11}{'independent':>12}"
        f"{'68 % raw':>14}{'recalibrated':>15}{'95 % raw':>14}{'recalibrated':>15}",
    ]
    for s in studies:
        cells = [_percent(s, level, again) for level in (ONE_SIGMA, TWO_SIGMA) for again in (False, True)]
        share = f"{s.share:.2f}" if s.method != "single" else "-"
        lines.append(
            f"{s.name:16}{s.models:22}{share:>11}{s.coverage()[0].independent:12.0f}{cells[0]:>14}{cells[1]:>15}{cells[2]:>14}{cells[3]:>15}"
        )
    return "\n".join(lines)


def _percent(s: CoverageStudy, level: float, recalibrated: bool) -> str:
    if recalibrated and s.recalibration is None:
        return "-"
    measured = next(c for c in s.coverage(recalibrated) if c.level == level)
    return f"{100 * measured.value:.1f} ± {100 * measured.error:.1f}"


def _outside(studies: Sequence[CoverageStudy]) -> str:
    """All pairs outside: how often the interval holds the truth, and how much the model error has grown."""
    lines = [
        f"{'outside':10}{'':18}{'within 68 %':>14}{'recal.':>8}{'within 95 %':>14}{'recal.':>8}{'model error':>14}"
    ]
    for s in studies:
        for i, b in enumerate(s.deviations.bins):
            if not b.inside:
                cells = [_share(s, i, level, again) for level in (ONE_SIGMA, TWO_SIGMA) for again in (False, True)]
                wider = "-" if s.method == "single" else f"{s.growth_of(i):.1f} times"
                line = f"{cells[0]:>14}{cells[1]:>8}{cells[2]:>14}{cells[3]:>8}{wider:>14}"
                lines.append(f"{b.text:10}{s.name:18}{line}")
    lines.append("model error: median over the pairs of the relative error over that in range")
    return "\n".join(lines)


def _share(s: CoverageStudy, i: int, level: float, recalibrated: bool) -> str:
    if recalibrated and s.recalibration is None:
        return "-"
    return f"{100 * s.holds(level, recalibrated)[i][s.deviations.defined[i]].mean():.0f}"


def _examples(studies: Sequence[CoverageStudy]) -> str:
    lines = [f"{'':38}{'Geant4':>11}{'model':>11}{'stat':>10}{'model error':>12}   95 % holds it, recalibrated"]
    for name in GROWTH:
        for s in studies:
            x, j = s.deviations, s.deviations.columns.index(name)
            for i, b in enumerate(x.bins):
                if not b.inside:
                    spread = "not known" if s.method == "single" else f"{x.model[i, j]:.2g}"
                    kinds = (False, True) if s.recalibration else (False,)
                    answers = ", ".join("yes" if s.holds(TWO_SIGMA, again)[i, j] else "no" for again in kinds)
                    numbers = f"{x.truth[i, j]:11.5g}{x.value[i, j]:11.5g}{x.statistical[i, j]:10.2g}{spread:>12}"
                    lines.append(f"{b.text:10}{name:10}{s.name:18}{numbers}   {answers}")
    return "\n".join(lines)


def _factors(studies: Sequence[CoverageStudy]) -> str:
    lines = ["factors on the model error, by group of observables"]
    for s in studies:
        if s.recalibration:
            factors = ", ".join(f"{group} {factor:.2f}" for group, factor in s.recalibration.factors.items())
            lines.append(f"{s.name:20}{factors} (fitted to {s.recalibration.source})")
    return "\n".join(lines) if len(lines) > 1 else "no recalibration: give showers for it with --fit"
