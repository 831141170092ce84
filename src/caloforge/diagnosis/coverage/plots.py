"""Figures of coverage: measured against nominal coverage, and the model error inside and outside the range."""

__all__ = ["draw_coverage", "draw_growth"]

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from caloforge.diagnosis.coverage.intervals import Coverage
from caloforge.diagnosis.coverage.study import GROWTH, CoverageStudy
from caloforge.generation.uncertainty import half_width
from caloforge.physics.observables import OBSERVABLES
from caloforge.reporting.style import BAND, MUTED, TRUTH, figure, look, plain_label, power_label
from caloforge.units import GeV


def draw_coverage(runs: Sequence[CoverageStudy]) -> Figure:
    """One panel a run: measured coverage of the pairs in range, raw and recalibrated; band: one standard error.

    Args:
        runs: a panel each.
    """
    with figure(3.1 * len(runs) + 0.6, 3.5) as fig:
        panels = fig.subplots(1, len(runs), sharey=True, squeeze=False)[0]
        for axes, run in zip(panels, runs, strict=True):
            raw = run.coverage()
            _diagonal(axes, run.coverage(recalibrated=True) if run.recalibration else raw)
            label = "statistical error only" if run.method == "single" else "raw"
            _curve(axes, raw, 0, label)
            if run.recalibration:
                _curve(axes, run.coverage(recalibrated=True), 1, "recalibrated")
            axes.set(title=f"{plain_label(run.name)}: {run.models}", xlabel="Nominal coverage (%)", xlim=(0, 100))
            axes.legend(loc="upper left", frameon=False)
        panels[0].set(ylabel="Measured coverage (%)", ylim=(0, 100))
        return fig


def _diagonal(axes: Axes, levels: Sequence[Coverage]) -> None:
    nominal = np.array([0.0, *(c.level for c in levels), 1.0])
    error = np.array([0.0, *(c.error for c in levels), 0.0])
    axes.plot([0, 100], [0, 100], color=MUTED, lw=1)
    low, high = np.clip(nominal - error, 0, 1), np.clip(nominal + error, 0, 1)
    axes.fill_between(100 * nominal, 100 * low, 100 * high, color=BAND, lw=0, label=r"nominal $\pm$ 1 s.e.")


def _curve(axes: Axes, levels: Sequence[Coverage], position: int, label: str) -> None:
    style = look(position)
    nominal, measured = ([100 * getattr(c, name) for c in levels] for name in ("level", "value"))
    axes.plot(nominal, measured, color=style.colour, ls=style.line, marker=style.marker, ms=4, label=label)


def draw_growth(runs: Sequence[CoverageStudy]) -> Figure:
    """For each observable: truth over the first run with its 68 and 95 % bands, and the model error of every run.

    Args:
        runs: of models trained on the same showers.
    """
    with figure(3.3 * len(GROWTH) + 0.6, 5.6) as fig:
        axes = fig.subplots(2, len(GROWTH), sharex=True, gridspec_kw={"height_ratios": [1.3, 1]})
        for k, name in enumerate(GROWTH):
            _ratio(axes[0, k], runs[0], k)
            for position, run in enumerate(runs):
                if run.method != "single":
                    _error(axes[1, k], run, k, position)
            axes[0, k].set(title=OBSERVABLES[name].quantity)
            axes[1, k].set(xlabel="Incident energy (GeV)", xscale="log", yscale="log")
            for axis in (axes[1, k].xaxis, axes[1, k].yaxis):
                axis.set_major_formatter(power_label)
                axis.set_minor_formatter("")
        axes[0, 0].set_ylabel("Geant4 / model - 1 (%)")
        axes[1, 0].set_ylabel("Model error / value (%)")
        axes[0, 0].legend(frameon=False, loc="best")
        if axes[1, 0].get_legend_handles_labels()[0]:  # one model alone has no spread to draw
            axes[1, 0].legend(frameon=False, loc="best")
        return fig


def _ratio(axes: Axes, run: CoverageStudy, k: int) -> None:
    energy = run.growth.energy / GeV
    value = np.array([e.value[k] for e in run.growth.expectations])
    model = np.nan_to_num([e.model_error[k] for e in run.growth.expectations])
    members = run.growth.expectations[0].members
    for level, alpha in ((0.95, 0.35), (0.68, 0.7)):
        width = 100 * half_width(level, (model / value) ** 2, members, np.zeros_like(value))
        axes.fill_between(energy, -width, width, color=BAND, alpha=alpha, lw=0, label=f"{100 * level:g} % of the model")
    column = run.deviations.columns.index(GROWTH[k])
    at = np.array([b.energy for b in run.deviations.bins]) / GeV
    ratio = 100 * (run.deviations.truth / run.deviations.value - 1)[:, column]
    error = 100 * (run.deviations.statistical / np.abs(run.deviations.value))[:, column]
    axes.errorbar(at, ratio, error, fmt="o", ms=4, color=TRUTH, capsize=2, label="Geant4, held out")
    axes.axhline(0, color=MUTED, lw=1)
    _trained(axes, run)


def _error(axes: Axes, run: CoverageStudy, k: int, position: int) -> None:
    style = look(position)
    label = plain_label(run.name)
    axes.plot(run.growth.energy / GeV, 100 * run.growth.relative(k), color=style.colour, ls=style.line, label=label)
    _trained(axes, run)


def _trained(axes: Axes, run: CoverageStudy) -> None:
    for end in run.trained:
        axes.axvline(end / GeV, color=MUTED, lw=0.8, ls=":")
