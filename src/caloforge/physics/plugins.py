"""Observables from outside: entry points of installed packages, and Python files of one's own."""

__all__ = ["GROUP", "load_plugins", "load_file"]

import importlib.util
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from caloforge.errors import BadFile, BrokenPlugin
from caloforge.physics.observables import OBSERVABLES, Observable, register

GROUP = "caloforge.observables"


def load_plugins() -> tuple[str, ...]:
    """Register what installed packages announce under the entry point group ``caloforge.observables``.

    An entry point names an `Observable`, or a module that defines some. Nothing is loaded before this is called.

    Returns:
        The names of the entry points.

    Raises:
        BrokenPlugin: one of them cannot be loaded, or is something else.
    """
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    for point in points:
        _load(point)
    return tuple(point.name for point in points)


def _load(point: EntryPoint) -> None:
    package = point.dist.name if point.dist else "of an unknown package"
    label = f"{point.name!r} = {point.value} ({package})"
    try:
        loaded = point.load()
        if isinstance(loaded, Observable):
            register(loaded)
    except Exception as error:
        problem = f"cannot be loaded ({type(error).__name__}: {error})"
        raise BrokenPlugin(label, problem, "mend or uninstall the package") from error
    if not isinstance(loaded, Observable | ModuleType):
        problem = f"is a {type(loaded).__name__}"
        raise BrokenPlugin(label, problem, "let it name an observable or a module of observables")


def load_file(path: str | Path) -> tuple[str, ...]:
    """Run a Python file that defines observables with the decorator. **It is code: run only what you trust.**

    Returns:
        The names of the observables that it defined.

    Raises:
        BadFile: no such file.
        BrokenPlugin: it fails, or defines no observable.
    """
    path = Path(path)
    if not path.is_file():
        raise BadFile(path, "no such file", "give a Python file that defines observables")
    before = dict(OBSERVABLES)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise BadFile(path, "not a Python file", "give a file ending in .py")
    try:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    except Exception as error:
        raise BrokenPlugin(str(path), f"fails with {type(error).__name__}: {error}", "mend the file") from error
    defined = tuple(name for name, o in OBSERVABLES.items() if before.get(name) is not o)
    if not defined:
        raise BrokenPlugin(
            str(path), "defines no observable", "use the decorator caloforge.physics.observables.observable"
        )
    return defined
