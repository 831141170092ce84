"""Pictures of statistical amplification: worth against the number generated, and the factor of each observable."""

__all__ = ["draw_factors", "draw_saturation"]

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from caloforge.diagnosis.amplification.worth import Amplification
from caloforge.physics.observables import quantity_of
from caloforge.reporting.style import MUTED, TRUTH, figure, look, power_label

_COLUMNS = 4
_ROOM = 1.25  # factor by which an axis reaches beyond its outermost points


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
    axes.axhline(amplification.worth.limit, color=MUTED, ls="-.", lw=1, label="most that this truth can tell")
    axes.fill_between(generated, low, high, color=style.colour, alpha=0.25, lw=0, label="95 % interval")
    axes.plot(generated, value, style.marker, ms=4, color=style.colour, label="worth")
    axes.set(xscale="log", yscale="log", xlim=(generated[0] / _ROOM, generated[-1] * _ROOM))
    _plain_ticks(axes.xaxis, generated[-1] / generated[0])
    axes.set_title(quantity_of(amplification.name), fontsize=9, loc="left")


def _plain_ticks(axis: Axis, reach: float) -> None:
    """Plain numbers on a logarithmic axis: decades, and 2 and 5 of each where there are few."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if reach < 100 else (1,)))
    axis.set_major_formatter(power_label if reach >= 100 else "{x:g}")
    axis.set_minor_formatter(NullFormatter())


def draw_factors(amplifications: Sequence[Amplification]) -> Figure:
    """Worth of the whole sample over the training sample, with its 95 % interval; grey where it cannot be told.

    Args:
        amplifications: one an observable, all of one generator.
    """
    style = look(1)
    with figure(7.6, 0.32 * len(amplifications) + 1.4) as fig:
        axes = fig.subplots()
        axes.axvline(1, color=TRUTH, ls="--", lw=1, label="the training sample itself")
        for place, amplification in enumerate(reversed(amplifications)):
            factor, low, high = amplification.worth.factor(amplification.training)
            colour = MUTED if amplification.verdict == "cannot tell" else style.colour
            errors = [[factor - low], [high - factor]]
            axes.errorbar(factor, place, xerr=errors, fmt=style.marker, ms=5, color=colour, capsize=3)
        names = [quantity_of(amplification.name) for amplification in reversed(amplifications)]
        axes.set_yticks(range(len(amplifications)), names)
        ends = np.array([amplification.worth.interval for amplification in amplifications]) / amplifications[0].training
        low, high = min(1, ends.min()) / _ROOM, max(1, ends.max()) * _ROOM
        axes.set(xscale="log", xlim=(low, high), ylim=(-0.7, len(amplifications) - 0.3))
        _plain_ticks(axes.xaxis, high / low)
        axes.set_xlabel("Worth of the generated sample / training showers")
        for colour, verdict in ((style.colour, "told, 95 % interval"), (MUTED, "cannot tell")):
            axes.errorbar([], [], xerr=[], fmt=style.marker, ms=5, color=colour, capsize=3, label=verdict)
        fig.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=9)
        return fig
