"""`caloforge extrapolation`: a model at chosen energies, outside or inside the range of its training."""

__all__ = ["extrapolation"]

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caloforge.cli.models import ModelsFile, load_models
from caloforge.cli.options import BinningOption, OverwriteOption
from caloforge.cli.progress import track
from caloforge.data.bundled import BUNDLED
from caloforge.errors import BadValue
from caloforge.files import require_new, require_writable
from caloforge.units import format_energy, parse_energy

if TYPE_CHECKING:
    from caloforge.diagnosis.extrapolation.study import Extrapolation


def extrapolation(
    run: Annotated[Path, typer.Argument(help="run folder, or the name of a model that comes with caloforge")],
    energy: Annotated[list[str], typer.Option(help="an energy with its unit, 150GeV say; may be repeated")],
    output: Annotated[Path, typer.Option("-o", "--output", help="folder for the page, plots and JSON")],
    truth: Annotated[
        list[Path] | None, typer.Option(help="HDF5 file of showers, or bundled (the default); may be repeated")
    ] = None,
    n: Annotated[
        int | None,
        typer.Option("-n", min=1, help="showers to generate at each energy; default: 4 for each true one"),
    ] = None,
    models_file: ModelsFile = None,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same numbers")] = 1,
    strict: Annotated[bool, typer.Option("--strict", help="exit with 1 when a test alarms")] = False,
    binning: BinningOption = None,
    overwrite: OverwriteOption = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Compare a model with real showers at chosen energies, outside or inside the range of its training."""
    from caloforge.data.opening import open_showers
    from caloforge.diagnosis.extrapolation.near import showers_near
    from caloforge.diagnosis.extrapolation.page import write_extrapolation
    from caloforge.diagnosis.extrapolation.study import extrapolate
    from caloforge.training.run import load_run

    load_models(models_file)
    energies = _energies(energy)
    truths = truth or [Path(BUNDLED)]
    require_new(output / "extrapolation.json", overwrite, truths)
    require_writable(output)
    model = load_run(run)
    with ExitStack() as stack, track("extrapolating", 1.0) as progress:
        files = {str(path): stack.enter_context(open_showers(path, binning)) for path in truths}
        near = {value: showers_near(model, files, value) for value in energies}
        facts = [file.origin(name) for name, file in files.items()]
        length = _radiation_length({f.detector for f in files.values()})
        origin = {"model": str(run), "seed": seed, "truth": facts, "training": model.provenance.facts}
        result = extrapolate(model, near, seed, length, n, origin, progress)
        path = write_extrapolation(result, output)
    print((output / "extrapolation.json").read_text() if json_only else f"{_text(result)}\n{path}")
    if strict and result.alarms:
        raise typer.Exit(1)


def _energies(texts: Sequence[str]) -> list[float]:
    """Sorted; the same energy twice is a slip."""
    values = sorted(parse_energy(text) for text in texts)
    if len({format_energy(value) for value in values}) < len(values):
        raise BadValue("--energy", list(texts), "give each energy once")
    return values


def _radiation_length(names: set[str]) -> float | None:
    """Mean X0 of the detector, mm; None where the files do not say which detector it is, or caloforge does not know it.

    Raises:
        BadValue: files of different detectors.
    """
    from caloforge.geometry.detector import radiation_length_of

    if len(names) > 1:
        raise BadValue("--truth", sorted(names), "give showers of one detector")
    return radiation_length_of(next(iter(names)))


def _text(result: "Extrapolation") -> str:
    lines = [f"{f.status}: {f.test}: {f.evidence}" for at in result.energies for f in at.findings]
    for at in result.energies:
        if at.auc:
            floor = f"Geant4 against Geant4 {at.auc.floor:.3f}"
            lines.append(f"AUC at {at.label}: {at.auc.value:.3f} ± {at.auc.error:.3f} ({floor})")
    return "\n".join([*lines, result.verdict])
