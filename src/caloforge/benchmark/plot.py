"""Time of a shower against how many are made together, against their energy, and against the cells of the mesh."""

__all__ = ["draw_costs"]

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from caloforge.benchmark.tables import by_engine
from caloforge.benchmark.task import PEERS, Cost
from caloforge.reporting.style import MUTED, TRUTH, Look, figure, look, plain_label, power_label

_HEIGHT, _WIDTH = 3.6, 4.4
_NAMES = {"geant4": "Geant4", "gflash": "Gflash", "torch": "PyTorch", "compiled": "compiled", "onnx": "ONNX Runtime"}
_FULL = Look(TRUTH, "-", "*")


def draw_costs(costs: Sequence[Cost]) -> Figure:
    """A panel for each of the three along which at least two values were measured; the first one always.

    Args:
        costs: of a benchmark, one at least.
    """
    models = [cost for cost in costs if cost.engine not in (*PEERS, "limit")]
    largest = max((cost.batch for cost in models), default=0)
    together = [cost for cost in costs if cost.engine in PEERS or cost.batch == largest]
    first = [cost for cost in costs if cost.energy == costs[0].energy]
    panels: list[tuple[str, Callable[[Cost], float], list[Cost]]] = [
        ("showers at a time", lambda cost: cost.batch, first)
    ]
    if len({cost.energy for cost in costs}) > 1:
        panels.append(("incident energy [GeV]", lambda cost: cost.energy / 1e3, together))
    if len({cost.cells for cost in costs}) > 1:
        panels.append(("cells of the mesh", lambda cost: cost.cells, [cost for cost in together if cost in first]))
    looks = {key: _look(key[1], place) for place, key in enumerate(by_engine(costs))}
    with figure(_WIDTH * len(panels) + 2.6, _HEIGHT) as fig:
        axes = fig.subplots(1, len(panels), squeeze=False)[0]
        for axis, (label, of, chosen) in zip(axes, panels, strict=True):
            _draw(axis, label, of, chosen, looks)
        handles, names = axes[0].get_legend_handles_labels()
        fig.legend(handles, names, loc="outside right upper", frameon=False)
    return fig


def _look(engine: str, place: int) -> Look:
    return _FULL if engine == "geant4" else Look(MUTED, "--", "x") if engine == "gflash" else look(place)


def _draw(
    axis: Axes,
    label: str,
    of: Callable[[Cost], float],
    costs: Sequence[Cost],
    looks: dict[tuple[str, str, str, int], Look],
) -> None:
    """Points with quartiles; simulations, which make one shower after the other, as lines over all numbers."""
    for key, group in by_engine(costs).items():
        name, engine, device, threads = key
        text = f"{name}, {_NAMES[engine]}" + (f", {device}" if device != "cpu" else "")
        text = plain_label(text if threads == 1 else f"{text}, {threads} threads")
        style = looks[key]
        group = sorted(group, key=of)
        x, y = np.array([of(cost) for cost in group]), np.array([cost.ms for cost in group])
        if engine in PEERS and label == "showers at a time":
            axis.axhline(y[0], color=style.colour, linestyle=style.line, label=text)
            continue
        low, high = (np.array([cost.quartiles[end] for cost in group]) for end in (0, 1))
        spread = np.maximum([y - low, high - y], 0)
        axis.errorbar(x, y, spread, color=style.colour, linestyle=style.line, marker=style.marker, ms=4, label=text)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.margins(0.08)
    for way in (axis.xaxis, axis.yaxis):
        first, last = way.get_view_interval()
        way.set_major_locator(LogLocator(subs=(1, 2, 5) if last < 50 * first else (1,)))
        way.set_major_formatter(FuncFormatter(power_label))
        way.set_minor_formatter(NullFormatter())
    axis.set_xlabel(label)
    axis.set_ylabel("time of a shower [ms]")
