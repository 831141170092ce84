"""Validation from beginning to end: two samples of showers in, a report out."""

__all__ = ["validate"]

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from caloforge import __version__
from caloforge.data.showers import Showers
from caloforge.physics.observables import tabulate
from caloforge.validation import images, plots
from caloforge.validation.classifier import FAST, ClassifierSettings
from caloforge.validation.compare import Comparison, Progress, Tables, compare
from caloforge.validation.conditions import copies, require_comparable
from caloforge.validation.report import Plot, Report
from caloforge.validation.verdict import BIAS_LIMIT, RESOLUTION_LIMIT


def validate(
    truth: Showers,
    generated: Showers,
    seed: int = 1,
    provenance: Mapping[str, Any] | None = None,
    allow_different_conditions: bool = False,
    settings: ClassifierSettings = FAST,
    progress: Progress = lambda done, text: None,
) -> Report:
    """Compare generated showers with truth that the generator never saw.

    Args:
        truth: held-out showers of full simulation.
        generated: showers at the same distribution of conditions, on the same mesh; the numbers may differ.
        seed: of bootstrap and classifiers; same seed, same report.
        provenance: where the samples come from, to be shown in the report.
        allow_different_conditions: go on, with a caution in the verdict, where conditions differ.
        settings: of the classifiers.
        progress: called with the share of the work done and what comes next.

    Raises:
        EmptySample: too few showers in a sample.
        BinningMismatch: the meshes differ.
        ConditionsDiffer: particles, energies or angles differ, and that was not allowed.
    """
    cautions = require_comparable(truth, generated, allow_different_conditions)
    mesh = truth.binning.with_depths_of(generated.binning)
    truth, generated = replace(truth, binning=mesh), replace(generated, binning=mesh)
    if copied := copies(truth, generated):
        cautions.append(f"{copied} generated showers are copies of showers of the truth")
    progress(0.0, "observables")
    tables = (tabulate(truth), tabulate(generated))
    progress(0.05, "metrics")
    comparison = compare(
        truth, generated, tables, seed, settings, progress=lambda done, text: progress(0.05 + 0.8 * done, text)
    )
    progress(0.85, "plots")
    drawn = _plots(truth, generated, tables, comparison)
    progress(1.0, "done")
    facts = {"caloforge": __version__, "seed": seed, "readout": truth.binning.name, **(provenance or {})}
    return Report(
        comparison, {"truth": len(truth), "generated": len(generated)}, drawn, facts, cautions=tuple(cautions)
    )


def _plots(truth: Showers, generated: Showers, tables: Tables, comparison: Comparison) -> tuple[Plot, ...]:
    binning, response = truth.binning, comparison.response
    errors = "Bars and the grey band are statistical errors (one standard deviation)."
    outside = "Percentages in the corner: what lies outside the axis (Geant4 | generated)."
    return (
        Plot(
            "response_energy",
            "Response and resolution against energy",
            f"Points are bins of incident energy. Dotted lines are the limits on bias and resolution. {errors}",
            plots.response_against_energy(response, (BIAS_LIMIT, RESOLUTION_LIMIT)),
        ),
        Plot(
            "profiles",
            "Profiles and cells",
            f"Mean share of energy along and across the shower, and the spectrum of cell energies. {errors}",
            plots.profiles(truth, generated, tables),
        ),
        Plot(
            "showers",
            "Single showers",
            "Geant4 above, generated below, at nearly the same energy, not chosen by look. Seen from the side: cells "
            "of one depth and radius are added up, those above the axis and those below it. White: no energy.",
            images.single_showers(truth, generated),
        ),
        Plot(
            "mean_images",
            "Mean shower",
            "Mean energy per shower from the side, and across the layer that holds most of it; their ratio.",
            images.mean_images(truth, generated),
        ),
        Plot(
            "response",
            "Response in bins of incident energy",
            f"Energy in the cells over incident energy. {errors} {outside}",
            plots.response_histograms(truth, generated, tables, response),
        ),
        Plot(
            "observables",
            "Whole-shower observables",
            f"All energies together. {errors} {outside}",
            plots.shower_histograms(binning, tables),
        ),
        Plot(
            "layer_energy",
            "Layer energies",
            f"Six layers from the first to the last; layers without energy count as outside. {outside}",
            plots.layer_histograms(binning, tables),
        ),
        Plot(
            "layer_shape",
            "Shape in the layer with the most energy",
            f"Centre, widths and number of hit cells of this layer, shower by shower. {outside}",
            plots.shape_histograms(binning, tables),
        ),
        Plot(
            "separation_map",
            "Where the differences are",
            "Separation power over its floor: 1 is what two samples of Geant4 give, dark is where they differ.",
            plots.separation_map(comparison.separation, binning),
        ),
    )
