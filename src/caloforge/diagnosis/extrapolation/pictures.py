"""Pictures of the test at chosen energies: deviations against energy, distributions over Geant4's, mean showers."""

__all__ = ["Line", "Point", "against_energy", "plots"]

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy import ndarray as Array

from caloforge.diagnosis.extrapolation.deviation import Deviation
from caloforge.diagnosis.extrapolation.study import AtEnergy, Extrapolation
from caloforge.physics.axes import linear_edges
from caloforge.physics.depth import depth_unit, layer_edges
from caloforge.reporting.curve import Curve
from caloforge.reporting.panels import energy_axis, ratio_panel
from caloforge.reporting.section import Plot
from caloforge.reporting.style import BAND, MUTED, TRUTH, figure, look, subfigures
from caloforge.units import GeV
from caloforge.validation.figures.lineup import Lineup
from caloforge.validation.figures.pictures import mean_images

_BINS = 30
_FAR = 6.0
_SHOWN = {  # deviation: label, factor, ideal
    "response_bias": ("Response bias [%]", 100.0, 0.0),
    "resolution_ratio": ("Resolution over Geant4's, less 1 [%]", 100.0, 1.0),
    "depth_shift": ("Shift of mean depth [{unit}]", 1.0, 0.0),
}


@dataclass(frozen=True)
class Point:
    """A deviation at one energy.

    Args:
        energy: MeV.
        value: of the deviation.
        error: its standard error, or its spread over trainings.
    """

    energy: float
    value: float
    error: float


Line = Mapping[str, Sequence[Point]]  # deviation -> its points


def plots(extrapolation: Extrapolation) -> Iterator[Plot]:
    """All pictures that this test has something for.

    Args:
        extrapolation: what to draw.
    """
    measured = [at for at in extrapolation.energies if at.samples]
    if measured:
        yield Plot(
            "against_energy",
            "Deviations against energy",
            "Bias of the response, ratio of the resolutions and shift of the mean depth; bars: standard errors. "
            "Light band: the goal; dark band: what Geant4 against Geant4 gives; shaded: the range of the training.",
            partial(_summary, measured),
        )
    for at in measured:
        yield Plot(
            f"distributions_{at.label}",
            f"Distributions at {at.label}",
            f"Response, mean depth and longitudinal profile of {at.n_truth:,} showers of Geant4 (filled) and of "
            "generated ones; below: generated over Geant4, with the statistical error of Geant4 as a band.",
            partial(_distributions, at),
        )
        yield Plot(
            f"mean_{at.label}",
            f"Mean showers at {at.label}",
            "From the side and across the layer with the most energy: the mean shower of Geant4, of the model, and "
            "their ratio.",
            partial(_mean_showers, at),
        )


def _summary(measured: Sequence[AtEnergy]) -> Figure:
    line = {
        name: [Point(at.energy, at.deviations[name].value, at.deviations[name].error) for at in measured]
        for name in _SHOWN
    }
    floors = {name: [(at.energy, at.deviations[name]) for at in measured] for name in _SHOWN}
    return against_energy({"": {"generated": line}}, floors, measured[0].trained, ("generated",))


def against_energy(
    rows: Mapping[str, Mapping[str, Line]],
    floors: Mapping[str, Sequence[tuple[float, Deviation]]],
    trained: tuple[float, float],
    names: Sequence[str],
) -> Figure:
    """Distances from the ideal against energy, one row of panels for each group of models.

    Args:
        rows: title of the row -> name of the model -> points of each deviation.
        floors: of each deviation, energies with what truth against truth gives there.
        trained: range of the training, MeV.
        names: of all models, in the order of their colours.
    """
    with figure(13.0, 0.6 + 3.4 * len(rows)) as fig:
        panels = fig.subplots(len(rows), 3, squeeze=False, sharex=True, sharey="col")
        for column, (name, (label, factor, ideal)) in zip(panels.T, _SHOWN.items(), strict=True):
            example = floors[name][0][1]
            floor_points = [(e, factor * d.floor) for e, d in floors[name]]
            for axes, lines in zip(column, rows.values(), strict=True):
                _frame(axes, floor_points, factor * (example.goal or 0.0), trained)
                for model, line in lines.items():
                    _draw_line(axes, line[name], factor, ideal, (model, names))
                axes.set_ylabel(label.replace("{unit}", "$X_0$" if example.unit == "X0" else example.unit))
            values = [
                factor * (abs(p.value - ideal) + p.error)
                for lines in rows.values()
                for line in lines.values()
                for p in line[name]
            ]
            _zoom(column, values, factor * (example.goal or max(d.floor for _, d in floors[name])))
            column[-1].set_xlabel("Incident energy [GeV]")
        for axes, title in zip(panels[:, 0], rows, strict=True):
            axes.set_title(title, loc="left")
        handles, labels = panels[0, 0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False, fontsize=9)
        return fig


def _frame(
    axes: Axes,
    floors: Sequence[tuple[float, float]],
    goal: float,
    trained: tuple[float, float],
) -> None:
    """Axis of energy, training range, goal, and the floor as bars about zero."""
    energy_axis(axes)
    axes.axvspan(trained[0] / GeV, trained[1] / GeV, color="#e8f0e4", lw=0, zorder=0, label="range of the training")
    axes.axhspan(-goal, goal, color=BAND, alpha=0.55, lw=0, label="goal")
    axes.axhline(0, color=TRUTH, lw=0.8)
    for k, (energy, floor) in enumerate(floors):
        label = "_" if k else "Geant4 against Geant4"
        ends = np.array([energy / 1.1, energy * 1.1]) / GeV
        axes.fill_between(ends, -floor, floor, color=MUTED, alpha=0.5, lw=0, label=label)
    energies = [*(e for e, _ in floors), *trained]
    axes.set_xlim(min(energies) / 1.4 / GeV, max(energies) * 1.4 / GeV)


def _zoom(column: Array, values: Sequence[float], border: float) -> None:
    """Linear inside the border, logarithmic beyond it where bars end far outside; zero in the middle."""
    reach = 1.15 * max(border, *(v for v in values if np.isfinite(v)))
    for axes in column:
        if reach > _FAR * border:
            axes.set_yscale("symlog", linthresh=border, linscale=1.5)
            axes.yaxis.set_major_formatter("{x:g}")
            axes.set_yticks([sign * t for t in _symmetric_ticks(border, reach) for sign in (-1, 1)] + [0])
            axes.minorticks_off()
        axes.set_ylim(-reach, reach)


def _symmetric_ticks(border: float, reach: float) -> list[float]:
    """The border and its decades."""
    return [border * 10**k for k in range(int(np.log10(reach / border)) + 1)]


def _draw_line(
    axes: Axes, points: Sequence[Point], factor: float, ideal: float, which: tuple[str, Sequence[str]]
) -> None:
    """Points of one model, moved a little so that several do not cover each other."""
    name, names = which
    place = names.index(name)
    style, shift = look(place), 1.04 ** (place - (len(names) - 1) / 2)
    x = np.array([p.energy for p in points]) / GeV * shift
    y, error = factor * np.array([p.value - ideal for p in points]), factor * np.array([p.error for p in points])
    axes.errorbar(
        x, y, error, color=style.colour, marker=style.marker, ls=style.line, lw=1, ms=5, capsize=2, label=name
    )


def _distributions(at: AtEnergy) -> Figure:
    assert at.samples is not None
    binning = at.samples[0].binning
    edges, unit = layer_edges(binning), depth_unit(binning)
    layers = np.append(edges[:, 0], edges[-1, 1])
    panels = [
        ("Response", "Share of showers", _shares(at, "response")),
        (f"Mean depth [{unit}]", "Share of showers", _shares(at, "centre_z")),
        (
            f"Depth [{unit}]",
            "Mean share of visible energy",
            [Curve.of_means(layers, s.table["longitudinal_profile"].astype(np.float64)) for s in at.samples],
        ),
    ]
    with figure(13.0, 4.6) as fig:
        for half, (label, height, curves) in zip(subfigures(fig, 1, 3), panels, strict=True):
            upper, lower = half.subplots(2, 1, sharex=True, height_ratios=(3, 1))
            ratio_panel((upper, lower), curves[0], curves[1:])
            upper.set_ylabel(height)
            lower.set_ylabel("ratio to G4", loc="center")
            lower.set_xlabel(label)
            lower.xaxis.set_major_locator(MaxNLocator(5))
        fig.axes[0].plot([], [], color=TRUTH, label="Geant4")
        fig.axes[0].plot([], [], color=look(0).colour, label="generated")
        fig.axes[0].legend(frameon=False)
        return fig


def _shares(at: AtEnergy, name: str) -> list[Curve]:
    assert at.samples is not None
    values = [s.table[name][:, 0].astype(np.float64) for s in at.samples]
    edges: Float[Array, " e"] = linear_edges(values[0], _BINS)
    return [Curve.of_values(v, edges) for v in values]


def _mean_showers(at: AtEnergy) -> Figure:
    assert at.samples is not None
    truth, generated = at.samples
    ends = np.array([truth.incident_energy.min() * 0.99, truth.incident_energy.max() * 1.01])
    return mean_images(Lineup(truth, {"generated": generated}, ends))
