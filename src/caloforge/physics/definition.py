"""What an observable T(h) is: a function of showers with its quantity, unit, binning, columns and source."""

__all__ = ["Observable", "Per", "Edges"]

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.showers import Showers
from caloforge.errors import BadObservable, CaloforgeError
from caloforge.geometry.binning import Binning
from caloforge.physics.axes import linear_edges
from caloforge.physics.depth import depth_unit
from caloforge.physics.sums import Sums

Per = Literal["shower", "layer", "ring", "cell", "column"]
Edges = Callable[..., Float[Array, " e"]]


@dataclass(frozen=True)
class Observable:
    """A function of showers, and how to draw and bin it.

    Args:
        name: identifier, also the key in ``report.json``.
        function: showers -> (N,) or (N, k) values in ``unit``; NaN where undefined, never infinite. It is given a
            `Sums`, which is a `Showers` that also knows sums over its cells.
        quantity: what it is, text of the plot's axis.
        unit: of the values, empty for pure numbers; ``{depth}`` stands for the mesh's unit of depth.
        edges: truth values of one column -> histogram edges.
        per: what the columns are; the columns of a ``cell`` observable fill one histogram together.
        columns: what the columns are called where ``per`` is ``column``.
        source: where the definition comes from.
    """

    name: str
    function: Callable[[Any], Float[Array, "N ..."]]
    quantity: str
    unit: str = ""
    edges: Edges = linear_edges
    per: Per = "shower"
    columns: tuple[str, ...] = ()
    source: str = "user"

    def __post_init__(self) -> None:
        if (self.per == "column") != bool(self.columns):
            problem = 'has per="column" without columns' if self.per == "column" else f"names columns per {self.per}"
            raise BadObservable(self.name, problem, 'name the columns, and give per="column"')

    def __call__(self, showers: Showers) -> Float[Array, "N k"]:
        """Values of each shower, always with a second axis.

        Raises:
            BadObservable: the function failed, or its values have the wrong shape, are no numbers or are infinite.
        """
        try:
            values = np.asarray(self.function(Sums.of(showers)))
        except CaloforgeError:
            raise
        except Exception as error:
            raise BadObservable(self.name, f"failed with {type(error).__name__}: {error}", "mend it") from error
        return self._checked(values, showers)

    def _checked(self, values: Array, showers: Showers) -> Float[Array, "N k"]:
        expected = (len(showers), self.width(showers.binning))
        flat = expected[1] == 1 and values.shape == expected[:1]
        if values.shape != expected and not flat:
            raise BadObservable(
                self.name, f"returned the shape {values.shape}", f"return {expected}, one row a shower, per {self.per}"
            )
        if values.dtype.kind not in "fiub":
            raise BadObservable(self.name, f"returned values of type {values.dtype}", "return real numbers")
        if np.isinf(values).any():
            raise BadObservable(self.name, "returned infinite values", "return NaN where it is undefined")
        values = values.reshape(expected)
        return values if values.dtype.kind == "f" else values.astype(np.float64)

    @property
    def home(self) -> str:
        """The module that defines the function."""
        function = self.function.func if isinstance(self.function, partial) else self.function
        return str(getattr(function, "__module__", type(function).__module__))

    def width(self, binning: Binning) -> int:
        """Number of columns on a mesh.

        Args:
            binning: the mesh.
        """
        return binning.n_voxels if self.per == "cell" else len(self.column_names(binning))

    def column_names(self, binning: Binning) -> tuple[str, ...]:
        """What each column is called; empty text for the only one of a shower or of a cell observable.

        Args:
            binning: the mesh.
        """
        if self.per == "layer":
            return tuple(f"layer {layer.id}" for layer in binning.layers)
        if self.per == "ring":
            return tuple(f"ring {i}" for i in range(max(layer.n_r for layer in binning.layers)))
        return self.columns or ("",)

    @property
    def label(self) -> str:
        """Quantity and unit; ``{depth}`` stands for the mesh's unit of depth."""
        return f"{self.quantity} [{self.unit}]" if self.unit else self.quantity

    def unit_on(self, binning: Binning) -> str:
        """The unit, with the unit of depth that the mesh has.

        Args:
            binning: the mesh.
        """
        return self.unit.replace("{depth}", depth_unit(binning))

    def axis_label(self, binning: Binning) -> str:
        """The label with the unit of depth that the mesh has.

        Args:
            binning: the mesh.
        """
        return self.label.replace("{depth}", depth_unit(binning))
