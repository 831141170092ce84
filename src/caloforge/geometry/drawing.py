"""A detector drawn to scale: the side view along the beam, its materials, and the readout mesh over it."""

__all__ = ["SHOWN", "add_mesh", "draw", "palette", "properties"]

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle, Wedge
from numpy import ndarray as Array

from caloforge.geometry.binning import Binning
from caloforge.geometry.materials import bulk, find_material
from caloforge.geometry.stack import Detector
from caloforge.units import GeV, format_energy

SHOWN = (1 * GeV, 10 * GeV, 100 * GeV)  # electrons whose containment is said
_MESH = "black"
_GAS = 0.01  # g/cm3: less is a gas
_PALE = (0.93, 0.96, 1.0, 1.0)
Kind = tuple[str, bool]  # a material, and whether it is sensitive
_FIRST = 12  # slabs in the view of the first layers


def properties(detector: Detector) -> dict[str, Any]:
    """What `caloforge inspect` says of a detector; lengths in mm, the critical energy in MeV.

    Args:
        detector: any stack.
    """
    return {
        "detector": detector.name,
        "shape": "planar" if detector.inner_radius is None else "cylindrical",
        "inner_radius_mm": detector.inner_radius,
        "half_width_mm": detector.half_width,
        "slabs": len(detector.slabs),
        "sensitive_slabs": len(detector.sensitive),
        "depth_mm": round(detector.depth, 6),
        "depth_radiation_lengths": detector.depth / detector.radiation_length,
        "depth_interaction_lengths": detector.depth / detector.interaction_length,
        "radiation_length_mm": detector.radiation_length,
        "moliere_radius_mm": detector.moliere_radius,
        "critical_energy_mev": detector.critical_energy,
        "electron_containment": {format_energy(energy): detector.containment(energy) for energy in SHOWN},
        "interaction_length_mm": detector.interaction_length,
        "sampling_fraction_by_thickness": detector.sampling_fraction,
        "ionisation_fraction": detector.ionisation_fraction,
        "materials": _materials(detector),
    }


def _materials(detector: Detector) -> list[dict[str, Any]]:
    rows = []
    for name, sensitive in _kinds(detector):
        material = find_material(name, detector.materials)
        slabs = [s for s in detector.slabs if (s.material, s.sensitive) == (name, sensitive)]
        facts = {"material": name, "sensitive": sensitive, "slabs": len(slabs), "density_g_cm3": material.density}
        thickness = sum(slab.thickness for slab in slabs)
        x0 = bulk(material).radiation_length
        rows.append(facts | {"thickness_mm": thickness, "radiation_length_mm": x0, "radiation_lengths": thickness / x0})
    return rows


def _kinds(detector: Detector) -> list[tuple[str, bool]]:
    """Material and sensitivity of the slabs, each once, in order of depth."""
    return list(dict.fromkeys((slab.material, slab.sensitive) for slab in detector.slabs))


def draw(detector: Detector, binning: Binning | None = None) -> Figure:
    """Side views to scale: the whole detector, its middle where the shower is, and the first of many layers.

    Planes and shells are cut at y = 0; the beam comes from the left along the arrow. Of the mesh the layers and rings
    are drawn, as they lie for a particle perpendicular to the face.

    Args:
        detector: any stack.
        binning: the mesh over it; none is drawn if None.
    """
    first = float(detector.faces[min(_FIRST, len(detector.slabs))])
    views = [
        ("whole", detector.depth, _extent(detector), detector.inner_radius or 0.0),
        ("middle", detector.depth, min(0.4 * detector.depth, _extent(detector)), 0.0),
    ]
    if first < detector.depth:
        views.append(("first layers", first, min(0.6 * first, _extent(detector)), 0.0))
    widths = [1, 1.4, 1][: len(views)]
    boxes = [_box(*view[1:]) for view in views]
    inches = [5 * len(views) * width / sum(widths) - 0.9 for width in widths]  # less the numbers of the axis
    tallest = max(i * (top - low) / (right - left) for i, (left, right, low, top) in zip(inches, boxes, strict=True))
    figure = Figure(figsize=(5 * len(views), min(6, tallest + 1.8)), layout="constrained")  # title and legend
    panels = figure.subplots(1, len(views), width_ratios=widths)
    colours = _colours(detector)
    for axes, (title, _, half, _), (left, right, low, top) in zip(panels, views, boxes, strict=True):
        _add_slabs(axes, detector, colours)
        if binning is not None and title != "whole":
            add_mesh(axes, binning, half)
        axes.set(xlim=(left, right), ylim=(low, top), aspect="equal")
        axes.set(xlabel="depth z (mm)", ylabel="x (mm)", title=title)
        axes.plot([left, 0], [0, 0], color="tab:red", lw=1.5, marker=">", markevery=[1], ms=5)
    _add_legend(figure, detector, colours, binning)
    figure.suptitle(
        f"{detector.name}: {detector.depth:.4g} mm, {detector.depth / detector.radiation_length:.1f} X$_0$, "
        f"{detector.depth / detector.interaction_length:.2f} $\\lambda$, R$_M$ {detector.moliere_radius:.1f} mm; "
        f"holds {detector.containment(10 * GeV):.1%} of a 10 GeV electron"
    )
    return figure


def _box(depth: float, half: float, behind: float) -> tuple[float, float, float, float]:
    """Left, right, low and top of a view; the margin shows that a thin sheet is one."""
    margin = 0.08 * max(depth, half)
    return -behind - 2 * margin, depth + margin, -half - margin, half + margin


def _extent(detector: Detector) -> float:
    """Half the width of what can be seen from the side."""
    return detector.half_width if detector.inner_radius is None else detector.inner_radius + detector.depth


def _colours(detector: Detector) -> dict[Kind, Any]:
    kinds = _kinds(detector)
    gases = [k for k in kinds if not k[1] and find_material(k[0], detector.materials).density < _GAS]
    return palette(kinds, gases)


def palette(kinds: Sequence[Kind], gases: Sequence[Kind]) -> dict[Kind, Any]:
    """Absorbers in browns, gases that are not read nearly white, sensitive materials in bright colours.

    Args:
        kinds: materials, each with whether it is sensitive.
        gases: those of them that are gases and not sensitive.
    """
    passive, active = [k for k in kinds if not k[1] and k not in gases], [k for k in kinds if k[1]]
    browns = colormaps["copper"](np.linspace(0.35, 0.95, len(passive)))
    bright = colormaps["winter"](np.linspace(0.9, 0.1, len(active)))
    return (
        dict.fromkeys(gases, _PALE) | dict(zip(passive, browns, strict=True)) | dict(zip(active, bright, strict=True))
    )


def _add_slabs(axes: Axes, detector: Detector, colours: dict[Kind, Any]) -> None:
    """Each slab is painted from its face to the back and the next one over it: thin slabs blend, with no seams."""
    shapes = [_behind(detector, float(face)) for face in detector.faces[:-1]]
    faces = [colours[slab.material, slab.sensitive] for slab in detector.slabs]
    axes.add_collection(PatchCollection(shapes, facecolors=faces, edgecolors="none", snap=False))


def _behind(detector: Detector, face: float) -> Patch:
    """All of the detector behind a depth."""
    if detector.inner_radius is None:
        return Rectangle((face, -detector.half_width), detector.depth - face, 2 * detector.half_width)
    outer = detector.inner_radius + detector.depth
    return Wedge((-detector.inner_radius, 0), outer, -90, 90, width=detector.depth - face)


def add_mesh(axes: Axes, binning: Binning, half: float) -> None:
    """Layer by layer, the edges of the rings and of the layer.

    Args:
        axes: depth against x, mm.
        binning: the mesh.
        half: of the height of the view, mm.
    """
    segments: list[Float[Array, "2 2"]] = []
    for layer in binning.layers:
        if layer.z_edges is None:
            continue
        (low, high), rings = layer.z_edges, [r for r in layer.r_edges if r <= 1.2 * half]
        outer = min(layer.r_edges[-1], 1.2 * half)
        segments += [np.array([[low, s * r], [high, s * r]]) for r in rings for s in (1, -1)]
        segments += [np.array([[z, -outer], [z, outer]]) for z in (low, high)]
    axes.add_collection(LineCollection(segments, colors=_MESH, linewidths=0.4))


def _add_legend(figure: Figure, detector: Detector, colours: dict[Kind, Any], binning: Binning | None) -> None:
    patches = [
        Patch(facecolor=colours[kind], label=f"{kind[0]}{' (sensitive)' if kind[1] else ''}")
        for kind in _kinds(detector)
    ]
    if binning is not None:
        patches.append(Patch(facecolor="white", edgecolor=_MESH, label=f"mesh, {binning.n_voxels} cells"))
    figure.legend(handles=patches, loc="outside lower center", ncols=4, frameon=False)
