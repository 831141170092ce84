"""Plots of one sample by itself: response, resolution with its fit, and the profiles along and across the axis."""

__all__ = ["draw_overview", "overview_plots"]

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import ndarray as Array

from caloforge.metrics.bins import energy_label
from caloforge.metrics.overview import Overview, ParticleOverview
from caloforge.metrics.particles import particle_name
from caloforge.physics.laws import gamma_shares, resolution
from caloforge.reporting.panels import depth_axis, energy_axis
from caloforge.reporting.quoting import parameter_words, quality_words
from caloforge.reporting.section import Plot
from caloforge.reporting.style import TRUTH, figure, look
from caloforge.units import GeV

Draw = Callable[[Axes, ParticleOverview, int], None]
Bins = Float[Array, " B"]
_LATERAL_DECADES = 5
_FINE = 300  # steps of a smooth curve


def draw_overview(overview: Overview) -> Figure:
    """The page: response and resolution of all particles above, the profiles of each particle below.

    Args:
        overview: of one sample.
    """
    rows = 1 + len(overview.particles)
    with figure(11.0, 4.2 * rows) as fig:
        axes = fig.subplots(rows, 2, squeeze=False)
        _all(axes[0, 0], overview, _response)
        _all(axes[0, 1], overview, _resolution)
        for row, particle in enumerate(overview.particles, 1):
            _longitudinal(axes[row, 0], particle)
            _lateral(axes[row, 1], particle)
        return fig


def overview_plots(overview: Overview) -> tuple[Plot, ...]:
    """The page and its four kinds of panel, each as a plot of its own.

    Args:
        overview: of one sample.
    """
    several = len(overview.particles) > 1
    plots = [
        Plot("overview", "Overview", "Response, resolution and mean profiles.", lambda: draw_overview(overview)),
        Plot("response", "Response", "Mean response against incident energy.", lambda: _alone(overview, _response)),
        Plot("resolution", "Resolution", "Resolution, and its fit.", lambda: _alone(overview, _resolution)),
    ]
    for particle in overview.particles:
        end = f"_{particle.pdg}" if several else ""
        for name, title, draw in (
            ("longitudinal_profile", "Longitudinal profile", _longitudinal),
            ("lateral_profile", "Lateral profile", _lateral),
        ):
            caption = f"{title} of {particle_name(particle.pdg)} in bins of incident energy."
            plots.append(Plot(name + end, title, caption, lambda p=particle, d=draw: _one(p, d)))  # type: ignore[misc]
    return tuple(plots)


def _alone(overview: Overview, draw: Draw) -> Figure:
    with figure(6.0, 4.4) as fig:
        _all(fig.subplots(), overview, draw)
        return fig


def _one(particle: ParticleOverview, draw: Callable[[Axes, ParticleOverview], None]) -> Figure:
    with figure(6.0, 4.4) as fig:
        draw(fig.subplots(), particle)
        return fig


def _all(axes: Axes, overview: Overview, draw: Draw) -> None:
    for position, particle in enumerate(overview.particles):
        draw(axes, particle, position)
    low = min(p.edges[0] for p in overview.particles) / GeV
    high = max(p.edges[-1] for p in overview.particles) / GeV
    energy_axis(axes, (low, high), room=1.2)
    axes.set_xlabel(r"Incident energy $E_\mathrm{inc}$ [GeV]")
    axes.legend(loc="upper right")


def _response(axes: Axes, particle: ParticleOverview, position: int) -> None:
    mean, error = particle.quantity("response")
    label, colour = particle_name(particle.pdg), _colour(position)
    if "linearity" in particle.laws.laws:
        (slope, _), (offset, _) = (particle.parameters("linearity")[name] for name in ("slope", "offset"))
        energy = np.geomspace(particle.edges[0], particle.edges[-1], 100)
        axes.plot(energy / GeV, slope + offset / energy, color=colour, ls="--")
        label += _words(particle, "linearity")
    _points(axes, particle, (mean, error), position, label)
    middle = float(np.nanmean(mean))
    reach = max(0.05 * middle, 2.2 * float(np.nanmax(np.abs(mean - middle) + error)))
    low, high = axes.get_ylim() if position else (middle, middle)
    axes.set_ylim(min(low, middle - reach), max(high, middle + reach))
    axes.set_ylabel(r"Mean response $\langle E_\mathrm{tot}/E_\mathrm{inc}\rangle$")


def _resolution(axes: Axes, particle: ParticleOverview, position: int) -> None:
    spread, error = particle.quantity("resolution")
    label, colour = particle_name(particle.pdg), _colour(position)
    if "resolution" in particle.laws.laws:
        a, b, c = (particle.parameters("resolution")[name][0] for name in ("stochastic", "constant", "noise"))
        energy = np.geomspace(particle.edges[0], particle.edges[-1], 100) / GeV
        axes.plot(energy, resolution(energy, a, b, c), color=colour, ls="--")
        label += _words(particle, "resolution")
    _points(axes, particle, (spread, error), position, label)
    axes.set_ylim(0, max(1.3 * float(np.nanmax(spread + error)), axes.get_ylim()[1] if position else 0.0))
    axes.set_ylabel(r"Resolution $\sigma/\langle E_\mathrm{tot}/E_\mathrm{inc}\rangle$")


def _words(particle: ParticleOverview, law: str) -> str:
    """The fit of a law for the legend: its parameters, then chi2/ndf."""
    fit = particle.laws.laws[law]
    texts = [
        f"{name} {parameter_words(law, name, value, error, fit.limits.get(name))}"
        for name, (value, error) in particle.parameters(law).items()
    ]
    return "\n".join([":", *texts, *filter(None, [quality_words(fit.chi2, fit.degrees_of_freedom)])])


def _colour(position: int) -> str:
    return TRUTH if position == 0 else look(position - 1).colour


def _points(axes: Axes, particle: ParticleOverview, values: tuple[Bins, Bins], position: int, label: str) -> None:
    marker = "s" if position == 0 else look(position - 1).marker
    options = {"fmt": marker, "ms": 4, "lw": 1.2, "color": _colour(position), "label": label}
    axes.errorbar(particle.energy / GeV, *values, **options)  # type: ignore[arg-type]


def _longitudinal(axes: Axes, particle: ParticleOverview) -> None:
    """Points are the layers, lines the gamma distributions fitted to them."""
    profile, unit = particle.longitudinal, particle.depths.unit
    low, high = float(profile.edges.min()), float(profile.edges.max())
    knots = np.linspace(low, high, _FINE + 1)
    fine = np.stack([knots[:-1], knots[1:]], axis=1)
    bins = zip(_colours(len(profile.density)), _labels(particle), profile.density, profile.error, strict=True)
    for i, (colour, label, density, error) in enumerate(bins):
        if particle.laws.profile:
            quality = quality_words(float(particle.laws.profile.chi2[i]), particle.laws.profile.degrees_of_freedom)
            label = f"{label}: {quality.partition(',')[0]}" if quality else label
        axes.errorbar(profile.edges.mean(axis=1), density, error, fmt="o", ms=3.5, lw=1, color=colour, label=label)
        if "alpha" in particle.laws.bins:
            alpha, beta = (particle.quantity(name)[0][[i]] for name in ("alpha", "beta"))
            axes.plot(fine.mean(axis=1), gamma_shares(alpha, beta, fine)[0] * _FINE / (high - low), color=colour, lw=1)
    axes.set_xlim(low, high)
    axes.set_ylim(0, 1.2 * float(np.nanmax(profile.density + profile.error)))
    axes.set_xlabel(f"Depth [{unit}]")
    depth_axis(axes, particle.radiation_length)
    axes.set_ylabel(f"Share of the energy per {unit}")
    fitted = "; lines: gamma distributions" if "alpha" in particle.laws.bins else ""
    axes.set_title(f"{particle_name(particle.pdg)}, along the axis{fitted}", fontsize=9)
    axes.legend(loc="upper right", fontsize=8)


def _lateral(axes: Axes, particle: ParticleOverview) -> None:
    profile = particle.lateral
    edges, bins = np.append(profile.edges[:, 0], profile.edges[-1, 1]), len(profile.density)
    for colour, label, density in zip(_colours(bins), _labels(particle), profile.density, strict=True):
        axes.stairs(density, edges, color=colour, lw=1.2, label=label, baseline=None)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_yscale("log")
    top = 3 * float(profile.density.max())
    filled = profile.density[profile.density > 0]
    axes.set_ylim(max(top * 10.0**-_LATERAL_DECADES, 0.5 * float(filled.min())), top)
    axes.set_xlabel("Radius [mm]")
    axes.set_ylabel("Share of the energy per mm$^2$")
    axes.set_title(f"{particle_name(particle.pdg)}, across the axis", fontsize=9)
    axes.legend(loc="upper right", fontsize=8)


def _colours(count: int) -> list[tuple[float, ...]]:
    """From dark to light with rising energy."""
    return [colormaps["viridis"](x) for x in np.linspace(0, 0.85, count)]


def _labels(particle: ParticleOverview) -> list[str]:
    return [energy_label(low, high) for low, high in pairwise(particle.edges.tolist())]
