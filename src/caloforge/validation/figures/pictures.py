"""Which showers are shown: the mean, some at random, and those that a classifier finds best and worst."""

__all__ = ["pictures", "mean_images"]

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from numpy import ndarray as Array
from scipy.special import expit

from caloforge.physics.observables import depth_unit
from caloforge.reporting import images
from caloforge.reporting.images import draw_row
from caloforge.reporting.patches import patches_across, patches_from_side
from caloforge.reporting.section import Plot
from caloforge.reporting.style import figure
from caloforge.validation.figures.lineup import Lineup
from caloforge.validation.report import Report

_SHOWN = 4
_SIDE = (
    "Seen from the side: cells of one depth and radius are added up, those above the axis and those below it. "
    "White: no energy."
)


def pictures(lineup: Lineup, models: Sequence[Report]) -> Iterator[Plot]:
    """Mean shower, then for each generated sample single showers.

    Args:
        lineup: truth and generated samples.
        models: the report of each generated sample.
    """
    yield Plot(
        "mean_images",
        "Mean shower",
        "Mean energy per shower from the side, and across the layer that holds most of it; ratios to Geant4. Radii are "
        "negative below the axis.",
        partial(mean_images, lineup),
    )
    for i, model in enumerate(models):
        several = len(models) > 1
        yield from _of_one(lineup, model, f"_{i + 1}" if several else "", f": {model.name}" if several else "")


def _of_one(lineup: Lineup, model: Report, numbered: str, of: str) -> Iterator[Plot]:
    truth, generated = lineup.truth.cells, lineup.generated[model.name].cells
    yield Plot(
        f"showers{numbered}",
        f"Single showers{of}",
        f"Geant4 above, generated below, at nearly the same energy, not chosen by look. {_SIDE}",
        partial(images.single_showers, truth, generated),
    )
    classifiers = model.details.classifiers if model.details else {}
    if not classifiers:
        return
    best = max(classifiers, key=lambda name: classifiers[name].auc.value)
    scores = classifiers[best].scores_generated
    for word, sign in (("worst", -1), ("best", 1)):
        yield Plot(
            f"{word}_showers{numbered}",
            f"Generated showers with the {word} scores{of}",
            f"Below, with their score under the classifier {best}, which tells most (0: surely Geant4, 1: surely "
            f"generated); above, showers of Geant4 at nearly the same energy. {_SIDE}",
            partial(_scored, lineup, model.name, scores, sign),
        )


def _scored(lineup: Lineup, name: str, scores: Float[Array, " s"], sign: int) -> Figure:
    """Showers of lowest (``sign`` 1) or highest score; those without one are never chosen."""
    chosen = np.argsort(np.where(np.isnan(scores), np.inf, sign * scores))[:_SHOWN]
    cells = lineup.generated[name].cells[chosen]
    return images.scored_showers(lineup.truth.cells, cells, expit(scores[chosen]))


def mean_images(lineup: Lineup) -> Figure:
    """Mean energy per shower from the side and, in the layer with the most, across: the truth, and ratios to it.

    A single generated sample is shown itself, too; several would need more room than the eye can compare.

    Args:
        lineup: truth and generated samples.
    """
    binning, samples = lineup.binning, lineup.samples
    hottest = int(lineup.truth.mean_layer_energy.argmax())
    side = [patches_from_side(binning, s.mean_cells) for s in samples]
    across = [patches_across(binning, hottest, s.mean_cells) for s in samples]
    shown = 2 if len(samples) == 2 else 1
    titles = [*lineup.names[:shown], *(f"{name} / Geant4" for name in lineup.names[1:])]
    with figure(3.9 * len(titles) + 0.6, 7.4) as fig:
        axes = fig.subplots(2, len(titles), squeeze=False)
        draw_row(fig, axes[0], side, shown, (f"Depth [{depth_unit(binning)}]", "Radius [mm]"), titles)
        layer = f"layer {binning.layers[hottest].id}"
        draw_row(fig, axes[1], across, shown, ("x [mm]", "y [mm]"), [f"{title}, {layer}" for title in titles])
        for panel in axes[1]:
            panel.set_aspect("equal")
        return fig
