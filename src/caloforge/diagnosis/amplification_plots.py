"""Pictures of statistical amplification: worth against the number generated, and the factor of each observable."""

__all__ = ["draw_factors", "draw_saturation"]

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from caloforge.diagnosis.amplification import Amplification
from caloforge.validation.style import MUTED, TRUTH, figure, look

_COLUMNS = 4


def draw_saturation(found: Sequence[Amplification]) -> Figure:
    """One panel an observable: equivalent number of true showers, with 95 % interval, against the number generated."""
    rows = -(-len(found) // _COLUMNS)
    columns = min(_COLUMNS, len(found))
    with figure(3.1 * columns + 0.3, 2.6 * rows + 0.7) as fig:
        panels = fig.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).reshape(-1)
        top = 30 * max(max(one.training, one.worth.limit) for one in found)
        for axes, one in zip(panels, found, strict=False):
            _saturation(axes, one, top)
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


def _saturation(axes: Axes, one: Amplification, top: float) -> None:
    """Filled points have an interval with an upper end, hollow ones can be told from a perfect sample by nobody."""
    made = np.array([point.generated for point in one.curve])
    low, high = (np.minimum([point.interval[i] for point in one.curve], top) for i in (0, 1))
    value = np.array([point.value if point.value < top else np.nan for point in one.curve])
    bounded, colour = high < top, look(1).colour
    axes.plot(made, made, color=MUTED, ls=":", label="perfect generator")
    axes.axhline(one.training, color=TRUTH, ls="--", lw=1, label="training showers")
    axes.axhline(one.worth.limit, color=MUTED, ls="-.", lw=1, label="all that this truth can tell")
    axes.fill_between(made, low, high, color=colour, alpha=0.25, lw=0, label="95 % interval")
    axes.plot(made[bounded], value[bounded], "o", ms=4, color=colour, label="worth")
    axes.plot(made[~bounded], value[~bounded], "o", ms=4, mfc="none", color=colour, label="worth, no upper end")
    axes.set(xscale="log", yscale="log", ylim=(0.5 * float(low.min()), top))
    axes.set_title(one.name, fontsize=9, loc="left")


def draw_factors(found: Sequence[Amplification]) -> Figure:
    """Worth of the whole sample over the training sample; an arrow where its 95 % interval has no upper end."""
    style = look(1)
    with figure(6.6, 0.32 * len(found) + 1.1) as fig:
        axes = fig.subplots()
        factors = [one.worth.factor(one.training) for one in found]
        limit = max(one.worth.limit / one.training for one in found)
        known = [x for triple in factors for x in triple if np.isfinite(x)]
        lowest, highest = 0.7 * min(known), 2 * max(limit, 1.0, *known)
        axes.axvline(1, color=TRUTH, ls="--", lw=1)
        axes.axvline(limit, color=MUTED, ls="-.", lw=1)
        for place, (one, (factor, low, high)) in enumerate(zip(reversed(found), reversed(factors), strict=True)):
            colour = MUTED if one.verdict == "cannot tell" else style.colour
            axes.plot([low, min(high, highest / 1.2)], [place, place], color=colour)
            if np.isfinite(factor):
                axes.plot(factor, place, style.marker, color=colour, ms=5)
            if not np.isfinite(high):
                axes.plot(highest / 1.2, place, ">", color=colour, ms=5)
        axes.set_yticks(range(len(found)), [one.name for one in reversed(found)])
        axes.set(xscale="log", xlim=(lowest, highest), ylim=(-0.7, len(found) - 0.3))
        axes.set_xlabel("Worth of the generated sample / training showers")
        return fig
