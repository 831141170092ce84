"""Named errors: each says what is wrong, where, and what to do; the command line prints the sentence and exits 1."""

__all__ = [
    "CaloforgeError",
    "BadField",
    "BadFile",
    "BadObservable",
    "BadValue",
    "BinningMismatch",
    "BrokenPlugin",
    "EmptySample",
    "Geant4Failed",
    "Geant4Missing",
    "MissingExtra",
    "NotMeasured",
    "NotYet",
    "OddShowers",
    "OutsideTraining",
    "TrainingDiverged",
    "UnitsUnknown",
    "UnknownModel",
    "UnknownName",
    "UnwritablePath",
    "similar_names",
]

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

_FEW = 12  # names that one sentence can hold


class CaloforgeError(Exception):
    """Anything that went wrong in a way a user can mend; ``str(error)`` is one clear sentence."""


class OddShowers(UserWarning):
    """What is odd about showers of a file, though possible."""


class BadFile(CaloforgeError):
    """A file that cannot be read as what it should be.

    Args:
        path: of the file, or what else holds the text.
        problem: what is wrong.
        remedy: what to do; none where the problem says it already.
    """

    def __init__(self, path: str | Path, problem: str, remedy: str | None = None) -> None:
        super().__init__(f"{path}: {problem}; {remedy}" if remedy else f"{path}: {problem}")


class UnitsUnknown(BadFile):
    """A file whose units nobody said, or that are hardly what its layout says.

    Args:
        path: of the file.
        problem: what is wrong.
        readings: units as the option takes them -> what the file would then say; "" for the units as they are taken.
    """

    def __init__(self, path: str | Path, problem: str, readings: Mapping[str, str]) -> None:
        choices = [units for units in readings if units]
        options = " or ".join(f"--units {units}" for units in choices)
        remedy = f"say units={choices[0]!r} ..., or caloforge convert {path} OUT.h5 with {options}"
        super().__init__(path, f"{problem}; {', '.join(readings.values())}", remedy)


class UnwritablePath(CaloforgeError):
    """A place where the result cannot be written."""

    def __init__(self, path: str | Path, problem: str) -> None:
        super().__init__(f"cannot write {path}: {problem}; give another output path")


class BadValue(CaloforgeError):
    """A value outside what it may be: ``what`` names the option or field; the value is None where nothing was given."""

    def __init__(self, what: str, value: object, remedy: str) -> None:
        super().__init__(f"{what} is {'not given' if value is None else repr(value)}; {remedy}")


class BadField(BadValue):
    """A field of a configuration that is missing or holds what it must not.

    Args:
        place: of the field, such as ``training.steps``.
        problem: what is wrong with it, the sentence that begins with its name.
        listed: where the fields are described, such as a page of the documentation.
    """

    def __init__(self, place: str, problem: str, listed: str) -> None:
        CaloforgeError.__init__(self, f"field {place} {problem}; see {listed}")


class OutsideTraining(BadValue):
    """A condition outside what a model was trained on; ``warning`` says so where one goes on all the same."""

    def __init__(self, what: str, value: str, trained: str) -> None:
        remedy = "extrapolate=True, or --extrapolate of generate and expect, goes on"
        super().__init__(what, value, f"the model was trained on {trained}; {remedy}")
        self.warning = f"{what} {value} lies outside the training, {trained}: what the model makes there is a guess"


class BadObservable(CaloforgeError):
    """An observable that is not defined as it must be, or whose function does not return what it must."""

    def __init__(self, name: str, problem: str, remedy: str) -> None:
        super().__init__(f"observable {name!r} {problem}; {remedy}")


class BrokenPlugin(CaloforgeError):
    """Code from outside that was asked for and cannot be loaded."""

    def __init__(self, plugin: str, problem: str, remedy: str) -> None:
        super().__init__(f"plug-in {plugin} {problem}; {remedy}")


def similar_names(name: str, names: Iterable[str]) -> list[str]:
    """Up to three of some names that a misspelt one may mean, the likeliest first; case, - and _ do not count."""
    spelt = {_folded(candidate): candidate for candidate in names}
    return [spelt[alike] for alike in difflib.get_close_matches(_folded(name), spelt)]


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_")


class UnknownName(CaloforgeError):
    """A name that no registry knows; the sentence has the names that may be meant.

    Args:
        kind: what is named, such as ``observable``.
        name: as it was given.
        names: those that exist.
        listed: where they can be read, such as a page of the documentation or a command.

    Attributes:
        similar: the names that may be meant, the likeliest first.
    """

    def __init__(self, kind: str, name: str, names: Iterable[str], listed: str | None = None) -> None:
        choices = sorted(names)
        self.similar = similar_names(name, choices)
        remedy = [f"choose one of {', '.join(choices)}"] if len(choices) <= _FEW or not listed else []
        remedy += [f"{listed} lists them"] if listed else []
        super().__init__(f"unknown {kind} {name!r}{_meant(self.similar)}; {'; '.join(remedy)}")


def _meant(similar: list[str]) -> str:
    return f" (did you mean {' or '.join(similar)}?)" if similar else ""


class UnknownModel(UnknownName):
    """A family of models that is not registered.

    Args:
        name: as it was given.
        names: of the families that are registered.
        source: where a run folder says that it was defined.
    """

    def __init__(self, name: str, names: Iterable[str], source: str | None = None) -> None:
        choices = sorted(names)
        self.similar = similar_names(name, choices)
        defined = f", which was defined in {source} when it was trained" if source else _meant(self.similar)
        CaloforgeError.__init__(
            self,
            f"unknown model {name!r}{defined}; give the file that defines it with models=FILE.py, or --models FILE.py "
            "(it is run, so it must be trusted), install the package that announces it, or choose one of "
            f"{', '.join(choices)}; docs/models.md lists them",
        )


class BinningMismatch(CaloforgeError):
    """Showers, models or files that do not share one binning."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"binnings differ: {first} against {second}; use showers with the same readout")


class EmptySample(CaloforgeError):
    """A statistic asked of too few showers."""

    def __init__(self, what: str, *sizes: int) -> None:
        super().__init__(f"{what}; got {' and '.join(map(str, sizes))}; give more showers")


class NotMeasured(CaloforgeError):
    """A number that a report could have and does not."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what} was not measured: {reason}")


class NotYet(CaloforgeError):
    """An exercise of the course that is not solved yet; the sentence says what is wrong."""


class Geant4Missing(CaloforgeError):
    """geant4-pybind is not installed."""

    def __init__(self) -> None:
        super().__init__("Geant4 is not installed; run: pip install 'caloforge[geant4]'")


class MissingExtra(CaloforgeError):
    """An optional package that is not installed.

    Args:
        package: what is missing.
        extra: of caloforge that installs it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; run: pip install 'caloforge[{extra}]'")


class Geant4Failed(CaloforgeError):
    """A Geant4 process died; shards finished before stay on disk."""


class ClusterFailed(CaloforgeError):
    """Workers elsewhere died, or could not be reached, once too often."""

    def __init__(self, how: str) -> None:
        kept = "finished shards are kept, and the same call makes only the missing ones"
        super().__init__(f"the executor lost a shard ({how}); {kept}")


class TrainingDiverged(CaloforgeError):
    """The loss became NaN or infinite."""
