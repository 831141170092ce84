"""How a step gets from Geant4 into a buffer of doubles: copied if the layout of the objects is known, else by method.

Geant4 tracks with one ``G4Step`` and two ``G4StepPoint`` objects for the life of a process, each of which begins with
what the scoring needs: the deposit in the step, position and global time in the points (G4Step.hh and G4StepPoint.hh
of 11.4; no virtual function stands before them). Copying these bytes costs a sixth of the calls of
``GetTotalEnergyDeposit`` and ``GetPosition``, each of which makes a Python object. The layout is that of the releases
of geant4-pybind named in `LAYOUT_KNOWN` on a 64-bit CPython; what is read is compared with the methods on the first
step of every scorer, and in any doubt the methods are used. Both ways give the same bits.
"""

__all__ = ["LAYOUT_KNOWN", "WIDTH", "recorder"]

import ctypes
import importlib.metadata
import struct
import sys
from collections.abc import Callable
from typing import Any

LAYOUT_KNOWN = ("0.1.3",)
WIDTH = 9  # doubles of a step: deposit, then x, y, z and time at its start, then the same at its end
_AT_A_POINT = 4
_HEADER = 2 * ctypes.sizeof(ctypes.c_void_p)  # of a Python object: reference count and type

Record = Callable[[Any, Any], bool]
Views = tuple[memoryview, memoryview, memoryview]


def recorder(step: Any, buffer: bytearray) -> Record:
    """A function for ``ProcessHits`` that appends every step: `WIDTH` doubles in MeV, mm and ns.

    Args:
        step: Geant4's one step object.
        buffer: gets the doubles, in the byte order of the machine.
    """
    views = _in_place(step)
    return _by_method(step, buffer) if views is None else _by_copy(views, buffer)


def _in_place(step: Any) -> Views | None:
    """The bytes of the deposit, the start and the end, where they lie; None if that cannot be trusted."""
    layout_known = importlib.metadata.version("geant4-pybind") in LAYOUT_KNOWN
    if not layout_known or sys.implementation.name != "cpython" or _HEADER != 16:
        return None
    before, after = step.GetPreStepPoint(), step.GetPostStepPoint()
    views = _bytes(step, 1), _bytes(before, _AT_A_POINT), _bytes(after, _AT_A_POINT)
    by_method = bytearray()
    _by_method(step, by_method)(step, None)
    return views if b"".join(views) == by_method else None


def _bytes(wrapped: Any, n: int) -> memoryview:
    """The first ``n`` doubles of the C++ object behind a pybind11 object, which points to its pointer to it."""
    pointers = ctypes.c_void_p.from_address(id(wrapped) + _HEADER).value
    address = None if pointers is None else ctypes.c_void_p.from_address(pointers).value
    return memoryview(b"" if address is None else (ctypes.c_char * (8 * n)).from_address(address)).cast("B")


def _by_copy(views: Views, buffer: bytearray) -> Record:
    deposit, start, end = views

    def record(step: Any, history: Any) -> bool:
        nonlocal buffer
        buffer += deposit
        buffer += start
        buffer += end
        return True

    return record


def _by_method(step: Any, buffer: bytearray) -> Record:
    before, after = step.GetPreStepPoint(), step.GetPostStepPoint()
    deposit, start, end = step.GetTotalEnergyDeposit, before.GetPosition, after.GetPosition
    start_time, end_time = before.GetGlobalTime, after.GetGlobalTime
    pack = struct.Struct(f"{WIDTH}d").pack

    def record(step: Any, history: Any) -> bool:
        a, b = start(), end()
        buffer.extend(pack(deposit(), a.x, a.y, a.z, start_time(), b.x, b.y, b.z, end_time()))
        return True

    return record
