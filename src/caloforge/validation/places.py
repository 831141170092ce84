"""Place by place: what sees all observables together, in each bin of energy and angle and for each particle."""

__all__ = ["places_table"]

from collections.abc import Mapping

from markupsafe import Markup

from caloforge.reporting.markup import Cell, number, table, text
from caloforge.validation.evidence import Evidence
from caloforge.validation.key import ALL_SHOWERS, Key, Place

_KINDS = ("energy bin", "angle bin", "particle")
_FEWEST = {"fpd": 300, "kpd": 100}
_NOTICEABLE = 3.0


def places_table(evidence: Mapping[Key, Evidence], name: str = "") -> Markup:
    """AUC, FPD and KPD in every part of the samples, each with its floor; where showers are too few, how many it needs.

    Args:
        evidence: of one sample, by key.
        name: of the sample, where there are several.
    """
    sizes = {k.place: item.n for k, item in evidence.items() if k.metric == "separation" and k.place.kind in _KINDS}
    if not sizes:
        return Markup()
    areas = [k for k in evidence if k.metric == "auc" and k.place == ALL_SHOWERS]
    keys = [*areas, Key("fpd"), Key("kpd")]
    head = ("Where", "Showers", *(f"AUC, {k.observable}" for k in areas), "FPD", "KPD")
    rows = ([text(p.label), number(f"{n:,}"), *(_cell(evidence, k, p) for k in keys)] for p, n in sizes.items())
    caption = (
        f"{f'{name}: ' if name else ''}Place by place, value ± error (floor). FPD and KPD see the observables of whole "
        "showers, and no freaks; showers are those of the smaller sample."
    )
    return table(head, rows, caption)


def _cell(evidence: Mapping[Key, Evidence], key: Key, place: Place) -> Cell:
    item = evidence.get(Key(key.metric, key.observable, place))
    if item is None:
        fewest = _FEWEST.get(key.metric)
        return text(f"cannot tell, needs {fewest} showers" if fewest else "–")
    m = item.measured
    beyond = m.significance > _NOTICEABLE
    return Cell(f"{m.value:.3g} ± {m.error:.1g} ({m.floor:.2g})", "n fail" if beyond else "n")
