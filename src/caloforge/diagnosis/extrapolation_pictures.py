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

from caloforge.diagnosis.deviation import GOALS, Deviation
from caloforge.diagnosis.extrapolation import AtEnergy, Extrapolation
from caloforge.physics.axes import linear_edges
from caloforge.physics.depth import depth_unit, layer_edges
from caloforge.units import GeV
from caloforge.validation.images import mean_images
from caloforge.validation.lineup import Lineup
from caloforge.validation.panels import Curve, ratio_panel
from caloforge.validation.response_plots import energy_axis
from caloforge.validation.section import Plot
from caloforge.validation.style import BAND, MUTED, TRUTH, figure, look, subfigures

_BINS = 30
_SHOWN = {  # deviation: label, factor, ideal
    "response_bias": ("Response bias [%]", 100.0, 0.0),
    "resolution_ratio": ("Resolution, generated / Geant4", 1.0, 1.0),
    "depth_shift": ("Shift of mean depth [{unit}]", 1.0, 0.0),
}


@dataclass(frozen=True)
class Point:
    """A deviation at one energy (MeV), with its error or its spread over trainings."""

    energy: float
    value: float
    error: float


Line = Mapping[str, Sequence[Point]]  # deviation -> its points


def plots(found: Extrapolation) -> Iterator[Plot]:
    """All pictures that this test has something for."""
    measured = [at for at in found.energies if at.samples]
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
    return against_energy({"generated": line}, floors, measured[0].trained)


def against_energy(
    lines: Mapping[str, Line],
    floors: Mapping[str, Sequence[tuple[float, Deviation]]],
    trained: tuple[float, float],
) -> Figure:
    """The three deviations against energy, of one model or of several by name.

    Args:
        lines: name for the legend -> points of each deviation.
        floors: of each deviation, energies with what truth against truth gives there.
        trained: range of the training, MeV.
    """
    with figure(13.0, 4.4) as fig:
        panels = fig.subplots(1, 3)
        for axes, (name, (label, factor, ideal)) in zip(panels, _SHOWN.items(), strict=True):
            unit = floors[name][0][1].unit
            _frame(axes, [(e, factor * d.floor) for e, d in floors[name]], ideal, trained)
            if floors[name][0][1].goal is not None:
                axes.axhspan(ideal - factor * GOALS[name], ideal + factor * GOALS[name], color=BAND, alpha=0.55, lw=0)
            for position, (label_of_line, line) in enumerate(lines.items()):
                _draw_line(axes, line[name], factor, label_of_line, (position, len(lines)))
            axes.set_ylabel(label.replace("{unit}", "$X_0$" if unit == "X0" else unit))
        panels[0].legend(frameon=False, fontsize=8)
        return fig


def _frame(axes: Axes, floors: Sequence[tuple[float, float]], ideal: float, trained: tuple[float, float]) -> None:
    """Axis of energy, training range, ideal, and the floor as bars about it."""
    energy_axis(axes)
    axes.axvspan(trained[0] / GeV, trained[1] / GeV, color="#e8f0e4", lw=0, zorder=0)
    axes.axhline(ideal, color=TRUTH, lw=0.8)
    for energy, floor in floors:
        reach = np.array([energy / 1.12, energy * 1.12]) / GeV
        axes.fill_between(reach, ideal - floor, ideal + floor, color=MUTED, alpha=0.5, lw=0)
    energies = [e / GeV for e, _ in floors]
    ends = (min(*energies, trained[0] / GeV) / 1.4, max(*energies, trained[1] / GeV) * 1.4)
    axes.set_xlim(*ends)
    axes.set_xlabel("Incident energy [GeV]")


def _draw_line(axes: Axes, points: Sequence[Point], factor: float, name: str, place: tuple[int, int]) -> None:
    """Points of one model, moved a little so that several do not cover each other."""
    style, shift = look(place[0]), 1.03 ** (place[0] - (place[1] - 1) / 2)
    x = np.array([p.energy for p in points]) / GeV * shift
    y, error = factor * np.array([p.value for p in points]), factor * np.array([p.error for p in points])
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
