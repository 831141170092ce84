"""Values of several observables of the same showers, with their units and the names of their columns."""

__all__ = ["ObservableTable"]

from jaxtyping import Float
from numpy import ndarray as Array


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

    def __repr__(self) -> str:
        lines = (f"  {name}{f' [{self.units[name]}]' * bool(self.units[name])}: {v.shape}" for name, v in self.items())
        return "\n".join([f"ObservableTable of {len(self)} observables", *lines])
