"""Pictures of statistical amplification: worth against the number generated, and the factor of each observable."""

__all__ = ["draw_factors", "draw_saturation"]

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from caloforge.diagnosis.amplification.worth import Amplification
from caloforge.reporting.style import MUTED, TRUTH, figure, look

_COLUMNS = 4


def draw_saturation(amplifications: Sequence[Amplification]) -> Figure:
    """One panel an observable: equivalent number of true showers, with 95 % interval, against the number generated.

    Args:
        amplifications: one an observable.
    """
    rows = -(-len(amplifications) // _COLUMNS)
    columns = min(_COLUMNS, len(amplifications))
    with figure(3.1 * columns + 0.3, 2.6 * rows + 0.7) as fig:
        panels = fig.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).reshape(-1)
        for axes, amplification in zip(panels, amplifications, strict=False):
            _saturation(axes, amplification)
        for axes in panels[len(amplifications) :]:
            axes.set_axis_off()
        for axes in panels[::columns]:
            axes.set_ylabel("Worth in true showers")
        for axes in panels[max(len(amplifications) - columns, 0) : len(amplifications)]:
            axes.set_xlabel("Generated showers")
            axes.tick_params(labelbottom=True)
        handles, labels = panels[0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
        return fig


def _saturation(axes: Axes, amplification: Amplification) -> None:
    generated = np.array([point.generated for point in amplification.curve])
    low, high = (np.array([point.interval[i] for point in amplification.curve]) for i in (0, 1))
    value, style = [point.value for point in amplification.curve], look(1)
    axes.plot(generated, generated, color=MUTED, ls=":", label="perfect generator")
    axes.axhline(amplification.training, color=TRUTH, ls="--", lw=1, label="training showers")
    axes.axhline(amplification.worth.limit, color=MUTED, ls="-.", lw=1, label="known of a perfect one")
    axes.fill_between(generated, low, high, color=style.colour, alpha=0.25, lw=0, label="95 % interval")
    axes.plot(generated, value, style.marker, ms=4, color=style.colour, label="worth")
    axes.set(xscale="log", yscale="log")
    axes.set_title(amplification.name, fontsize=9, loc="left")


def draw_factors(amplifications: Sequence[Amplification]) -> Figure:
    """Worth of the whole sample over the training sample, with its 95 % interval; grey where it cannot be told.

    Args:
        amplifications: one an observable, all of one generator.
    """
    style = look(1)
    with figure(6.6, 0.32 * len(amplifications) + 1.1) as fig:
        axes = fig.subplots()
        axes.axvline(1, color=TRUTH, ls="--", lw=1)
        for place, amplification in enumerate(reversed(amplifications)):
            factor, low, high = amplification.worth.factor(amplification.training)
            colour = MUTED if amplification.verdict == "cannot tell" else style.colour
            errors = [[factor - low], [high - factor]]
            axes.errorbar(factor, place, xerr=errors, fmt=style.marker, ms=5, color=colour, capsize=3)
        axes.set_yticks(range(len(amplifications)), [amplification.name for amplification in reversed(amplifications)])
        ends = np.array([amplification.worth.interval for amplification in amplifications]) / amplifications[0].training
        axes.set(xscale="log", xlim=(0.7 * ends.min(), 1.4 * ends.max()), ylim=(-0.7, len(amplifications) - 0.3))
        axes.set_xlabel("Worth of the generated sample / training showers")
        return fig
