"""The configuration of a whole run: YAML, checked field by field, with ``--set a.b=value`` on top."""

__all__ = ["FIELDS", "RunConfig", "load_config", "packaged_configs"]

from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from jaxtyping import Bool, Float
from numpy import ndarray as Array
from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, field_validator

from caloforge.data.showers import Showers
from caloforge.errors import BadFile, BadValue, similar_names
from caloforge.models import ModelConfig, model_config
from caloforge.training.options import TrainingConfig
from caloforge.units import parse_energy
from caloforge.yaml_model import blamed_on, checked, read_text, yaml_mapping, yaml_value

FIELDS = "docs/configuration.md"  # where all of them are listed


class RunConfig(BaseModel):
    """What to train on, which model, how long.

    Args:
        data: file of showers, several of them, or ``bundled``.
        energies: lowest and highest incident energy to train on, as text with units; None for all.
        seed: of everything random in the run.
        model: options of the family.
        training: how long and how fast.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    data: str | tuple[str, ...] = Field(
        description="file of showers, a list of files, or `bundled` for the sample that comes with caloforge"
    )
    energies: tuple[str, str] | None = Field(
        None, description="train only on its showers of these incident energies, `[10GeV, 100GeV]` say; null: on all"
    )
    seed: int = Field(1, ge=0)
    model: SerializeAsAny[ModelConfig]
    training: TrainingConfig = TrainingConfig()

    @field_validator("model", mode="before")
    @classmethod
    def _family(cls, value: Any) -> Any:
        return model_config(value) if isinstance(value, dict) else value

    @field_validator("energies")
    @classmethod
    def _range(cls, value: tuple[str, str] | None) -> tuple[str, str] | None:
        try:
            if value is not None and not parse_energy(value[0]) < parse_energy(value[1]):
                raise ValueError("give a lower and a higher energy")
        except BadValue as error:
            raise ValueError(str(error)) from error
        return value

    def chosen(self, showers: Showers) -> Showers:
        """Those of the file that are to be trained on, validated with and tested with.

        Args:
            showers: of the file.

        Returns: those whose incident energy lies within ``energies``, ends included.
        """
        return showers if self.energies is None else showers[self.in_range(showers.incident_energy)]

    def in_range(self, energy: Float[Array, " N"]) -> Bool[Array, " N"]:
        """Which incident energies, MeV, lie within ``energies``, ends included.

        Args:
            energy: (N,) MeV.
        """
        if self.energies is None:
            return np.ones(len(energy), bool)
        low, high = map(parse_energy, self.energies)
        return (energy >= low) & (energy <= high)

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def packaged_configs() -> dict[str, Path]:
    """The configurations that come with caloforge, by name."""
    return {path.stem: path for path in sorted(Path(str(files("caloforge") / "configs")).glob("*.yaml"))}


def load_config(name: str | Path, overrides: list[str] | None = None) -> RunConfig:
    """Read a YAML configuration, or a packaged one by its name, and apply ``a.b=value`` overrides (values are YAML).

    Args:
        name: path of a YAML file, or name of a packaged configuration.
        overrides: each ``a.b=value``; the last one of a field counts.

    Raises:
        BadFile: missing, not YAML, or a field that is unknown or out of range, named with its place and the name meant.
        BadValue: an override that is not ``name=value``.
    """
    path = Path(name)
    if not path.is_file():
        packaged = packaged_configs()
        if str(name) not in packaged:
            near = ", ".join(similar_names(str(name), packaged) or packaged)
            raise BadFile(name, "no such file", f"give a YAML configuration or one of caloforge's: {near}")
        path = packaged[str(name)]
    tree = yaml_mapping(read_text(path, "a YAML configuration"), path, "data, model and training")
    for override in overrides or []:
        _override(tree, override)
    with blamed_on(f"{path} with --set {' --set '.join(overrides)}" if overrides else path):
        return checked(RunConfig, tree, FIELDS)


def _override(tree: dict[str, Any], text: str) -> None:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise BadValue("--set", text, "write name=value, for example model.beta=0.5")
    *parents, leaf = name.split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
        if not isinstance(tree, dict):
            raise BadValue("--set", text, f"{parent} holds no fields")
    tree[leaf] = yaml_value(value, f"--set {text}")
