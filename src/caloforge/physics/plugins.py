"""Objects from outside by name: entry points of installed packages, and Python files of one's own."""

__all__ = ["Plugins", "load_file", "load_observables", "load_plugins"]

import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from caloforge.errors import BadFile, BrokenPlugin
from caloforge.physics.observables import OBSERVABLES, Observable, register


@dataclass(frozen=True)
class Plugins:
    """How one kind of object comes from outside.

    Args:
        group: the entry points' group.
        kind: what one is called in messages.
        decorator: that makes one known, as a dotted name.
        registry: what the decorator fills.
        accept: makes known what an entry point names; False if it is not of this kind.
    """

    group: str
    kind: str
    decorator: str
    registry: Mapping[str, object]
    accept: Callable[[Any], bool] = lambda loaded: False

    @property
    def _one(self) -> str:
        return f"{'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind}"

    def load(self, path: str | Path | None = None) -> tuple[str, ...]:
        """Those of installed packages, and those of a file of one's own.

        Args:
            path: Python file; it is run.

        Returns:
            Names of what the file defined; none where no file was given.

        Raises:
            BadFile: no such file.
            BrokenPlugin: code from outside that fails, or defines nothing of the kind.
        """
        self.load_installed()
        return () if path is None else self.load_file(path)

    def load_installed(self) -> tuple[str, ...]:
        """Load what installed packages announce in the group. Nothing is loaded before this is called.

        An entry point names an object of the kind, or a module that defines some with the decorator.

        Returns:
            The names of the entry points.

        Raises:
            BrokenPlugin: one of them cannot be loaded, or is something else.
        """
        points = sorted(entry_points(group=self.group), key=lambda point: point.name)
        for point in points:
            self._load(point)
        return tuple(point.name for point in points)

    def _load(self, point: Any) -> None:  # an EntryPoint, maybe of the backport
        package = point.dist.name if point.dist else "of an unknown package"
        label = f"{point.name!r} = {point.value} ({package})"
        try:
            loaded = point.load()
            of_kind = isinstance(loaded, ModuleType) or self.accept(loaded)
        except Exception as error:
            problem = f"cannot be loaded ({type(error).__name__}: {error})"
            raise BrokenPlugin(label, problem, "mend or uninstall the package") from error
        if not of_kind:
            problem = f"is a {type(loaded).__name__}"
            raise BrokenPlugin(label, problem, f"let it name {self._one} or a module of {self.kind}s")

    def load_file(self, path: str | Path) -> tuple[str, ...]:
        """Run a Python file that uses the decorator. **It is code: run only what you trust.**

        Args:
            path: the file.

        Returns:
            The names of what it defined.

        Raises:
            BadFile: no such file.
            BrokenPlugin: it fails, or defines nothing of the kind.
        """
        path = Path(path)
        if not path.is_file():
            known = f"; {path} is the name of one that is known already" if str(path) in self.registry else ""
            raise BadFile(path, "no such file", f"give a Python file that defines {self.kind}s{known}")
        before = dict(self.registry)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise BadFile(path, "not a Python file", "give a file ending in .py")
        module = importlib.util.module_from_spec(spec)
        same_name = sys.modules.get(path.stem)
        if same_name is None or same_name.__dict__.get("__file__") == module.__file__:
            sys.modules[path.stem] = module  # where classes with annotations look for the names in them
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise BrokenPlugin(str(path), f"fails with {type(error).__name__}: {error}", "mend the file") from error
        defined = tuple(name for name, value in self.registry.items() if before.get(name) is not value)
        if not defined:
            raise BrokenPlugin(str(path), f"defines no {self.kind}", f"use the decorator {self.decorator}")
        return defined


def _accept_observable(loaded: Any) -> bool:
    if isinstance(loaded, Observable):
        register(loaded)
    return isinstance(loaded, Observable)


_OBSERVABLES = Plugins(
    "caloforge.observables",
    "observable",
    "caloforge.physics.observables.observable",
    OBSERVABLES,
    _accept_observable,
)
load_plugins, load_file, load_observables = _OBSERVABLES.load_installed, _OBSERVABLES.load_file, _OBSERVABLES.load
