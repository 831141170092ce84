"""Families of models by name, and the options that each of them has."""

__all__ = ["MODELS", "ModelConfig", "model_config", "register"]

from abc import ABC, abstractmethod
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from caloforge.errors import UnknownModel
from caloforge.geometry.binning import Binning
from caloforge.models.base import Generator
from caloforge.nn.conditioning import LinearExtrapolation
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.preprocessing.steps import Preprocessing
from caloforge.yaml_model import checked, register_named

_SHORT = ("cells", "energy_features")


class ModelConfig(BaseModel, ABC):
    """Options of one family, validated; ``build`` makes the model.

    Args:
        name: of the family.
        hide_particle: whether the networks are not told which particle it is.
        preprocessing: steps from energies to what networks see. ``energy_features: absolute`` is short for a chain of
            ratios with the unit 1 TeV, ``cells: spectrum`` for the one map of this name.
        tails: what networks do outside the training range of the energy.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    hide_particle: bool = Field(
        False, description="do not tell the networks which particle it is: they learn the mixture"
    )
    preprocessing: Preprocessing = Field(Preprocessing(), description="steps from energies to what networks see")
    tails: Literal["free", "linear"] = Field(
        "free", description="outside the training range networks go on as they will, or linearly in log energy"
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, fields: Any) -> Any:
        """The two options that stand for a whole list, where the family has no fields of these names."""
        if not isinstance(fields, dict):
            return fields
        short = {name: fields[name] for name in _SHORT if name in fields and name not in cls.model_fields}
        if short and "preprocessing" in fields:
            raise ValueError(f"{' and '.join(short)} and preprocessing say the same thing; give one of them")
        chosen = {"preprocessing": Preprocessing.of_choices(**short)} if short else {}
        return {name: value for name, value in fields.items() if name not in short} | chosen

    def pipeline(self, binning: Binning) -> Pipeline:
        """The preprocessing that this family wants, not yet fitted.

        Args:
            binning: the mesh.
        """
        return Pipeline(binning, self.preprocessing, self.hide_particle)

    def linear_tails(self, pipeline: Pipeline) -> LinearExtrapolation | None:
        """Where the networks of ``build`` go on linearly; None where they are free.

        Args:
            pipeline: fitted, as it knows the range.
        """
        encoder = pipeline.condition
        return LinearExtrapolation(*encoder.ends, encoder.columns.log_energy) if self.tails == "linear" else None

    @abstractmethod
    def build(self, pipeline: Pipeline) -> Generator:
        """A new model for the features of a pipeline.

        Args:
            pipeline: the preprocessing, fitted.
        """


MODELS: dict[str, type[ModelConfig]] = {}
_Config = TypeVar("_Config", bound=type[ModelConfig])


def register(config: _Config) -> _Config:
    """Class decorator that makes a family known under the default of its ``name``.

    One that the same module defined before is replaced.

    Args:
        config: a family; its ``name`` has a default.

    Raises:
        BadValue: the name is taken by another module, or is no text.
    """
    register_named(MODELS, config, "model")
    return config


def model_config(options: dict[str, Any]) -> ModelConfig:
    """Validated options of the family that ``options["name"]`` names.

    Args:
        options: ``name`` and fields of the family.

    Raises:
        UnknownModel: no such family.
        UnknownName: the family has no such field; the sentence has the names that may be meant.
        BadField: a field that is missing or has a value that it cannot have.
    """
    name = str(options.get("name"))
    if name not in MODELS:
        raise UnknownModel(name, MODELS)
    return checked(MODELS[name], options, "docs/configuration.md", "model")
