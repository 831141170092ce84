"""`caloforge diagnose --extrapolate`: a model at chosen energies, outside or inside the range of its training."""

__all__ = ["judge_extrapolation"]

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import typer

from caloforge.cli.progress import track
from caloforge.data.bundled import showers_path
from caloforge.data.store import ShowerFile
from caloforge.diagnosis.extrapolation.page import write_extrapolation
from caloforge.diagnosis.extrapolation.study import Extrapolation, extrapolate
from caloforge.diagnosis.extrapolation.unseen import showers_near
from caloforge.errors import BadValue, UnknownName
from caloforge.geometry.detector import detector
from caloforge.training.run import load_run
from caloforge.units import format_energy, parse_energy


def judge_extrapolation(
    run: Path,
    truths: Sequence[Path],
    output: Path,
    energies: Sequence[str],
    n: int | None,
    seed: int,
    strict: bool,
    json_only: bool,
) -> None:
    """Compare a model with real showers at some energies, write the page and say what was found."""
    wanted = _energies(energies)
    model = load_run(run)
    with ExitStack() as stack, track("extrapolating", 1.0) as progress:
        files = {str(path): stack.enter_context(ShowerFile(showers_path(path))) for path in truths}
        truth = {energy: showers_near(model, files, energy) for energy in wanted}
        facts = [file.origin(name) for name, file in files.items()]
        length = _radiation_length({f.detector for f in files.values()})
        origin = {"model": str(run), "seed": seed, "truth": facts, "training": model.provenance}
        found = extrapolate(model, truth, seed, length, n, origin, progress)
        path = write_extrapolation(found, output)
    print((output / "extrapolation.json").read_text() if json_only else f"{_text(found)}\n{path}")
    if strict and found.alarms:
        raise typer.Exit(1)


def _energies(texts: Sequence[str]) -> list[float]:
    """Sorted; the same energy twice is a slip."""
    values = sorted(parse_energy(text) for text in texts)
    if len({format_energy(value) for value in values}) < len(values):
        raise BadValue("--extrapolate", list(texts), "give each energy once")
    return values


def _radiation_length(names: set[str]) -> float | None:
    """Mean X0 of the detector, mm; None where the files do not say which detector it is, or caloforge does not know it.

    Raises:
        BadValue: files of different detectors.
    """
    if len(names) > 1:
        raise BadValue("--truth", sorted(names), "give showers of one detector")
    try:
        return detector(next(iter(names))).radiation_length
    except UnknownName:
        return None


def _text(found: Extrapolation) -> str:
    lines = [f"{f.status}: {f.test}: {f.evidence}" for at in found.energies for f in at.findings]
    for at in found.energies:
        if at.auc:
            floor = f"Geant4 against Geant4 {at.auc.floor:.3f}"
            lines.append(f"AUC at {at.label}: {at.auc.value:.3f} ± {at.auc.error:.3f} ({floor})")
    return "\n".join([*lines, found.verdict])
