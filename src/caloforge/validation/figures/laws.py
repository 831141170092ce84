"""The physics summary: fitted laws over their points, and quantities of energy bins, each with its pulls."""

__all__ = ["laws_in", "draw_laws", "draw_quantities"]

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy import ndarray as Array

from caloforge.metrics.compared import Law, PhysicsSummary
from caloforge.physics.laws import line, resolution
from caloforge.reporting.panels import energy_axis
from caloforge.reporting.quoting import parameter_words, quality_words
from caloforge.reporting.style import BAND, MUTED, TRUTH, Look, figure, look, subfigures
from caloforge.units import GeV

Points = Float[Array, " n"]
Curve = Callable[[Points, Mapping[str, float]], Points]

_LAWS: dict[str, tuple[str, str, Curve]] = {  # law: quantity of the bins, label, curve against energy in GeV
    "linearity": ("response", "Mean response", lambda e, p: p["slope"] + p["offset"] / (e * GeV)),
    "resolution": (
        "resolution",
        r"Resolution $\sigma_E / E$",
        lambda e, p: resolution(e, p["stochastic"], p["constant"], p["noise"]),
    ),
    "shower_maximum": (
        "shower_max",
        r"Depth of maximum $t_\mathrm{max}$ [{unit}]",
        lambda e, p: line(np.log(e), p["slope"], p["offset"]),
    ),
}
_LABELS = {
    "nonlinearity": "Nonlinearity",
    "leakage_back": "Energy in last tenth of layers",
    "leakage_side": "Energy in outermost rings",
    "mean_depth": "Mean depth",
    "mean_radius": "Mean radius",
    "radius_50": "Radius of 50 % of the energy",
    "radius_90": "Radius of 90 % of the energy",
    "alpha": r"Profile parameter $\alpha$",
    "beta": r"Profile parameter $\beta$",
    "shower_max": "Depth of maximum",
}
_COLUMNS = 4
_PULLS = 4.0  # half height of a panel of pulls, at least


def laws_in(summaries: Mapping[str, PhysicsSummary]) -> list[str]:
    """The laws that all samples have.

    Args:
        summaries: of each sample by name.
    """
    return [name for name in _LAWS if all(name in s.laws for s in summaries.values())]


def draw_laws(summaries: Mapping[str, PhysicsSummary]) -> Figure:
    """Linearity, resolution and depth of the maximum against energy: points, fitted curves, pulls of the points.

    Args:
        summaries: of each sample by name, against one truth.
    """
    first = next(iter(summaries.values()))
    names = laws_in(summaries)
    with figure(4.3 * len(names) + 0.5, 5.2) as fig:
        for panel, name in zip(subfigures(fig, 1, len(names)), names, strict=True):
            upper, lower = panel.subplots(2, 1, sharex=True, height_ratios=(3, 1))
            quantity, label, _ = _LAWS[name]
            unit = first.bins[0].quantities[quantity].unit
            _values(upper, lower, summaries, quantity, joined=False)
            _fits(upper, summaries, name)
            upper.set_ylabel(label.replace("{unit}", unit))
            _headroom(upper, 0.22 * (1 + len(summaries)))
            upper.legend(loc="upper right", fontsize=8, handlelength=1.6)
            lower.set_xlabel(r"Incident energy $E_\mathrm{inc}$ [GeV]")
            lower.set_ylabel("pull", loc="center")
        return fig


def _fits(axes: Axes, summaries: Mapping[str, PhysicsSummary], name: str) -> None:
    """Each sample's curve, with its parameters and its chi2 in the legend."""
    law = next(iter(summaries.values())).laws[name]
    _fit(axes, name, law, "truth", ("Geant4", TRUTH, "-"))
    for position, (label, summary) in enumerate(summaries.items()):
        style = look(position)
        _fit(axes, name, summary.laws[name], "generated", (label, style.colour, style.line))


def _fit(axes: Axes, name: str, law: Law, of: str, marks: tuple[str, str, Any]) -> None:
    energy = np.geomspace(*axes.get_xlim(), 100)
    numbers = {p: getattr(q, of) for p, q in law.parameters.items()}
    limits: Mapping[str, float] = getattr(law, f"limits_{of}")
    label, colour, style = marks
    texts = [
        f"{p} {parameter_words(name, p, getattr(q, of), getattr(q, f'{of}_error'), limits.get(p), q.unit)}"
        for p, q in law.parameters.items()
    ]
    texts.append(quality_words(getattr(law, f"chi2_{of}"), law.degrees_of_freedom))
    words = f"{label}: " + "\n".join(filter(None, texts))
    axes.plot(energy, _LAWS[name][2](energy, numbers), color=colour, ls=style, label=words)


def draw_quantities(summaries: Mapping[str, PhysicsSummary]) -> Figure:
    """Leakage, depth, radii and profile parameters in bins of energy, each with the pulls below.

    Args:
        summaries: of each sample by name, against one truth.
    """
    first = next(iter(summaries.values()))
    names = [name for name in _LABELS if name in first.bins[0].quantities]
    rows = -(-len(names) // _COLUMNS)
    with figure(12.5, 3.4 * rows) as fig:
        panels = subfigures(fig, rows, _COLUMNS)
        for panel, name in zip(panels, names, strict=False):
            upper, lower = panel.subplots(2, 1, sharex=True, height_ratios=(2.2, 1))
            _values(upper, lower, summaries, name, joined=True)
            unit = first.bins[0].quantities[name].unit
            upper.set_ylabel(f"{_LABELS[name]}{f' [{unit}]' if unit else ''}", fontsize=9)
            lower.set_ylabel("pull", loc="center", fontsize=8)
            lower.set_xlabel(r"$E_\mathrm{inc}$ [GeV]", fontsize=8)
            for axes in (upper, lower):
                axes.tick_params(labelsize=8)
        legend = fig.axes[0].get_legend_handles_labels()
        fig.legend(*legend, loc="outside upper center", ncols=len(legend[1]))
        return fig


def _values(upper: Axes, lower: Axes, summaries: Mapping[str, PhysicsSummary], quantity: str, joined: bool) -> None:
    """Points of every sample above, pulls below."""
    first = next(iter(summaries.values()))
    energy_axis(upper, (first.bins[0].low / GeV, first.bins[-1].high / GeV))
    _points(upper, first, quantity, "truth", ("Geant4", TRUTH, "s", "-" if joined else ""), 1.0)
    pulls = []
    for position, (name, summary) in enumerate(summaries.items()):
        style, shift = look(position), 1.03 ** (position + 1)
        _points(
            upper,
            summary,
            quantity,
            "generated",
            (name, style.colour, style.marker, style.line if joined else ""),
            shift,
        )
        x, pull = np.array([(b.energy / GeV * shift, b.quantities[quantity].pull) for b in summary.bins]).T
        pulls.append((x, pull, style))
    _pulls(lower, pulls)


def _points(
    axes: Axes, summary: PhysicsSummary, quantity: str, of: str, marks: tuple[str, str, str, Any], shift: float
) -> None:
    quantities = [b.quantities[quantity] for b in summary.bins]
    x = np.array([b.energy for b in summary.bins]) / GeV * shift
    y, error = (np.array([getattr(q, of + end) for q in quantities]) for end in ("", "_error"))
    name, colour, marker, joined = marks
    label = name if joined else None
    axes.errorbar(x, y, error, fmt=marker, ls=joined or "none", ms=4, lw=1, color=colour, label=label)


def _pulls(axes: Axes, pulls: Sequence[tuple[Points, Points, Look]]) -> None:
    """Pulls of every sample; the band is one standard deviation, triangles are beyond the axis."""
    reach = _PULLS
    axes.axhspan(-1, 1, color=BAND, lw=0)
    axes.axhline(0, color=TRUTH, lw=0.8)
    axes.set_ylim(-1.15 * reach, 1.15 * reach)
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    for x, pull, style in pulls:
        inside = np.abs(pull) <= reach
        axes.plot(x[inside], pull[inside], style.marker, ms=4, color=style.colour)
        for marker, far, y in (("^", pull > reach, reach), ("v", pull < -reach, -reach)):
            axes.plot(x[far], np.full(int(far.sum()), y), marker, ms=5, mfc="none", color=style.colour)
            for place, value in zip(x[far], pull[far], strict=True):
                axes.annotate(
                    f"{value:+.0f}",
                    (place, y),
                    (3, 0),
                    textcoords="offset points",
                    fontsize=8,
                    va="center",
                    color=MUTED,
                )


def _headroom(axes: Axes, share: float) -> None:
    """Room above the points for the legend."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + share * (high - low))
