"""What the classifier saw: scores of both samples with the ROC curve, and the observables that give the model away."""

__all__ = ["scores", "importances"]

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from scipy.special import expit

from caloforge.classifiers.auc import Classified
from caloforge.classifiers.importance import Importance
from caloforge.reporting.curve import Curve
from caloforge.reporting.style import BAND, MUTED, TRUTH, figure, look

_BINS = 40
_SHOWN = 15


def scores(classified: Classified, name: str, position: int) -> Figure:
    """Histograms of p(generated) (0: surely Geant4, 1: surely generated) and the ROC curve, of showers with scores.

    Args:
        classified: by the classifier.
        name: of the generated sample.
        position: of the sample among several, for its look.
    """
    t, g = (expit(x[~np.isnan(x)]) for x in (classified.scores_truth, classified.scores_generated))
    edges, style = np.linspace(0, 1, _BINS + 1), look(position)
    with figure(10.0, 3.9) as fig:
        left, right = fig.subplots(1, 2, width_ratios=(1.6, 1))
        first, second = (Curve.of_values(np.clip(x, 0, 1 - 1e-9), edges) for x in (t, g))
        left.stairs(first.content, edges, fill=True, color=BAND)
        left.stairs(first.content, edges, color=TRUTH, label="Geant4")
        left.stairs(second.content, edges, color=style.colour, label=name)
        left.set(xlabel="Score (0: Geant4, 1: generated)", ylabel="Share of showers", xlim=(0, 1))
        left.set_ylim(0, 1.35 * max(first.content.max(), second.content.max()))
        left.legend(loc="upper left")
        cut = np.linspace(0, 1, 401)
        right.plot(*(1 - np.searchsorted(np.sort(x), cut) / len(x) for x in (t, g)), color=style.colour)
        right.plot([0, 1], [0, 1], color=MUTED, ls=":", label="no difference")
        right.set(xlabel="Share of Geant4 above the cut", ylabel="Share of generated above the cut")
        right.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        right.legend(loc="lower right")
        return fig


def importances(observables: Sequence[Importance], families: Sequence[Importance]) -> Figure:
    """Loss of AUC when one observable, or one family of them, is shuffled among the showers, largest first.

    Args:
        observables: to one classifier.
        families: to the same, named by the module that defines them.
    """
    shown = [sorted(inputs, key=lambda i: -i.loss_of_auc)[:_SHOWN] for inputs in (families, observables)]
    rows = [max(1, len(inputs)) for inputs in shown]
    with figure(9.0, 1.9 + 0.27 * sum(rows)) as fig:
        for axes, inputs, title in zip(
            fig.subplots(2, 1, height_ratios=rows), shown, ("Families of observables", "Observables"), strict=True
        ):
            places = np.arange(len(inputs))
            losses, errors = ([getattr(i, what) for i in inputs] for what in ("loss_of_auc", "error"))
            axes.barh(
                places, losses, xerr=errors, color=look(0).colour, height=0.7, error_kw={"ecolor": TRUTH, "lw": 1}
            )
            axes.set_yticks(places, [i.name for i in inputs])
            axes.invert_yaxis()
            axes.margins(x=0.05)
            axes.axvline(0, color=TRUTH, lw=0.8)
            axes.tick_params(axis="y", which="both", length=0)
            axes.set_title(title, loc="left")
            axes.set_xlabel("Loss of AUC when shuffled")
        return fig
