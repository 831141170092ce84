r"""The observables T(h) of a shower by name: what an analysis looks at instead of the cells.

Those of one cell, layer, ring or sum at a time are listed in `standard`, those of local structure, which look at two or
more cells at once, in `structure`. Sums run in float64; a value that does not exist (the centre of a layer without
energy) is NaN, never zero.
"""

__all__ = [
    "Observable",
    "OBSERVABLES",
    "observable",
    "quantity_of",
    "register",
    "select",
    "tabulate",
    "depth_unit",
    "layer_depths",
]

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.mesh_file import MeshFile
from caloforge.data.showers import Showers
from caloforge.errors import BadObservable, EmptySample, UnknownName
from caloforge.physics.axes import linear_edges
from caloforge.physics.definition import Edges, Observable, Per
from caloforge.physics.depth import depth_unit, layer_depths
from caloforge.physics.standard import STANDARD
from caloforge.physics.structure import STRUCTURE
from caloforge.physics.sums import Sums

OBSERVABLES: dict[str, Observable] = {**STANDARD, **STRUCTURE}
_BUILT_IN = frozenset(OBSERVABLES)


def register(new: Observable) -> Observable:
    """Make an observable known under its name. One that the same module defined before is replaced.

    Args:
        new: the observable.

    Raises:
        BadObservable: the name is taken, or is no identifier.
    """
    old = OBSERVABLES.get(new.name)
    if old is not None and (old.name in _BUILT_IN or old.home != new.home):
        raise BadObservable(new.name, f"is already defined by {old.home}", "choose another name")
    if not new.name.isidentifier():
        raise BadObservable(new.name, "has no proper name", "use letters, digits and underscores")
    OBSERVABLES[new.name] = new
    return new


def observable(
    name: str,
    quantity: str,
    unit: str = "",
    edges: Edges = linear_edges,
    per: Per = "shower",
    columns: tuple[str, ...] = (),
    source: str = "user",
) -> Callable[[Callable[[Any], Array]], Observable]:
    """Decorator that makes a function of `Showers` an observable, known everywhere by its name.

    The arguments are those of `Observable`, which takes the function's place. The function may only look at one shower
    (row) at a time: it is called with batches of any size.

    Args:
        name: identifier, also the key in ``report.json``.
        quantity: what it is, text of the plot's axis.
        unit: of the values, empty for pure numbers.
        edges: truth values of one column -> histogram edges.
        per: what the columns are.
        columns: what they are called where ``per`` is ``column``.
        source: where the definition comes from.

    Raises:
        BadObservable: as `register`.

    Example:
        >>> @observable("first_layer_share", "Share of energy in the first layer")
        ... def first_layer_share(showers):
        ...     return showers.layer_energy[:, 0] / showers.total_energy
    """
    return lambda function: register(Observable(name, function, quantity, unit, edges, per, columns, source))


def select(names: Iterable[str]) -> dict[str, Observable]:
    """The observables of these names, in their order.

    Args:
        names: of observables, in any order.

    Raises:
        UnknownName: no such observable.
    """
    chosen = {}
    for name in names:
        if name not in OBSERVABLES:
            raise UnknownName("observable", name, OBSERVABLES, "`caloforge inspect --list-observables`")
        chosen[name] = OBSERVABLES[name]
    return chosen


def quantity_of(name: str) -> str:
    """What an observable is, for a figure; its name where none is called so.

    Args:
        name: of an observable.
    """
    return OBSERVABLES[name].quantity if name in OBSERVABLES else name


def tabulate(
    showers: Showers | MeshFile, observables: Mapping[str, Observable] = OBSERVABLES, batch: int = 500
) -> dict[str, Float[Array, "N _"]]:
    """Values of every observable but those of cells, ``batch`` showers at a time.

    A file is read as it goes, so that its cells are never in memory together; sums over cells that several observables
    need are made once a batch.

    Args:
        showers: in memory, or an open file of them.
        observables: which, by name.
        batch: showers at a time.

    Raises:
        BadObservable: a function failed or returned what it must not.
        EmptySample: no showers.
    """
    if len(showers) == 0:
        raise EmptySample("observables need showers", 0)
    wanted = {name: o for name, o in observables.items() if o.per != "cell"}
    tables: dict[str, Array] = {}
    for start in range(0, len(showers), batch):
        sums = Sums.of(showers[start : start + batch])
        for name, o in wanted.items():
            values = o(sums)
            table = tables.setdefault(name, np.empty((len(showers), values.shape[1])))
            table[start : start + len(values)] = values
    return tables
