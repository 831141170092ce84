"""Which showers are shown: the mean, some at random, and those that a classifier finds best and worst."""

__all__ = ["pictures"]

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from numpy import ndarray as Array
from scipy.special import expit

from caloforge.reporting import images
from caloforge.reporting.section import Plot
from caloforge.validation.figures.lineup import Lineup
from caloforge.validation.verdict import Verdict

_SHOWN = 4
_SIDE = (
    "Seen from the side: cells of one depth and radius are added up, those above the axis and those below it. "
    "White: no energy."
)


def pictures(lineup: Lineup, verdicts: Sequence[Verdict]) -> Iterator[Plot]:
    """Mean shower, then for each generated sample single showers."""
    yield Plot(
        "mean_images",
        "Mean shower",
        "Mean energy per shower from the side, and across the layer that holds most of it; ratios to Geant4. Radii are "
        "negative below the axis.",
        partial(images.mean_images, lineup),
    )
    for i, verdict in enumerate(verdicts):
        several = len(verdicts) > 1
        yield from _of_one(lineup, verdict, f"_{i + 1}" if several else "", f": {verdict.name}" if several else "")


def _of_one(lineup: Lineup, verdict: Verdict, numbered: str, of: str) -> Iterator[Plot]:
    truth, generated = lineup.truth.cells, lineup.generated[verdict.name].cells
    yield Plot(
        f"showers{numbered}",
        f"Single showers{of}",
        f"Geant4 above, generated below, at nearly the same energy, not chosen by look. {_SIDE}",
        partial(images.single_showers, truth, generated),
    )
    if not verdict.comparison.classifiers:
        return
    best = max(verdict.comparison.classifiers, key=lambda name: verdict.comparison.classifiers[name].auc.value)
    scores = verdict.comparison.classifiers[best].scores_generated
    for word, sign in (("worst", -1), ("best", 1)):
        yield Plot(
            f"{word}_showers{numbered}",
            f"Generated showers with the {word} scores{of}",
            f"Below, with their score under the classifier {best}, which tells most (0: surely Geant4, 1: surely "
            f"generated); above, showers of Geant4 at nearly the same energy. {_SIDE}",
            partial(_scored, lineup, verdict.name, scores, sign),
        )


def _scored(lineup: Lineup, name: str, scores: Float[Array, " s"], sign: int) -> Figure:
    """Showers of lowest (``sign`` 1) or highest score; those without one are never chosen."""
    chosen = np.argsort(np.where(np.isnan(scores), np.inf, sign * scores))[:_SHOWN]
    cells = lineup.generated[name].cells[chosen]
    return images.scored_showers(lineup.truth.cells, cells, expit(scores[chosen]))
