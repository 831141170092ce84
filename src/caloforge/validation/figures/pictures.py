"""Which showers are shown: the mean, some at random, freaks, and those that a classifier finds best and worst."""

__all__ = ["freak_pictures", "mean_images", "pictures"]

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
        f"negative below the axis.{_left_out(lineup)}",
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
    notes = [f"score {score:.2f}" for score in expit(scores[chosen])]
    return images.beside_truth(lineup.truth.cells, cells, notes)


def _left_out(lineup: Lineup) -> str:
    """How many freaks the means do without: each could outweigh all other showers in a faint cell."""
    counts = [f"{len(freaks)} of {name}" for name, freaks in lineup.freaks.items() if len(freaks)]
    return f" Freak showers are left out: {', '.join(counts)}." if counts else ""


def freak_pictures(lineup: Lineup) -> Iterator[Plot]:
    """The oddest freaks of each sample that has some.

    Args:
        lineup: truth and generated samples, with freaks.
    """
    for i, name in enumerate(lineup.generated):
        numbered, of = (f"_{i + 1}", f": {name}") if len(lineup.generated) > 1 else ("", "")
        if len(lineup.freaks.get(name, ())):
            yield Plot(
                f"freaks{numbered}",
                f"The oddest freaks{of}",
                f"Below; above, showers of Geant4 at nearly the same energy. {_SIDE}",
                partial(_freaks, lineup, name),
            )


def _freaks(lineup: Lineup, name: str) -> Figure:
    shown = lineup.freaks[name][:_SHOWN]
    return images.beside_truth(lineup.truth.cells, shown, ["freak"] * len(shown))


def mean_images(lineup: Lineup) -> Figure:
    """Mean energy per shower from the side and, in the layer with the most, across: the truth, and ratios to it.

    A single generated sample is shown itself, too; several would need more room than the eye can compare.

    Args:
        lineup: truth and generated samples.
    """
    binning, samples = lineup.binning, lineup.samples
    hottest = int(lineup.truth.mean_layer_energy.argmax())
    side = [patches_from_side(binning, mean) for mean in lineup.means]
    across = [patches_across(binning, hottest, mean) for mean in lineup.means]
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
