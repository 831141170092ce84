"""What a fit of weights leaves behind: its numbers, its figures, and the networks for new showers."""

__all__ = ["of_weights", "report_files", "summary"]

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.classifiers.network import ClassifierSettings
from caloforge.physics.observables import Observable
from caloforge.reporting.style import pdf, png
from caloforge.reweighting.crossfit import Reweighting
from caloforge.reweighting.plots import draw_observables, draw_weights
from caloforge.reweighting.reweighter import Reweighter, reweighter_files
from caloforge.reweighting.shifts import Shift
from caloforge.reweighting.weights import effective_size
from caloforge.validation.sample import Sample

_SHOWN = 6


def of_weights(weights: Float[Array, " m"], clip: float, clipped: int) -> dict[str, Any]:
    """Numbers of any weights, as plain values.

    Args:
        weights: of the generated showers.
        clip: largest weight allowed.
        clipped: how many were cut.
    """
    return {
        "showers": len(weights),
        "effective_size": effective_size(weights),
        "smallest": float(weights.min()),
        "largest": float(weights.max()),
        "efficiency": float(weights.mean() / weights.max()),
        "clip": clip,
        "clipped": clipped,
    }


def summary(reweighting: Reweighting) -> dict[str, Any]:
    """Numbers of a fit, as plain values.

    Args:
        reweighting: the fit.
    """
    edges, (means, errors) = reweighting.energy_edges.tolist(), reweighting.mean_by_energy
    return {
        **of_weights(reweighting.weights, reweighting.clip, reweighting.clipped),
        "truth_showers": len(reweighting.halves[0]),
        "auc_before": reweighting.before.to_dict(),
        "auc_after": reweighting.after.to_dict(),
        "auc_gain": {"value": reweighting.gain[0], "error": reweighting.gain[1]},
        "verdict": reweighting.verdict,
        "slopes": [ratio.slope for ratio in reweighting.ratios],
        "mean_by_energy": [
            {"low": low, "high": high, "value": float(mean), "error": float(error)}
            for low, high, mean, error in zip(edges[:-1], edges[1:], means, errors, strict=True)
        ],
    }


def report_files(
    reweighting: Reweighting,
    moved: Sequence[Shift],
    observables: Mapping[str, Observable],
    judged: tuple[Sample, Sample, Float[Array, " m"]],
    answer: Mapping[str, Any],
    fitted: tuple[Reweighter, ClassifierSettings],
) -> dict[str, bytes]:
    """Contents of the files of a report by name: figures, networks, ``reweighting.json``.

    Args:
        reweighting: the fit.
        moved: its observables before and after, the worst first.
        observables: by name.
        judged: true and generated showers of the judged half, and their weights.
        answer: what the JSON holds.
        fitted: what weights new showers, and the settings of its networks.
    """
    figures = {"weights": draw_weights(reweighting)}
    if shown := [observables[s.name] for s in moved if observables[s.name].per == "shower"][:_SHOWN]:
        figures["observables"] = draw_observables(shown, *judged)
    kinds = (("png", png), ("pdf", pdf))
    plots = {f"plots/{name}.{end}": drawn(fig) for name, fig in figures.items() for end, drawn in kinds}
    page = json.dumps(answer, indent=1).encode() + b"\n"
    return {**plots, **reweighter_files(*fitted), "reweighting.json": page}
