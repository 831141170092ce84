"""Values of several observables of the same showers, with their units and the names of their columns."""

__all__ = ["ObservableTable"]

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.source import Source
from caloforge.errors import BadValue
from caloforge.physics.observables import OBSERVABLES, select, tabulate


class ObservableTable(dict[str, Float[Array, "N k"]]):
    """Values of observables by name, (N, k) each: one row a shower, NaN where undefined.

    Args:
        values: of each observable.
        units: of each observable, empty for pure numbers.
        columns: names of the k columns of each: layers, rings, thresholds.
    """

    def __init__(
        self, values: dict[str, Float[Array, "N k"]], units: dict[str, str], columns: dict[str, tuple[str, ...]]
    ) -> None:
        super().__init__(values)
        self.units, self.columns = units, columns

    @classmethod
    def of(cls, source: Source, names: Sequence[str] = ()) -> "ObservableTable":
        """Observables of all showers of a source, read in batches.

        Args:
            source: of N showers.
            names: of the observables; all but those of single cells when none is given.

        Raises:
            UnknownName: no such observable.
            BadValue: an observable with a value for every cell.
        """
        chosen = select(names) if names else {name: o for name, o in OBSERVABLES.items() if o.per != "cell"}
        for name, observable in chosen.items():
            if observable.per == "cell":
                raise BadValue("observable", name, "it has a value for every cell: read the showers and take .energy")
        tables = [tabulate(batch, chosen) for batch in source.batches()]
        values = {name: np.concatenate([table[name] for table in tables]) for name in chosen}
        units = {name: o.unit_on(source.binning) for name, o in chosen.items()}
        return cls(values, units, {name: o.column_names(source.binning) for name, o in chosen.items()})

    def __repr__(self) -> str:
        lines = (f"  {name}{f' [{self.units[name]}]' * bool(self.units[name])}: {v.shape}" for name, v in self.items())
        return "\n".join([f"ObservableTable of {len(self)} observables", *lines])
