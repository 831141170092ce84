"""Measured models: what each was made for, and its figures with their errors, floors and commands, in one JSON file."""

__all__ = [
    "FIGURES",
    "MEASURED",
    "Figure",
    "MeasuredModel",
    "Meaning",
    "Measurements",
    "load_measured",
    "save_measured",
    "shipped_measured",
]

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from caloforge.errors import BadFile
from caloforge.files import finite_json, replace_when_complete
from caloforge.training.folders import shipped_models, weights_digest

SCHEMA = 1
MEASURED = Path(str(files("caloforge") / "advice" / "measured.json"))
"""The table that comes with caloforge."""


class Meaning(NamedTuple):
    """What a figure is.

    Args:
        title: in words.
        unit: empty where it is a pure number.
        digits: behind the point, as tables show it.
    """

    title: str
    unit: str
    digits: int

    def text(self, value: float) -> str:
        """A value with its unit.

        Args:
            value: in the unit.
        """
        return f"{value:.{self.digits}f} {self.unit}".rstrip()


FIGURES: dict[str, Meaning] = {
    "auc": Meaning("AUC, the larger of the two", "", 3),
    "auc_high": Meaning("AUC of boosted trees on observables", "", 3),
    "auc_low": Meaning("AUC of a network on cells and their neighbours", "", 3),
    "log_likelihood": Meaning("log-likelihood of a true shower", "nats", 1),
    "rare_coverage": Meaning("rarest true showers that it comes near", "%", 0),
    "freaks": Meaning("showers that Geant4 never makes", "in 10,000", 1),
    "ms_at_1": Meaning("time for one shower alone", "ms", 1),
    "ms_at_1000": Meaning("time for each of 1,000 showers", "ms", 2),
    "training_minutes": Meaning("training", "min", 0),
    "response_beyond": Meaning("response bias outside its training range", "%", 2),
}
"""All figures by name, in the order of tables."""


@dataclass(frozen=True)
class Figure:
    """One number that was measured.

    Args:
        value: in the unit of `FIGURES`.
        command: that measures it.
        error: standard error; None where there is none.
        floor: what Geant4 against Geant4 gives with as many showers; None where there is none.
        on: what it was measured on.
    """

    value: float
    command: str
    error: float | None = None
    floor: float | None = None
    on: str = ""


@dataclass(frozen=True)
class MeasuredModel:
    """A model, the conditions that it was trained on, and its figures.

    Args:
        name: that commands know it by.
        family: such as ``vae``.
        detector: of its showers.
        mesh: of its showers.
        pdg: PDG numbers of its particles.
        energy: lowest and highest, MeV.
        theta: smallest and largest angle to the normal, rad.
        weights: SHA-256 of the weights that were measured.
        figures: by their names in `FIGURES`; what was not measured or does not exist is missing.
        facts: when, where and with what it was measured.
    """

    name: str
    family: str
    detector: str
    mesh: str
    pdg: tuple[int, ...]
    energy: tuple[float, float]
    theta: tuple[float, float]
    weights: str
    figures: Mapping[str, Figure] = field(default_factory=dict)
    facts: Mapping[str, str | float] = field(default_factory=dict)


Measurements = dict[str, MeasuredModel]


def shipped_measured() -> tuple[Measurements, list[str]]:
    """The table that comes with caloforge, by name, and the shipped models that it does not have.

    A model whose weights are not those that were measured counts as one that it does not have.
    """
    models = load_measured(MEASURED)
    digests = {name: weights_digest(folder) for name, folder in shipped_models().items()}
    current = {name: model for name, model in models.items() if digests.get(name) == model.weights}
    return current, [name for name in digests if name not in current]


def load_measured(path: Path) -> Measurements:
    """A table of measured models, by name.

    Args:
        path: JSON that `save_measured` wrote.

    Raises:
        BadFile: it cannot be read, or is no such table.
    """
    remedy = "give a file that tools/studies/measure_models.py wrote"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadFile(path, f"cannot be read as JSON ({error})", remedy) from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise BadFile(path, f"not a table of measured models of schema {SCHEMA}", remedy)
    try:
        return {name: _model(name, entry) for name, entry in content["models"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadFile(path, f"not a table of measured models ({error!r})", remedy) from error


def _model(name: str, entry: Mapping[str, Any]) -> MeasuredModel:
    figures = {key: _figure(Figure(**entry["figures"][key])) for key in FIGURES if key in entry["figures"]}
    low, high = map(float, entry["energy"])
    least, most = map(float, entry["theta"])
    words = {key: str(entry[key]) for key in ("family", "detector", "mesh", "weights")}
    pdg = tuple(map(int, entry["pdg"]))
    return MeasuredModel(
        name, **words, pdg=pdg, energy=(low, high), theta=(least, most), figures=figures, facts=dict(entry["facts"])
    )


def _figure(figure: Figure) -> Figure:
    """The same, all of it finite.

    Raises:
        ValueError: a number is not.
    """
    numbers = [x for x in (figure.value, figure.error, figure.floor) if x is not None]
    if figure.value is None or not all(math.isfinite(x) for x in numbers):
        raise ValueError(f"a figure is not finite: {figure}")
    return figure


def save_measured(path: Path, models: Measurements) -> None:
    """Write a table, models in the order of their names.

    Args:
        path: JSON file; one that exists is replaced.
        models: by name.
    """
    entries = {name: asdict(models[name]) for name in sorted(models)}
    for entry in entries.values():
        del entry["name"]
        for key, figure in entry["figures"].items():
            entry["figures"][key] = {k: v for k, v in figure.items() if v is not None and v != ""}
    text = json.dumps(finite_json({"schema": SCHEMA, "models": entries}), indent=1) + "\n"
    replace_when_complete(path, lambda beside: beside.write_text(text, encoding="utf-8"))
