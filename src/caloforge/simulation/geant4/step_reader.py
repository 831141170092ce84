"""How a step gets from Geant4 into Python lists: in place where the layout of the objects is known, else by method.

Geant4 tracks with one ``G4Step`` and two ``G4StepPoint`` objects for the life of a process, each of which begins with
what the scoring needs: the deposit in the step, the position in the points (G4Step.hh and G4StepPoint.hh of 11.4; no
virtual function stands before them). Reading these doubles where they lie costs a fifth of the calls of
``GetTotalEnergyDeposit`` and ``GetPosition``, each of which makes a Python object. The layout is that of the releases
of geant4-pybind named in `LAYOUT_KNOWN` on a 64-bit CPython; what is read is compared with the methods on the first
step of every scorer, and in any doubt the methods are used. Both ways give the same bits.
"""

__all__ = ["LAYOUT_KNOWN", "recorder"]

import ctypes
import importlib.metadata
import sys
from collections.abc import Callable
from typing import Any

LAYOUT_KNOWN = ("0.1.3",)
_HEADER = 2 * ctypes.sizeof(ctypes.c_void_p)  # of a Python object: reference count and type

Record = Callable[[Any, Any], bool]
Doubles = tuple[ctypes.c_double, ...]


def recorder(step: Any, deposit: list[float], x: list[float], y: list[float]) -> Record:
    """A function for ``ProcessHits`` that appends what every step deposits and where.

    Args:
        step: Geant4's one step object.
        deposit: gets MeV.
        x: gets twice the x of the step's middle, mm.
        y: gets twice its y, mm.
    """
    fields = _in_place(step)
    return _by_method(step, deposit, x, y) if fields is None else _by_field(fields, deposit, x, y)


def _in_place(step: Any) -> Doubles | None:
    """Deposit, x and y before, x and y after, where they lie; None if that cannot be trusted."""
    layout_known = importlib.metadata.version("geant4-pybind") in LAYOUT_KNOWN
    if not layout_known or sys.implementation.name != "cpython" or _HEADER != 16:
        return None
    before, after = step.GetPreStepPoint(), step.GetPostStepPoint()
    fields = (*_doubles(step, 1), *_doubles(before, 2), *_doubles(after, 2))
    start, end = before.GetPosition(), after.GetPosition()
    by_method = [step.GetTotalEnergyDeposit(), start.x, start.y, end.x, end.y]
    return fields if [field.value for field in fields] == by_method else None


def _doubles(wrapped: Any, n: int) -> Doubles:
    """The first ``n`` doubles of the C++ object behind a pybind11 object, which points to its pointer to it."""
    pointers = ctypes.c_void_p.from_address(id(wrapped) + _HEADER).value
    address = None if pointers is None else ctypes.c_void_p.from_address(pointers).value
    return () if address is None else tuple(ctypes.c_double.from_address(address + 8 * i) for i in range(n))


def _by_field(fields: Doubles, deposit: list[float], x: list[float], y: list[float]) -> Record:
    energy, x0, y0, x1, y1 = fields
    add_deposit, add_x, add_y = deposit.append, x.append, y.append

    def record(step: Any, history: Any) -> bool:
        add_deposit(energy.value)
        add_x(x0.value + x1.value)
        add_y(y0.value + y1.value)
        return True

    return record


def _by_method(step: Any, deposit: list[float], x: list[float], y: list[float]) -> Record:
    before, after = step.GetPreStepPoint(), step.GetPostStepPoint()
    energy, start, end = step.GetTotalEnergyDeposit, before.GetPosition, after.GetPosition
    add_deposit, add_x, add_y = deposit.append, x.append, y.append

    def record(step: Any, history: Any) -> bool:
        add_deposit(energy())
        a, b = start(), end()
        add_x(a.x + b.x)
        add_y(a.y + b.y)
        return True

    return record
