"""`caloforge reweight`: weights that bring generated showers closer to truth, and showers drawn by them."""

__all__ = ["reweight"]

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from caloforge import __version__
from caloforge.api.truth import left_out_text, open_truth
from caloforge.classifiers.auc import FAST
from caloforge.cli.options import BinningOption, ObservablesOption, OverwriteOption, SplitOption, load_observables
from caloforge.cli.progress import track
from caloforge.data.mesh_file import MeshFile
from caloforge.data.opening import find_binning, open_showers
from caloforge.data.source import Source
from caloforge.errors import BadValue, UnwritablePath
from caloforge.files import require_new, require_writable, write_files
from caloforge.geometry.binning import require_one_mesh
from caloforge.physics.observables import OBSERVABLES, Observable, select
from caloforge.reweighting.crossfit import CLIP
from caloforge.reweighting.crossfit import reweight as fit_weights
from caloforge.reweighting.report import of_weights, report_files, summary
from caloforge.reweighting.reweighter import Reweighter, load_reweighter
from caloforge.reweighting.shifts import judged_half, shifts
from caloforge.reweighting.weights import Weights, read_weights, unweight, write_weights
from caloforge.units import GeV
from caloforge.validation.sample import read_sample

_SHOWN = 8


def reweight(
    generated: Annotated[Path, typer.Argument(help="HDF5 file of generated showers")],
    output: Annotated[Path, typer.Option("-o", "--output", help="file of weights; with --apply, of showers")],
    truth: Annotated[
        list[Path] | None, typer.Option(help="fit to this file of Geant4 showers, or bundled; may be given repeatedly")
    ] = None,
    apply: Annotated[
        Path | None,
        typer.Option("--apply", help="file of weights: keep showers with a chance by weight"),
    ] = None,
    fitted: Annotated[
        Path | None, typer.Option("--with", help="folder of --report: weight new showers of the same model")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="folder for figures, JSON, and the networks that --with takes")
    ] = None,
    observable: Annotated[
        list[str] | None, typer.Option(help="what the networks see beside the conditions; default: all")
    ] = None,
    clip: Annotated[float, typer.Option(min=1.0, help="largest weight, before their mean is set to one")] = CLIP,
    split: SplitOption = "auto",
    binning: BinningOption = None,
    observables: ObservablesOption = None,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same weights")] = 1,
    overwrite: OverwriteOption = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only JSON")] = False,
) -> None:
    """Weight generated showers by p(Geant4) / p(generated) of a classifier, or draw showers by such weights."""
    given = [str(path) for path in (truth, apply, fitted) if path]
    if len(given) != 1:
        raise BadValue("--truth, --apply, --with", given, "give exactly one of the three")
    inputs = [generated, *(truth or []), apply, fitted]
    require_new(output, overwrite, inputs)
    if report:
        require_new(report / "reweighting.json", overwrite, inputs)
    if not output.absolute().parent.is_dir():
        raise UnwritablePath(output, "its folder does not exist")
    load_observables(observables)
    mesh = find_binning(binning)
    with ExitStack() as stack:
        showers = stack.enter_context(open_showers(generated, mesh))
        origin = {"generated": {"file": str(generated), **showers.provenance.facts}, "caloforge": __version__}
        if truth:
            chosen = _chosen(observable)
            reference, facts = open_truth(stack, truth, split, mesh, showers)
            for line in [] if json_only else left_out_text(facts):
                print(line)
            answer = _fit(showers, reference, origin | {"truth": facts}, output, report, chosen, clip, seed)
        elif fitted is not None:
            answer = _extend(showers, fitted, origin, output)
        else:
            assert apply is not None
            answer = _draw(showers, apply, output, seed)
    print(json.dumps(answer) if json_only else "\n".join([*_text(answer), str(output)]))


def _chosen(names: Sequence[str] | None) -> dict[str, Observable]:
    chosen = select(names) if names else dict(OBSERVABLES)
    for name, o in chosen.items():
        if names and o.per == "cell":
            raise BadValue("--observable", name, "it is one of single cells; the networks see observables of showers")
    return chosen


def _fit(
    showers: MeshFile,
    truth: Source,
    origin: dict[str, Any],
    output: Path,
    report: Path | None,
    observables: dict[str, Observable],
    clip: float,
    seed: int,
) -> dict[str, Any]:
    if report:
        require_writable(report)
    mesh = truth.binning.with_depths_of(showers.binning)
    with track("reweighting", 1.0) as progress:
        true = read_sample(truth, observables, keep=0, mesh=mesh)
        edges = {name: h.edges[0] for name, h in true.pooled.items()}
        generated_sample = read_sample(showers, observables, edges, keep=0, mesh=mesh)
        fit = fit_weights(true, generated_sample, seed, clip, FAST, lambda done, text: progress(0.9 * done, text))
        judged = judged_half(true, generated_sample, fit)
        moved = shifts(observables, *judged, seed)
    facts = {**origin, "observables": list(observables), "seed": seed}
    answer = {"weights": str(output), **summary(fit), "observables": {s.name: s.to_dict() for s in moved}}
    if report:
        fitted = Reweighter.of(fit.ratios, clip, generated_sample, _training(showers)), FAST
        files = report_files(fit, moved, observables, judged, answer | {"provenance": facts}, fitted)
        write_files(report, files)
    write_weights(output, Weights(fit.weights, generated_sample.ids, {**summary(fit), **facts}))
    return answer


def _extend(showers: MeshFile, fitted: Path, origin: dict[str, Any], output: Path) -> dict[str, Any]:
    """Weights of new showers from networks fitted before."""
    reweighter = load_reweighter(fitted)
    require_one_mesh(reweighter.binning, showers.binning)
    with track("weighting", len(showers)) as progress:
        sample = read_sample(
            showers, select(reweighter.observables), keep=0, progress=progress, mesh=reweighter.binning
        )
    weights, clipped = reweighter.weights(sample, _training(showers))
    facts = {**of_weights(weights, reweighter.clip, clipped), "fitted": str(fitted)}
    write_weights(output, Weights(weights, sample.ids, {**facts, **origin}))
    return {"weights": str(output), **facts}


def _training(showers: MeshFile) -> dict[str, Any]:
    return showers.provenance.training.facts if showers.provenance.training else {}


def _draw(showers: MeshFile, path: Path, output: Path, seed: int) -> dict[str, Any]:
    weights = read_weights(path)
    with track("drawing showers", len(showers)) as progress:
        accepted = unweight(weights, path, showers, output, seed, progress)
    return {"file": str(output), "showers": accepted, "of": len(showers), "efficiency": accepted / len(showers)}


def _text(answer: dict[str, Any]) -> list[str]:
    if "file" in answer:
        share = answer["efficiency"]
        return [f"{answer['showers']} of {answer['of']} showers accepted: efficiency {share:.1%}; each counts once"]
    lines = []
    if "auc_before" in answer:
        for name in ("before", "after"):
            m = answer[f"auc_{name}"]
            floor = f"truth against truth {m['floor']:.3f} ± {m['floor_spread']:.3f}"
            lines.append(f"AUC {name:6} {m['value']:.3f} ± {m['error']:.3f}   ({floor})")
        gain, n = answer["auc_gain"], answer["truth_showers"]
        lines[-1] += ", on showers not used for the weights"
        lines.append(f"gain       {gain['value']:.3f} ± {gain['error']:.3f}: {answer['verdict']}; {n} showers of truth")
    share = answer["effective_size"] / answer["showers"]
    lines += [
        f"effective number of showers {answer['effective_size']:.0f} of {answer['showers']} ({share:.1%})",
        f"weights from {answer['smallest']:.2g} to {answer['largest']:.3g}, {answer['clipped']} cut at "
        f"{answer['clip']:g}; unweighting would keep {answer['efficiency']:.1%}",
    ]
    if "mean_by_energy" in answer:
        bins = (f"{b['high'] / GeV:.3g} GeV: {b['value']:.3f} ± {b['error']:.3f}" for b in answer["mean_by_energy"])
        lines += [f"mean weight up to {', '.join(bins)}", *_table(answer["observables"])]
    return lines


def _table(observables: dict[str, Any]) -> list[str]:
    """The observables that differed most before; means in their units."""
    lines = [f"{'observable':22}{'separation before':>20}{'after':>20}{'floor':>10}   mean: Geant4, before, after"]
    for name, row in list(observables.items())[:_SHOWN]:
        first, second = row["separation_before"], row["separation_after"]
        pair = (f"{m['value']:.5f} ± {m['error']:.5f}" for m in (first, second))
        means = ", ".join(f"{v:.4g} ± {e:.1g}" for v, e in row["mean"].values()) if row["mean"] else ""
        lines.append(f"{name:22}{''.join(f'{p:>20}' for p in pair)}{second['floor']:10.5f}   {means}")
    return lines
