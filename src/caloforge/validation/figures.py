"""The figures of a report, in the order of reading, with their captions."""

__all__ = ["draw"]

from caloforge.validation import images, plots
from caloforge.validation.compare import Comparison
from caloforge.validation.report import Plot
from caloforge.validation.sample import Sample

_LIMITS = (0.02, 0.15)  # dotted guides of the response plot


def draw(truth: Sample, generated: Sample, comparison: Comparison) -> tuple[Plot, ...]:
    """Draw everything of one generated sample against the truth."""
    binning, response, tables = truth.binning, comparison.response, (truth.table, generated.table)
    errors = "Bars and the grey band are statistical errors (one standard deviation)."
    outside = "Percentages in the corner: what lies outside the axis (Geant4 | generated)."
    return (
        Plot(
            "response_energy",
            "Response and resolution against energy",
            f"Points are bins of incident energy. Dotted lines are the limits on bias and resolution. {errors}",
            plots.response_against_energy(response, _LIMITS),
        ),
        Plot(
            "profiles",
            "Profiles and cells",
            f"Mean share of energy along and across the shower, and the spectrum of cell energies. {errors}",
            plots.profiles(truth, generated),
        ),
        Plot(
            "showers",
            "Single showers",
            "Geant4 above, generated below, at nearly the same energy, not chosen by look. Seen from the side: cells "
            "of one depth and radius are added up, those above the axis and those below it. White: no energy.",
            images.single_showers(truth.cells, generated.cells),
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
            plots.response_histograms(truth, generated, response),
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
