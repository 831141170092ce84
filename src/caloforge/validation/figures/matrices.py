"""Maps of numbers: correlation matrices of truth, generated and their difference; separation powers layer by layer."""

__all__ = ["correlations", "layer_correlations", "separation_map", "conditional_map"]

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy import ndarray as Array

from caloforge.geometry.binning import Binning
from caloforge.metrics.correlation import correlation_matrix
from caloforge.metrics.measured import Measured
from caloforge.metrics.scaling import rank
from caloforge.physics.observables import OBSERVABLES
from caloforge.reporting.style import figure
from caloforge.validation.evidence import Evidence
from caloforge.validation.figures.lineup import Lineup
from caloforge.validation.key import Key, Place
from caloforge.validation.sample import Sample

_DIFFERENCE = 0.1  # least range of the colours of a difference
_ROW = 0.13  # inches, of a name of 8 points


def correlations(lineup: Lineup) -> Figure:
    """Rank correlations between all observables of whole showers and the logarithm of the incident energy.

    Args:
        lineup: truth and generated samples.
    """
    names = [n for n, o in OBSERVABLES.items() if o.per == "shower" and n in lineup.truth.table]
    matrices = _rank_correlations([_whole_showers(s, names) for s in lineup.samples])
    return _matrices(matrices, lineup.names, ["log energy", *names])


def _whole_showers(sample: Sample, names: Sequence[str]) -> Float[Array, "N f"]:
    columns = [np.log10(sample.incident_energy), *(sample.table[name][:, 0] for name in names)]
    return np.stack(columns, axis=1).astype(np.float64)


def _rank_correlations(samples: Sequence[Float[Array, "_ f"]]) -> list[Float[Array, "f f"]]:
    """Of each sample, with ranks among the values of the first, the truth."""
    return [correlation_matrix(rank(samples[0], sample)[1]) for sample in samples]


def layer_correlations(lineup: Lineup) -> Figure:
    """Rank correlations between the shares of energy in the layers.

    Args:
        lineup: truth and generated samples.
    """
    labels = [str(layer.id) for layer in lineup.binning.layers]
    matrices = _rank_correlations([s.table["longitudinal_profile"] for s in lineup.samples])
    return _matrices(matrices, lineup.names, labels, "Layer")


def _matrices(
    matrices: Sequence[Float[Array, "f f"]], names: Sequence[str], labels: Sequence[str], what: str = ""
) -> Figure:
    """The truth, a single generated sample itself, and each generated sample minus truth."""
    shown = 2 if len(matrices) == 2 else 1
    differences = [matrix - matrices[0] for matrix in matrices[1:]]
    reach = max(_DIFFERENCE, *(float(np.abs(d).max()) for d in differences))
    titles = [*names[:shown], *(f"{name} − Geant4" for name in names[1:])]
    side = 4.3 if what else max(4.3, _ROW * len(labels))
    with figure(side * len(titles) + 1.2, side + (0.7 if what else 1.2)) as fig:
        axes = fig.subplots(1, len(titles), squeeze=False)[0]
        plain = [_draw(axes[i], matrices[i], 1.0) for i in range(shown)]
        signed = [_draw(ax, d, reach) for ax, d in zip(axes[shown:], differences, strict=True)]
        for place, (ax, title) in enumerate(zip(axes, titles, strict=True)):
            ax.set_title(title)
            _label(ax, labels, what, first=place == 0)
        fig.colorbar(plain[0], ax=list(axes[:shown]), label="Rank correlation", shrink=0.8)
        fig.colorbar(signed[0], ax=list(axes[shown:]), label="Difference of coefficients", shrink=0.8)
        return fig


def _draw(axes: Axes, matrix: Float[Array, "f f"], reach: float) -> Any:
    return axes.imshow(matrix, vmin=-reach, vmax=reach, cmap="RdBu_r", interpolation="nearest")


def _label(axes: Axes, labels: Sequence[str], what: str, first: bool) -> None:
    """Names on the axes: all of them where they are names, some of them where they are numbers of layers."""
    step = 1 if not what else max(1, len(labels) // 12)
    places, texts = range(0, len(labels), step), labels[::step]
    size = 9 if what else 8
    axes.set_xticks(places, texts, rotation=0 if what else 90, fontsize=size)
    axes.set_yticks(places, texts if first else [], fontsize=size)
    axes.tick_params(which="both", length=0, top=False, right=False, labelleft=first)
    axes.set_xlabel(what)
    axes.set_ylabel(what if first else "")


def separation_map(separation: Mapping[str, Sequence[Measured]], binning: Binning) -> Figure:
    """Separation power over its floor, for every layer of these observables, which have a column for each layer.

    Args:
        separation: of each observable, layer by layer.
        binning: mesh of the showers.
    """
    excess = np.array([[m.value / max(m.floor, 1e-12) for m in columns] for columns in separation.values()])
    with figure(10.5, 1.4 + 0.3 * len(separation)) as fig:
        axes = fig.add_subplot()
        top = max(10.0, float(excess.max(initial=1)))
        image = axes.imshow(np.clip(excess, 1, None), norm=LogNorm(1, top), aspect="auto", cmap="magma_r")
        axes.set_yticks(range(len(separation)), list(separation))
        _label_layers(axes, binning)
        fig.colorbar(image, ax=axes, label="Separation / floor")
        return fig


def _label_layers(axes: Axes, binning: Binning) -> None:
    step = max(1, binning.n_layers // 15)
    axes.set_xticks(range(0, binning.n_layers, step), [str(layer.id) for layer in binning.layers[::step]])
    axes.tick_params(which="both", top=False, right=False, length=0)
    axes.set_xlabel("Layer")


def conditional_map(evidence: Mapping[Key, Evidence]) -> Figure:
    """How far the separation power of each observable stands above its floor in each part, in standard deviations.

    Args:
        evidence: separation powers in parts of the samples.
    """
    names, parts = (list(dict.fromkeys(getattr(k, what) for k in evidence)) for what in ("observable", "place"))
    excess = np.array([[evidence[Key("separation", n, p)].measured.significance for p in parts] for n in names])
    with figure(5.0 + 0.55 * len(parts), 2.0 + 0.2 * len(names)) as fig:
        axes = fig.add_subplot()
        # one observable that is far off does not pale all others
        top = max(10.0, float(np.quantile(excess, 0.98, method="lower")))
        image = axes.imshow(np.clip(excess, 1, None), norm=LogNorm(1, top), aspect="auto", cmap="magma_r")
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.set_xticks(range(len(parts)), [_label_of(part) for part in parts], rotation=60, ha="right", fontsize=8)
        axes.tick_params(which="both", top=False, right=False, length=0)
        extend = "max" if excess.max() > top else "neither"
        fig.colorbar(image, ax=axes, label="Separation above floor [σ]", extend=extend)
        return fig


def _label_of(place: Place) -> str:
    """A label with GeV in it says itself that it is a bin of energy."""
    return place.label if place.kind == "energy bin" else f"{place.kind} {place.label}"
