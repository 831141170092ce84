"""`caloforge amplification`: how many showers of full simulation generated ones are worth."""

__all__ = ["amplification"]

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from caloforge import __version__
from caloforge.api.truth import left_out_text, open_truth
from caloforge.cli.options import (
    BinningOption,
    ObservablesOption,
    OverwriteOption,
    SplitOption,
    load_observables,
    one_a_shower,
)
from caloforge.cli.progress import track
from caloforge.data.mesh_file import MeshFile
from caloforge.data.opening import find_binning, open_showers
from caloforge.diagnosis.amplification.plots import draw_factors, draw_saturation
from caloforge.diagnosis.amplification.worth import Amplification
from caloforge.diagnosis.amplification.worth import amplification as amplify
from caloforge.diagnosis.collapse.three_samples import COLUMNS
from caloforge.errors import BadValue
from caloforge.files import require_new, require_writable, write_files
from caloforge.physics.observables import Observable, select
from caloforge.reporting.style import pdf, png
from caloforge.validation.conditions import ConditionsDiffer, differences
from caloforge.validation.sample import Sample, read_sample


def amplification(
    generated: Annotated[Path, typer.Argument(help="HDF5 file of generated showers with energies of their own")],
    truth: Annotated[list[Path], typer.Option(help="HDF5 file of Geant4 showers, or bundled; may be given repeatedly")],
    output: Annotated[Path, typer.Option("-o", "--output", help="folder for amplification.json and plots/")],
    observable: Annotated[
        list[str] | None, typer.Option(help="one of one value a shower; default: twelve that tell different things")
    ] = None,
    cells: Annotated[int, typer.Option(min=2, help="quantiles whose contents are compared")] = 10,
    training_showers: Annotated[
        int | None, typer.Option(min=1, help="size of the training sample, for files that do not say")
    ] = None,
    split: SplitOption = "auto",
    binning: BinningOption = None,
    observables: ObservablesOption = None,
    overwrite: OverwriteOption = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Say how many Geant4 showers a generated sample is worth, and if that is more than it was trained on."""
    require_new(output / "amplification.json", overwrite, [generated, *truth])
    require_writable(output)
    own = one_a_shower(load_observables(observables))
    chosen, mesh = _chosen(observable or [*COLUMNS, *own]), find_binning(binning)
    with ExitStack() as stack, track("amplification", 1.0) as progress:
        showers = stack.enter_context(open_showers(generated, mesh))
        reference, facts = open_truth(stack, truth, split, mesh, showers)
        training = training_showers or _training_showers(showers)
        true = read_sample(reference, chosen, keep=0)
        progress(0.1, "generated showers")
        sample = read_sample(showers, chosen, keep=0, progress=lambda done: progress(0.1 + 0.8 * done / len(showers)))
        _require_independent(true, sample)
        origin = {"generated": {"file": str(generated), **showers.provenance.facts}, "truth": facts}
    amplifications = [
        amplify(name, true.table[name][:, 0], sample.table[name][:, 0], training, cells) for name in chosen
    ]
    answer = {
        "showers": len(sample),
        "truth_showers": len(true),
        "training_showers": training,
        "observables": {amplified.name: amplified.to_dict() for amplified in amplifications},
    }
    written = answer | {"caloforge": __version__, "provenance": origin}
    write_files(
        output, {**_plots(amplifications), "amplification.json": json.dumps(written, indent=1).encode() + b"\n"}
    )
    for line in [] if json_only else left_out_text(facts):
        print(line)
    print(json.dumps(answer) if json_only else f"{_text(amplifications)}\n{output / 'amplification.json'}")


def _chosen(names: Sequence[str]) -> dict[str, Observable]:
    chosen = select(names)
    for name, o in chosen.items():
        if o.per != "shower":
            raise BadValue("--observable", name, "it has several values a shower; choose one of one value")
    return chosen


def _training_showers(showers: MeshFile) -> int:
    training = showers.provenance.training
    if training is None or training.training_showers is None:
        raise BadValue("--training-showers", None, f"{showers.path} does not say how many its model was trained on")
    return training.training_showers


def _require_independent(truth: Sample, generated: Sample) -> None:
    """Same spectrum, but not the same energies: with those, chance that both share would pass for precision."""
    advice = "generate with the truth's spectrum: caloforge generate RUN --energy 1GeV:100GeV:log -n 100000, say"
    if differing := differences(truth, generated):
        raise ConditionsDiffer(differing, advice)
    energies, counts = np.unique(truth.incident_energy, return_counts=True)
    continuous = counts.max() < max(3, 0.01 * len(truth))
    if continuous and np.isin(generated.incident_energy, energies).mean() > 0.01:
        raise BadValue("incident energies", "those of the truth", f"they must be drawn anew; {advice}")


def _plots(amplifications: Sequence[Amplification]) -> dict[str, bytes]:
    figures = {"saturation": draw_saturation(amplifications), "factors": draw_factors(amplifications)}
    return {f"plots/{name}.{end}": of(f) for name, f in figures.items() for end, of in (("png", png), ("pdf", pdf))}


def _text(amplifications: Sequence[Amplification]) -> str:
    first = amplifications[0]
    lines = [
        f"{first.worth.generated} generated showers of a model trained on {first.training}, against "
        f"{first.worth.truth} true ones, by which a perfect generator is known to be worth {first.worth.limit:.0f}",
        f"{'observable':16}{'worth':>9}{'95 % interval':>20}{'most, if more are made':>26}",
    ]
    for amplified in amplifications:
        w = amplified.worth
        lines.append(
            f"{amplified.name:16}{_number(w.value):>9}{_interval(w.interval):>20}"
            f"{_number(w.ceiling) + _interval(w.ceiling_interval):>26}   {amplified.text}"
        )
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:.0f}" if np.isfinite(value) else "inf"


def _interval(pair: tuple[float, float]) -> str:
    return f" [{_number(pair[0])}, {_number(pair[1])}]"
