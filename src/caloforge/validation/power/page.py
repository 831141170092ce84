"""The power of the metrics as a picture, a page, a table and JSON."""

__all__ = ["draw_needed", "write_power"]

from pathlib import Path

import numpy as np
from markupsafe import Markup
from matplotlib import colormaps
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from caloforge.files import replace_when_complete
from caloforge.reporting.document import Document
from caloforge.reporting.markup import number, paragraphs, table, text
from caloforge.reporting.section import Plot
from caloforge.reporting.style import MUTED, figure
from caloforge.validation.power.result import FALSE_ALARMS, NULL_TRIALS, Power

_DARK = 0.5  # luminance below which text is white


def draw_needed(power: Power) -> Figure:
    """The showers that each metric (rows) needs to see each spoil (columns); the fewer, the darker.

    Args:
        power: of a study.
    """
    numbers = np.array(
        [[_step(power, spoil, metric) for spoil in power.spoils] for metric in power.metrics]
    )  # position of the size, or as many as there are sizes
    shades = colormaps["viridis"](np.linspace(0.05, 0.85, len(power.sizes)))
    colours = np.concatenate([shades, [[0.94, 0.94, 0.95, 1.0]]])
    width, height = 3.0 + 0.72 * len(power.spoils), 2.2 + 0.32 * len(power.metrics)
    with figure(width, height) as fig:
        axes = fig.subplots()
        axes.imshow(numbers, cmap=ListedColormap(colours), vmin=-0.5, vmax=len(power.sizes) + 0.5, aspect="auto")
        for row, metric in enumerate(power.metrics):
            for column, spoil in enumerate(power.spoils):
                colour = colours[numbers[row, column]]
                blind = numbers[row, column] == len(power.sizes)
                dark = colour[:3] @ [0.3, 0.59, 0.11] < _DARK
                axes.text(
                    column, row, power.text(spoil, metric), ha="center", va="center", fontsize=8,
                    color=MUTED if blind else "white" if dark else "black",
                )  # fmt: skip
        axes.set_xticks(range(len(power.spoils)), power.spoils, rotation=40, ha="left", fontsize=9)
        axes.set_yticks(range(len(power.metrics)), power.metrics, fontsize=9)
        axes.tick_params(which="both", length=0, top=False, right=False, labeltop=True, labelbottom=False)
        axes.set_xlabel(f"Showers of each sample needed; – : more than {max(power.sizes):,}", loc="left", fontsize=9)
        return fig


def _step(power: Power, spoil: str, metric: str) -> int:
    needed = power.needed(spoil, metric)
    return len(power.sizes) if needed is None else power.sizes.index(needed)


def write_power(power: Power, folder: Path) -> Path:
    """Write ``power.json``, ``power.html``, ``power.csv`` and ``plots/`` (PNG and PDF).

    Args:
        power: of a study.
        folder: where to; made where it is missing.

    Raises:
        UnwritablePath: the folder cannot be made or written.
    """
    plot = Plot("power", "Showers needed", _caption(power), lambda: draw_needed(power))
    document = Document("Power of the metrics", _table(power), (plot,), power.provenance)
    path = document.write(folder, "power", power.to_dict(), pdf=True)
    replace_when_complete(folder / "power.csv", lambda beside: beside.write_text(power.to_csv()))
    return path


def _caption(power: Power) -> str:
    share = "half" if power.level == 0.5 else f"{100 * power.level:.3g} %"
    return (
        f"Showers of each sample with which a metric sees a known fault in {share} of {power.trials} trials, at a rate "
        f"of false alarms of {100 * FALSE_ALARMS:.0f} %, measured on {NULL_TRIALS} pairs of unspoiled samples of each "
        f"size. Sizes tried: {', '.join(f'{size:,}' for size in power.sizes)}; a dash: the largest is not enough."
    )


def _table(power: Power) -> Markup:
    rows = ([text(m), *(number(power.text(s, m)) for s in power.spoils)] for m in power.metrics)
    return table(("Metric", *power.spoils), rows, _caption(power), power.notes) + paragraphs(
        "All powers at all sizes stand in power.csv."
    )
