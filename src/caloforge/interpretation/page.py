"""The interpretation as one HTML page and as JSON: what was found in sentences and tables, then the pictures."""

__all__ = ["plots", "write_interpretation"]

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float
from markupsafe import Markup
from numpy import ndarray as Array

from caloforge.interpretation import latent_pictures, pictures
from caloforge.interpretation.attribution import Attribution
from caloforge.interpretation.cylinder import KINDS
from caloforge.interpretation.interpret import Interpretation
from caloforge.interpretation.sentences import summary, with_error
from caloforge.interpretation.slopes import Sensitivity
from caloforge.reporting.document import Document
from caloforge.reporting.markup import Cell, number, paragraphs, plain_words, table, text
from caloforge.reporting.section import Plot
from caloforge.units import GeV, format_energy

_PLACES = 12  # of the map, in the table
_READ = (
    "Left: mutual information, estimated from the 20 nearest neighbours (KSG); white pairs cannot be told from "
    "independent ones. Right: correlation of the normal scores. The dependence on the incident energy is taken out. "
    "E0, E1, ...: noise of the layer energies; z0, z1, ...: latents of the cells."
)


def write_interpretation(interpretation: Interpretation, folder: Path) -> Path:
    """Write ``interpretation.json``, a self-contained ``interpretation.html`` and ``plots/`` in PNG and PDF.

    Args:
        interpretation: what to write.
        folder: where to.

    Raises:
        UnwritablePath: the folder cannot be made or written.
    """
    top = paragraphs(items=summary(interpretation)) + Markup().join(_tables(interpretation))
    document = Document(
        "What a model has learned", top, tuple(plots(interpretation)), interpretation.provenance, interpretation.sizes
    )
    return document.write(folder, "interpretation", interpretation.to_dict(), pdf=True)


def _tables(interpretation: Interpretation) -> Iterator[Markup]:
    if interpretation.sensitivity is not None:
        yield _slopes_table(interpretation.sensitivity)
    if interpretation.modulations:
        yield _pace_table(interpretation)
    if interpretation.attribution.significant.any():
        yield _places_table(interpretation.attribution)


def _slopes_table(sensitivity: Sensitivity) -> Markup:
    """Model and law at every energy."""
    trained = sensitivity.within
    names = [f"{e / GeV:.3g} GeV{'' if ok else ' (beyond)'}" for e, ok in zip(sensitivity.energy, trained, strict=True)]
    rows = []
    for q in sensitivity.quantities.values():
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
        yield number(with_error(value, error))


def _pace_table(interpretation: Interpretation) -> Markup:
    head = ("FiLM layer", "", "below the training range", "within", "above")
    rows = [
        [text(m.layer), text(name), *(number(f"{v:.3f}") for v in m.pace(values))]
        for m in interpretation.modulations
        for name, values in (("scale", m.scale), ("shift", m.shift))
    ]
    return table(head, rows, "Change of a hidden unit's modulation per unit of ln E, RMS over the units")


def _places_table(attribution: Attribution) -> Markup:
    """The places that stand out, the largest part first."""
    order = [np.unravel_index(k, attribution.value.shape) for k in np.argsort(-np.abs(attribution.value), axis=None)]
    rows = [
        [
            text(f"{KINDS[k]}, layer {attribution.rings[r].layer}, ring {attribution.rings[r].ring}"),
            number(f"{attribution.value[k, r]:+.4f} ± {attribution.error[k, r]:.4f}"),
            number(f"{attribution.shift[k, r]:+.2f}"),
            number(f"{attribution.widening[k, r]:.2f}"),
        ]
        for k, r in order
        if attribution.significant[k, r]
    ]
    head = ("Place", "Part in difference of mean scores", "Mean, from Geant4's [its std]", "Std over Geant4's")
    return table(head, rows[:_PLACES], "Where the classifier looks, and what differs there at fixed energy")


def plots(interpretation: Interpretation) -> Iterator[Plot]:
    """All pictures that this interpretation has something for.

    Args:
        interpretation: what to draw.
    """
    if interpretation.generated is not None:
        title = "What the noise tells of generated showers"
        yield Plot("latents", title, _READ, partial(latent_pictures.matrix, interpretation.generated))
    if interpretation.encoded is not None:
        title = "What the encoder reads from held-out Geant4 showers"
        caption = f"The same for the posterior means of the latents. {_READ}"
        yield Plot("encoder", title, caption, partial(latent_pictures.matrix, interpretation.encoded))
    if interpretation.variance is not None:
        yield Plot(
            "variance",
            "Where the variance comes from",
            "Length of a bar: variance of the shape at fixed energy over that of Geant4, with its standard error. "
            "Colours: first-order Sobol index of each part of the noise, what one part does on average over all "
            "others; grey: what parts do only together.",
            partial(latent_pictures.variance, interpretation.variance),
        )
    for moved in interpretation.traversals:
        yield Plot(
            f"traversal_{moved.latent}",
            f"Latent {moved.latent} moved, which tells most about {moved.told}",
            f"Mean of {moved.n:,} showers of {format_energy(moved.energy)} with {moved.latent} at each step, all other "
            "noise the same. Above from the side, below across the layer with most energy; ratios end at 2 and 1/2.",
            partial(latent_pictures.traversal, moved),
        )
    if interpretation.modulations:
        yield Plot(
            "modulation",
            "What FiLM does at each energy",
            "Scale and shift of the hidden units on the way from noise to shower: mean and spread over all units, and "
            "the units that move most. Shaded: energies outside the training range.",
            partial(pictures.modulation, interpretation.modulations),
        )
    if interpretation.sensitivity is not None:
        yield Plot(
            "sensitivity",
            "Slopes against the incident energy",
            "Derivative of the mean of each quantity with respect to ln E (of the visible energy: dE/dE). Line and "
            "band: law fitted to Geant4's held-out showers, where there is one. Squares: Geant4's own finite "
            "differences. Shaded: energies above the training range. Bars: standard errors.",
            partial(pictures.sensitivity, interpretation.sensitivity),
        )
    size = interpretation.attribution.size
    yield Plot(
        "attribution",
        "What a classifier sees, on the calorimeter",
        f"Above: integrated gradients of a classifier trained on rings of {size[0]:,} showers of each class, by place "
        "and kind of feature; all places together are the difference of the mean scores (numbers: sum of each map). "
        "Red speaks for generated. Dots: significant, error and floor considered, for all places at once. Below: loss "
        "of AUC when a layer, a ring or a kind of feature is exchanged; squares: the same for two halves of Geant4 of "
        f"{size[1]:,} showers each.",
        partial(pictures.attribution, interpretation.attribution),
    )
