"""Freak showers on the page: their rate in words, and each with what makes it odd."""

__all__ = ["freaks_text"]

from markupsafe import Markup

from caloforge.geometry.binning import Binning
from caloforge.metrics.freaks import EXPECTED, Freak, Freaks, Odd
from caloforge.physics.observables import OBSERVABLES
from caloforge.reporting.markup import number, paragraphs, table, text
from caloforge.units import GeV

_LISTED = 10


def freaks_text(freaks: Freaks | None, binning: Binning, name: str = "") -> Markup:
    """How many there are, and a table of the oddest.

    Args:
        freaks: of one sample; None where there were too few showers to tell.
        binning: mesh of the showers.
        name: of the sample, where there are several.
    """
    of = f"{name}: " if name else ""
    if freaks is None:
        return paragraphs(f"{of}Too few showers to tell; at least 200 in both samples would.")
    low, high = (100 * limit for limit in freaks.interval)
    rate = 100 * len(freaks) / freaks.generated
    counted = (
        f"{of}{len(freaks)} of {freaks.generated:,} generated showers lie outside anything that Geant4 made: "
        f"{rate:.2g} %, between {low:.2g} and {high:.2g} % at 95 %. As many of Geant4 would have {EXPECTED:g} on "
        f"average. Each shower is compared with {freaks.truth:,} of Geant4, at the same particle and energy."
    )
    if not len(freaks):
        return paragraphs(counted)
    rows = (
        [number(f.row), number(f"{f.energy / GeV:.3g} GeV"), text(_why(f, binning)), number(f"{f.expected:.1g}")]
        for f in freaks.freaks[:_LISTED]
    )
    more = f"The {_LISTED} oddest of {len(freaks)}; all stand in report.json." if len(freaks) > _LISTED else ""
    head = ("Row of the file", "Energy", "Odd in (usual at this energy)", "Expected among as many of Geant4")
    return paragraphs(counted) + table(head, rows, notes=[more] if more else [])


def _why(freak: Freak, binning: Binning) -> str:
    return ", ".join(_words(odd, binning) for odd in freak.odd)


def _words(odd: Odd, binning: Binning) -> str:
    column = OBSERVABLES[odd.name].column_names(binning)[odd.column]
    return f"{odd.name}{f' of {column}' if column else ''} {odd.value:.3g} ({odd.usual:.3g})"
