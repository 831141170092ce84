"""The part of `caloforge inspect` for observables: a table of all that are known, as Markdown or JSON."""

__all__ = ["inspect_observables"]

import json

from caloforge.physics.observables import OBSERVABLES, Observable
from caloforge.physics.plugins import load_plugins

_COLUMNS = ("name", "quantity", "unit", "per", "bins", "source")


def inspect_observables(json_only: bool) -> None:
    """Print the table, with the observables of installed packages.

    Raises:
        BrokenPlugin: one of these packages cannot be loaded.
    """
    load_plugins()
    rows = [_row(observable) for observable in OBSERVABLES.values()]
    if json_only:
        print(json.dumps(rows))
        return
    for line in (dict(zip(_COLUMNS, _COLUMNS, strict=True)), dict.fromkeys(_COLUMNS, "---"), *rows):
        print("| " + " | ".join(line[key] for key in _COLUMNS) + " |")


def _row(observable: Observable) -> dict[str, str]:
    columns = f": {', '.join(observable.columns)}" if observable.columns else ""
    return {
        "name": observable.name,
        "quantity": observable.quantity,
        "unit": observable.unit.replace("{depth}", "mm or layer"),
        "per": observable.per + columns,
        "bins": getattr(observable.edges, "__name__", "own").removesuffix("_edges"),
        "source": observable.source,
    }
