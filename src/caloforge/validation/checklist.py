r"""The checklist: requirements on a comparison, in YAML.

A tolerance is a limit :math:`\ell` on a number :math:`v` with floor :math:`f \pm s` (truth against truth at the same
sizes): ``sigma: k`` is :math:`\ell = f + k s`, ``times: k`` is :math:`\ell = k f`, and ``below``, ``above``, ``within``
are physics.
"""

__all__ = ["Tolerance", "Requirement", "Checklist", "CHECKLISTS", "load_checklist"]

from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from caloforge.errors import UnknownName
from caloforge.validation.key import Key, Where
from caloforge.yaml_model import blamed_on, checked, read_text, yaml_mapping

CHECKLISTS = ("strict", "analysis", "exploration")
_FIELDS = "docs/validation.md"
Tolerance = Literal["sigma", "times", "below", "above", "within"]
_TOLERANCES: tuple[Tolerance, ...] = ("sigma", "times", "below", "above", "within")


def _number(value: Any) -> Any:
    """``15 %`` is 0.15."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return float(value.strip()[:-1]) / 100
    return value


def _place(value: Any) -> Any:
    """``each energy bin`` is what holds for every energy bin."""
    return value.removeprefix("each ") if isinstance(value, str) else value


Number = Annotated[float, BeforeValidator(_number), Field(ge=0, allow_inf_nan=False)]


class Requirement(BaseModel):
    """One line of a checklist: a number, and exactly one tolerance.

    Args:
        metric: name of the number; ``*`` stands for any.
        where: the kind of place it is looked at.
        sigma: limit above the floor, in the floor's standard deviations.
        times: limit in units of the floor.
        below: largest value.
        above: smallest value.
        within: largest deviation, relative.
        why: what it is good for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    metric: str = Field(min_length=1)
    where: Annotated[Where, BeforeValidator(_place)] = "overall"
    sigma: Number | None = None
    times: Number | None = None
    below: Number | None = None
    above: Number | None = None
    within: Number | None = None
    why: str = ""

    @model_validator(mode="after")
    def _one_tolerance(self) -> "Requirement":
        given = [name for name in _TOLERANCES if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(_TOLERANCES)}")
        return self

    @property
    def tolerance(self) -> tuple[Tolerance, float]:
        """Its kind and number."""
        return next((name, value) for name in _TOLERANCES if (value := getattr(self, name)) is not None)

    @property
    def name(self) -> str:
        """The metric, and where, in words."""
        return self.metric if self.where == "overall" else f"{self.metric}, each {self.where}"

    def covers(self, key: Key) -> bool:
        """Whether the line speaks of this number.

        Args:
            key: of a number.
        """
        return key.place.kind == self.where and fnmatchcase(key.name, self.metric)

    def limit_text(self, percent: bool) -> str:
        """The tolerance in words.

        Args:
            percent: write it in percent.
        """
        kind, value = self.tolerance
        number = f"{100 * value:g} %" if percent or kind == "within" else f"{value:g}"
        words = {
            "sigma": f"floor + {value:g} σ",
            "times": f"{value:g} × floor",
            "below": f"under {number}",
            "above": f"above {number}",
            "within": f"within {number}",
        }
        return words[kind]


class Checklist(BaseModel):
    """Requirements on one comparison.

    Args:
        name: of the list.
        about: what it is for, in a sentence.
        undecided: whether a requirement that the showers cannot decide counts as failed.
        requirements: at least one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    about: str = ""
    undecided: Literal["fail", "allow"] = "allow"
    requirements: tuple[Requirement, ...] = Field(min_length=1)


def load_checklist(name: str | Path) -> Checklist:
    """A shipped checklist by name, or one's own by path.

    Args:
        name: one of `CHECKLISTS`, or the path of a YAML file.

    Raises:
        UnknownName: neither a shipped name nor a file.
        BadFile: not YAML, or a field that is unknown or out of range, named with its place.
    """
    if str(name) in CHECKLISTS:
        text, origin = (files("caloforge.validation") / "checklists" / f"{name}.yaml").read_text(), f"{name}.yaml"
    elif Path(name).is_file():
        text, origin = read_text(Path(name), "a YAML checklist"), str(name)
    else:
        raise UnknownName("checklist (or file)", str(name), CHECKLISTS, _FIELDS)
    tree = yaml_mapping(text, origin, "name and requirements")
    with blamed_on(origin):
        return checked(Checklist, {"name": Path(origin).stem, **tree}, _FIELDS)
