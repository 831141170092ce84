"""`caloforge coverage`, what it says: tables of how often intervals hold the truth."""

__all__ = ["read_all", "coverage_facts", "coverage_text"]

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from caloforge.data.opening import open_showers
from caloforge.data.showers import Showers
from caloforge.diagnosis.coverage.recalibration import ONE_SIGMA, TWO_SIGMA
from caloforge.diagnosis.coverage.study import GROWTH, CoverageStudy
from caloforge.training.folders import run_folder


def read_all(paths: Sequence[Path], binning: str | None) -> Showers:
    """Showers of several files.

    Args:
        paths: of the files.
        binning: their mesh, where they carry none.
    """
    parts = []
    for path in paths:
        with open_showers(path, binning) as file:
            parts.append(file.read())
    return Showers.concatenate(parts)


def coverage_facts(
    studies: Sequence[CoverageStudy], paths: Sequence[Path], truth: Sequence[Path], fit: Path | None, n: int
) -> dict[str, Any]:
    """What `coverage.json` holds.

    Args:
        studies: one for each run.
        paths: of the runs.
        truth: files of held-out showers.
        fit: file that factors were fitted to.
        n: showers that are held out.
    """
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


def coverage_text(studies: Sequence[CoverageStudy], n: int) -> str:
    """All tables.

    Args:
        studies: one for each run.
        n: showers that are held out.
    """
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
