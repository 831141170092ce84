"""`caloforge calibrate`: do the intervals of an ensemble hold the truth as often as they say?"""

__all__ = ["calibrate"]

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from caloforge.cli.progress import track
from caloforge.data.samples import showers_path
from caloforge.data.showers import Showers
from caloforge.data.splits import Split, take_split
from caloforge.data.store import ShowerFile
from caloforge.diagnosis.calibrate import GROWTH, Calibrated
from caloforge.diagnosis.calibrate import calibrate as measure
from caloforge.diagnosis.coverage_plots import draw_coverage, draw_growth
from caloforge.diagnosis.recalibration import ONE_SIGMA, TWO_SIGMA
from caloforge.training.ensemble import load_ensemble, load_posterior
from caloforge.training.run import run_folder
from caloforge.validation.report import require_writable, write_files
from caloforge.validation.style import png


def calibrate(
    runs: Annotated[list[Path], typer.Argument(help="folders of ensembles or runs; several are compared")],
    truth: Annotated[list[Path], typer.Option(help="held-out showers, HDF5; several files, also outside the range")],
    output: Annotated[Path, typer.Option("-o", "--output", help="folder for calibration.json and the figures")],
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
    seed: Annotated[int, typer.Option(min=0, help="same seed, same numbers")] = 1,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Coverage of the 68 and 95 % intervals of expectations on held-out showers, in range and outside.

    Of a file that the models were trained on, only showers that they did not see are taken: the test split as truth,
    validation and test split to fit (only the validation split where --fit and --truth are the same file).
    """
    require_writable(output)
    asked = [(path, load_posterior(path, draws, seed)) for path in runs]
    if single:
        asked.append((single, load_ensemble(single)))
    digests = {str(models.provenance.get("showers_digest")) for _, models in asked}
    held_out = _held_out(truth, digests, ("test",))
    other = None
    if fit:
        same = any(showers_path(fit).resolve() == showers_path(path).resolve() for path in truth)
        other = (_held_out([fit], digests, ("validation",) if same else ("validation", "test")), str(fit))
    found = []
    with track("calibrating", float(len(asked))) as progress:
        for done, (path, models) in enumerate(asked):
            name = f"{path.name} alone" if path == single else path.name
            found.append(measure(name, models, held_out, other, bins, repeats, seed, growth))
            progress(done + 1.0, name)
    answer = _answer(found, [path for path, _ in asked], truth, fit, len(held_out))
    contents = {
        "coverage.png": png(draw_coverage(found)),
        "growth.png": png(draw_growth(found)),
        "calibration.json": json.dumps(answer, indent=1).encode() + b"\n",
    }
    write_files(output, contents)
    print(json.dumps(answer) if json_only else f"{_text(found, len(held_out))}\n{output / 'calibration.json'}")


def _held_out(paths: Sequence[Path], digests: set[str], splits: Sequence[Split]) -> Showers:
    """Showers of all files, less what the models were trained on."""
    parts = []
    for path in paths:
        with ShowerFile(showers_path(path)) as file:
            showers = file.read()
        if showers.digest in digests:
            showers = Showers.concatenate([take_split(showers, split) for split in splits])
        parts.append(showers)
    return Showers.concatenate(parts)


def _answer(
    found: Sequence[Calibrated], paths: Sequence[Path], truth: Sequence[Path], fit: Path | None, n: int
) -> dict[str, Any]:
    return {
        "truth": [str(path) for path in truth],
        "fit": str(fit) if fit else None,
        "showers": n,
        "seed": found[0].seed,
        "runs": [
            {"name": f.name, "folder": str(run_folder(path).resolve()), **f.to_dict()}
            for path, f in zip(paths, found, strict=True)
        ],
    }


def _text(found: Sequence[Calibrated], n: int) -> str:
    return "\n\n".join([_in_range(found, n), _outside(found), _factors(found)])


def _in_range(found: Sequence[Calibrated], n: int) -> str:
    part = found[0].found.where(True)
    inside = sum(len(r) for r in part.residuals)
    lines = [
        f"in range: {inside} of {n} showers in {len(part.bins)} bins, {int(part.known.sum())} pairs of bin and column",
        f"{'':16}{'models':22}{'model/stat':>11}"
        f"{'68 % raw':>14}{'recalibrated':>15}{'95 % raw':>14}{'recalibrated':>15}",
    ]
    for f in found:
        cells = [_percent(f, level, again) for level in (ONE_SIGMA, TWO_SIGMA) for again in (False, True)]
        share = f"{f.share:.2f}" if f.method != "single" else "-"
        lines.append(f"{f.name:16}{f.models:22}{share:>11}{cells[0]:>14}{cells[1]:>15}{cells[2]:>14}{cells[3]:>15}")
    return "\n".join(lines)


def _percent(f: Calibrated, level: float, recalibrated: bool, inside: bool = True) -> str:
    if recalibrated and f.recalibration is None:
        return "-"
    measured = next(c for c in f.coverage(recalibrated, inside) if c.level == level)
    return f"{100 * measured.value:.1f} ± {100 * measured.error:.1f}"


def _outside(found: Sequence[Calibrated]) -> str:
    bins = [b for b in found[0].found.bins if not b.inside]
    if not bins:
        return "outside the range: no showers were given"
    lines = [
        f"{'outside the range':18}{'':20}{'Geant4':>18}{'model':>11}{'stat':>10}{'model error':>12}{'95 % holds':>11}"
    ]
    for f in found:
        factors = f.recalibration.by_observable() if f.recalibration else {}
        for name in GROWTH:
            j = f.found.columns.index(name)
            for i, b in enumerate(f.found.bins):
                if not b.inside:
                    holds = _holds(f, i, j, 1.0) + ("" if not factors else f", {_holds(f, i, j, factors[name])}")
                    x = f.found
                    lines.append(
                        f"{b.text:10}{name:10}{f.name:18}{x.truth[i, j]:18.5g}{x.value[i, j]:11.5g}"
                        f"{x.statistical[i, j]:10.2g}{x.model[i, j]:12.2g}{holds:>11}"
                    )
    lines.append("the last column: raw, then with the recalibrated model error")
    return "\n".join(lines)


def _holds(f: Calibrated, i: int, j: int, factor: float) -> str:
    return "yes" if abs(f.found.delta[i, j]) <= f.found.half_width(TWO_SIGMA, factor)[i, j] else "no"


def _factors(found: Sequence[Calibrated]) -> str:
    lines = ["factors on the model error, by group of observables"]
    for f in found:
        if f.recalibration:
            said = ", ".join(f"{group} {factor:.2f}" for group, factor in f.recalibration.factors.items())
            lines.append(f"{f.name:20}{said} (fitted to {f.recalibration.source})")
    return "\n".join(lines) if len(lines) > 1 else "no recalibration: give showers for it with --fit"
