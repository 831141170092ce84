"""Pictures of statistical amplification: worth against the number generated, and the factor of each observable."""

__all__ = ["draw_factors", "draw_saturation"]

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from caloforge.diagnosis.amplification.worth import Amplification
from caloforge.reporting.style import MUTED, TRUTH, figure, look

_COLUMNS = 4


def draw_saturation(found: Sequence[Amplification]) -> Figure:
    """One panel an observable: equivalent number of true showers, with 95 % interval, against the number generated."""
    rows = -(-len(found) // _COLUMNS)
    columns = min(_COLUMNS, len(found))
    with figure(3.1 * columns + 0.3, 2.6 * rows + 0.7) as fig:
        panels = fig.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).reshape(-1)
        for axes, one in zip(panels, found, strict=False):
            _saturation(axes, one)
        for axes in panels[len(found) :]:
            axes.set_axis_off()
        for axes in panels[::columns]:
            axes.set_ylabel("Worth in true showers")
        for axes in panels[max(len(found) - columns, 0) : len(found)]:
            axes.set_xlabel("Generated showers")
            axes.tick_params(labelbottom=True)
        handles, labels = panels[0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
        return fig


def _saturation(axes: Axes, one: Amplification) -> None:
    made = np.array([point.generated for point in one.curve])
    low, high = (np.array([point.interval[i] for point in one.curve]) for i in (0, 1))
    value, style = [point.value for point in one.curve], look(1)
    axes.plot(made, made, color=MUTED, ls=":", label="perfect generator")
    axes.axhline(one.training, color=TRUTH, ls="--", lw=1, label="training showers")
    axes.axhline(one.worth.limit, color=MUTED, ls="-.", lw=1, label="known of a perfect one")
    axes.fill_between(made, low, high, color=style.colour, alpha=0.25, lw=0, label="95 % interval")
    axes.plot(made, value, style.marker, ms=4, color=style.colour, label="worth")
    axes.set(xscale="log", yscale="log")
    axes.set_title(one.name, fontsize=9, loc="left")


def draw_factors(found: Sequence[Amplification]) -> Figure:
    """Worth of the whole sample over the training sample, with its 95 % interval; grey where it cannot be told."""
    style = look(1)
    with figure(6.6, 0.32 * len(found) + 1.1) as fig:
        axes = fig.subplots()
        axes.axvline(1, color=TRUTH, ls="--", lw=1)
        for place, one in enumerate(reversed(found)):
            factor, low, high = one.worth.factor(one.training)
            colour = MUTED if one.verdict == "cannot tell" else style.colour
            errors = [[factor - low], [high - factor]]
            axes.errorbar(factor, place, xerr=errors, fmt=style.marker, ms=5, color=colour, capsize=3)
        axes.set_yticks(range(len(found)), [one.name for one in reversed(found)])
        ends = np.array([one.worth.interval for one in found]) / found[0].training
        axes.set(xscale="log", xlim=(0.7 * ends.min(), 1.4 * ends.max()), ylim=(-0.7, len(found) - 0.3))
        axes.set_xlabel("Worth of the generated sample / training showers")
        return fig
