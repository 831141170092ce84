"""The interpretation as one HTML page and as JSON: what was found in sentences and tables, then the pictures."""

__all__ = ["plots", "summary", "write_interpretation"]

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float
from markupsafe import Markup
from numpy import ndarray as Array

from caloforge.classifiers.importance import Importance
from caloforge.interpretation import latent_pictures, pictures
from caloforge.interpretation.attribution import Attribution
from caloforge.interpretation.cylinder import KINDS
from caloforge.interpretation.information import Dependence
from caloforge.interpretation.interpret import Interpretation
from caloforge.interpretation.slopes import Sensitivity
from caloforge.interpretation.variance import VarianceShares
from caloforge.reporting.document import Document
from caloforge.reporting.markup import Cell, number, paragraphs, plain_words, table, text
from caloforge.reporting.section import Plot
from caloforge.units import GeV, format_energy

_PLACES = 12  # of the map, in the table
_OFF = 3.0  # errors
_READ = (
    "Left: mutual information, estimated from the 20 nearest neighbours (KSG); white pairs cannot be told from "
    "independent ones. Right: correlation of the normal scores. The dependence on the incident energy is taken out. "
    "E0, E1, ...: noise of the layer energies; z0, z1, ...: latents of the cells."
)


def write_interpretation(found: Interpretation, folder: Path) -> Path:
    """Write ``interpretation.json``, a self-contained ``interpretation.html`` and ``plots/`` in PNG and PDF.

    Raises:
        UnwritablePath: the folder cannot be made or written.
    """
    top = paragraphs(items=summary(found)) + Markup().join(_tables(found))
    document = Document("What a model has learned", top, tuple(plots(found)), found.provenance, found.sizes)
    return document.write(folder, "interpretation", found.to_dict(), pdf=True)


def summary(found: Interpretation) -> Iterator[str]:
    """The findings in a sentence each, and what does not apply."""
    if found.generated is not None:
        yield from _told(found.generated)
    if found.variance is not None:
        yield from _varied(found.variance)
    if found.sensitivity is not None:
        yield from _steepness(found.sensitivity)
    yield _seen(found.attribution)
    for part, reason in found.absent.items():
        yield f"{part}: {reason}"
    if found.left_out:
        yield f"undefined or constant on this mesh, so left out: {', '.join(found.left_out)}"


def _told(found: Dependence) -> Iterator[str]:
    """For each shape the latents that tell most of it."""
    for t, shape in enumerate(found.shapes):
        order = np.argsort(found.information[:, t])[::-1][:3]
        best = [z for z in order if found.significant[z, t]]
        told = ", ".join(f"{found.latents[z]} {found.information[z, t]:.2f} nats" for z in best)
        linear = f"; linear in all latents: {100 * max(found.together[t], 0):.0f} % of its variance"
        yield f"{shape}: {told or 'no single latent tells of it'}{linear}"


def _varied(found: VarianceShares) -> Iterator[str]:
    """Shapes whose variance is off Geant4's by more than three errors, and where it comes from."""
    off = np.flatnonzero(np.abs(found.ratio - 1) > _OFF * found.ratio_error)
    for t in off:
        shares = ", ".join(f"{100 * s:.0f} % {part}" for part, s in zip(found.parts, found.share[:, t], strict=True))
        yield (
            f"variance of {found.shapes[t]} at fixed energy is {found.ratio[t]:.2f} ± {found.ratio_error[t]:.2f} of "
            f"Geant4's; it comes from the noise of: {shares}"
        )
    if len(off) == 0:
        yield f"the variances of all shapes at fixed energy are within {_OFF:g} errors of Geant4's"


def _steepness(found: Sensitivity) -> Iterator[str]:
    """Quantities with a law: the worst deviation within the training range, and what becomes of the slope above it."""
    for q in found.quantities.values():
        inside = np.flatnonzero(found.within & np.isfinite(q.pull))
        if len(inside) == 0:
            continue
        worst = inside[int(np.argmax(np.abs(q.pull[inside])))]
        e, law = found.energy, q.expected
        at, last = format_energy(float(e[worst])), len(e) - 1
        model, expected = _pair(q.model[worst], q.model_error[worst]), _pair(law.law[worst], law.law_error[worst])
        near = _pair(law.difference[worst], law.difference_error[worst])
        yield (
            f"slope of {plain_words(q.label)} ({law.formula}) at {at}: model {model}, law of Geant4 {expected}, its "
            f"differences {near}; beyond the training range, at {format_energy(float(e[last]))}: "
            f"{_pair(q.model[last], q.model_error[last])} against {law.law[last]:.4g}"
        )


def _pair(value: float, error: float) -> str:
    return f"{value:.4g} ± {error:.2g}" if np.isfinite(value) else "-"


def _seen(found: Attribution) -> str:
    kinds = sorted((found.importances[k] for k in ("energy", "hits", "dipole_x", "dipole_y")), key=_loss)
    best, where = kinds[0], min((i for n, i in found.importances.items() if n.startswith("ring")), key=_loss)
    deep = min((i for n, i in found.importances.items() if n.startswith("layer")), key=_loss)
    return (
        f"a classifier on rings tells generated showers with AUC {found.auc.value:.3f} ± {found.auc.error:.3f} "
        f"(Geant4 against Geant4 {found.auc.floor:.3f} ± {found.auc.floor_spread:.3f}); it loses most without "
        f"{best.name} ({best.loss_of_auc:.3f} ± {best.error:.3f}), {where.name} ({where.loss_of_auc:.3f} ± "
        f"{where.error:.3f}) and {deep.name} ({deep.loss_of_auc:.3f} ± {deep.error:.3f}); "
        f"{int(found.significant.sum())} of {found.value.size} entries of its map stand out"
    )


def _loss(importance: Importance) -> float:
    return -importance.loss_of_auc


def _tables(found: Interpretation) -> Iterator[Markup]:
    if found.sensitivity is not None:
        yield _slopes_table(found.sensitivity)
    if found.modulations:
        yield _pace_table(found)
    if found.attribution.significant.any():
        yield _places_table(found.attribution)


def _slopes_table(found: Sensitivity) -> Markup:
    """Model and law at every energy."""
    trained = found.within
    names = [f"{e / GeV:.3g} GeV{'' if ok else ' (beyond)'}" for e, ok in zip(found.energy, trained, strict=True)]
    rows = []
    for q in found.quantities.values():
        e = q.expected
        rows.append([text(plain_words(q.label)), text("model"), *_cells(q.model, q.model_error)])
        others = (
            ("model, along the path", q.path, q.path_error),
            (f"Geant4, law {e.formula}", e.law, e.law_error),
            ("Geant4, differences", e.difference, e.difference_error),
        )
        rows += [[text(""), text(name), *_cells(v, error)] for name, v, error in others if np.isfinite(v).any()]
    return table(("Slope d/d ln E (of energies: dE/dE)", "", *names), rows)


def _cells(values: Float[Array, " K"], errors: Float[Array, " K"]) -> Iterator[Cell]:
    for value, error in zip(values, errors, strict=True):
        yield number(_pair(value, error))


def _pace_table(found: Interpretation) -> Markup:
    head = ("FiLM layer", "", "below the training range", "within", "above")
    rows = [
        [text(m.layer), text(name), *(number(f"{v:.3f}") for v in m.pace(values))]
        for m in found.modulations
        for name, values in (("scale", m.scale), ("shift", m.shift))
    ]
    return table(head, rows, "Change of a hidden unit's modulation per unit of ln E, RMS over the units")


def _places_table(found: Attribution) -> Markup:
    """The places that stand out, the largest part first."""
    order = [np.unravel_index(k, found.value.shape) for k in np.argsort(-np.abs(found.value), axis=None)]
    rows = [
        [
            text(f"{KINDS[k]}, layer {found.rings[r].layer}, ring {found.rings[r].ring}"),
            number(f"{found.value[k, r]:+.4f} ± {found.error[k, r]:.4f}"),
            number(f"{found.shift[k, r]:+.2f}"),
            number(f"{found.widening[k, r]:.2f}"),
        ]
        for k, r in order
        if found.significant[k, r]
    ]
    head = ("Place", "Part in difference of mean scores", "Mean, from Geant4's [its std]", "Std over Geant4's")
    return table(head, rows[:_PLACES], "Where the classifier looks, and what differs there at fixed energy")


def plots(found: Interpretation) -> Iterator[Plot]:
    """All pictures that this interpretation has something for."""
    if found.generated is not None:
        title = "What the noise tells of generated showers"
        yield Plot("latents", title, _READ, partial(latent_pictures.matrix, found.generated))
    if found.encoded is not None:
        title = "What the encoder reads from held-out Geant4 showers"
        caption = f"The same for the posterior means of the latents. {_READ}"
        yield Plot("encoder", title, caption, partial(latent_pictures.matrix, found.encoded))
    if found.variance is not None:
        yield Plot(
            "variance",
            "Where the variance comes from",
            "Length of a bar: variance of the shape at fixed energy over that of Geant4, with its standard error. "
            "Colours: first-order Sobol index of each part of the noise, what one part does on average over all "
            "others; grey: what parts do only together.",
            partial(latent_pictures.variance, found.variance),
        )
    for moved in found.traversals:
        yield Plot(
            f"traversal_{moved.latent}",
            f"Latent {moved.latent} moved, which tells most about {moved.told}",
            f"Mean of {moved.n:,} showers of {format_energy(moved.energy)} with {moved.latent} at each step, all other "
            "noise the same. Above from the side, below across the layer with most energy; ratios end at 2 and 1/2.",
            partial(latent_pictures.traversal, moved),
        )
    if found.modulations:
        yield Plot(
            "modulation",
            "What FiLM does at each energy",
            "Scale and shift of the hidden units on the way from noise to shower: mean and spread over all units, and "
            "the units that move most. Shaded: energies outside the training range.",
            partial(pictures.modulation, found.modulations),
        )
    if found.sensitivity is not None:
        yield Plot(
            "sensitivity",
            "Slopes against the incident energy",
            "Derivative of the mean of each quantity with respect to ln E (of the visible energy: dE/dE). Line and "
            "band: law fitted to Geant4's held-out showers, where there is one. Squares: Geant4's own finite "
            "differences. Shaded: energies above the training range. Bars: standard errors.",
            partial(pictures.sensitivity, found.sensitivity),
        )
    size = found.attribution.size
    yield Plot(
        "attribution",
        "What a classifier sees, on the calorimeter",
        f"Above: integrated gradients of a classifier trained on rings of {size[0]:,} showers of each class, by place "
        "and kind of feature; all places together are the difference of the mean scores (numbers: sum of each map). "
        "Red speaks for generated. Dots: significant, error and floor considered, for all places at once. Below: loss "
        "of AUC when a layer, a ring or a kind of feature is exchanged; squares: the same for two halves of Geant4 of "
        f"{size[1]:,} showers each.",
        partial(pictures.attribution, found.attribution),
    )
