"""`caloforge reweight`, what it does: weights fitted, applied or used to draw, and their table."""

__all__ = ["observables_asked", "fit_to_truth", "weights_of_new", "draw_by_weights", "sentences"]

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from caloforge.classifiers.auc import FAST
from caloforge.cli.progress import track
from caloforge.data.mesh_file import MeshFile
from caloforge.data.source import Source
from caloforge.errors import BadValue
from caloforge.files import require_writable, write_files
from caloforge.geometry.binning import require_one_mesh
from caloforge.physics.observables import OBSERVABLES, Observable, select
from caloforge.reweighting.crossfit import reweight as fit_weights
from caloforge.reweighting.report import of_weights, report_files, summary
from caloforge.reweighting.reweighter import Reweighter, load_reweighter
from caloforge.reweighting.shifts import judged_half, shifts
from caloforge.reweighting.weights import Weights, read_weights, unweight, write_weights
from caloforge.units import GeV
from caloforge.validation.sample import read_sample

_SHOWN = 8


def observables_asked(names: Sequence[str] | None) -> dict[str, Observable]:
    """Observables that the networks see; all where none is asked for.

    Args:
        names: of the observables.

    Raises:
        BadValue: one is of single cells.
    """
    chosen = select(names) if names else dict(OBSERVABLES)
    for name, o in chosen.items():
        if names and o.per == "cell":
            raise BadValue("--observable", name, "it is one of single cells; the networks see observables of showers")
    return chosen


def fit_to_truth(
    showers: MeshFile,
    truth: Source,
    origin: dict[str, Any],
    output: Path,
    report: Path | None,
    observables: dict[str, Observable],
    clip: float,
    seed: int,
) -> dict[str, Any]:
    """Weights fitted to truth, and what they do to the observables.

    Args:
        showers: the generated ones, open.
        truth: Geant4's.
        origin: goes into the files.
        output: file of weights.
        report: folder for figures and networks.
        observables: that the networks see.
        clip: largest weight.
        seed: same seed, same weights.
    """
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


def weights_of_new(showers: MeshFile, fitted: Path, origin: dict[str, Any], output: Path) -> dict[str, Any]:
    """Weights of new showers from networks fitted before.

    Args:
        showers: the file, open.
        fitted: folder of the networks.
        origin: goes into the file of weights.
        output: that file.
    """
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


def draw_by_weights(showers: MeshFile, path: Path, output: Path, seed: int) -> dict[str, Any]:
    """Showers kept with a chance by weight.

    Args:
        showers: the file, open.
        path: of the weights.
        output: file to make.
        seed: same seed, same showers.
    """
    weights = read_weights(path)
    with track("drawing showers", len(showers)) as progress:
        accepted = unweight(weights, path, showers, output, seed, progress)
    return {"file": str(output), "showers": accepted, "of": len(showers), "efficiency": accepted / len(showers)}


def sentences(answer: dict[str, Any]) -> list[str]:
    """What was done, in lines.

    Args:
        answer: of one of the three.
    """
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
