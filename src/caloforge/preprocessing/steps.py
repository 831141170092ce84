"""The preprocessing as a configuration lists it: steps by name, for layer energies and for cells."""

__all__ = ["Preprocessing"]

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, field_validator

from caloforge.errors import BadField, UnknownName
from caloforge.preprocessing.standard_steps import (
    DequantiseStep,
    LogitStep,
    LogStep,
    RatioChainStep,
    StandardiseStep,
)
from caloforge.preprocessing.step import STEPS, CellStep, EnergyStep
from caloforge.yaml_model import checked

_LISTED = "docs/configuration.md"
_ENERGIES = (
    RatioChainStep(),
    LogStep(columns="first"),
    LogitStep(columns="others"),
    DequantiseStep(),
    StandardiseStep(),
)


class Preprocessing(BaseModel):
    """What is done to layer energies and to cells before a network sees them, in order.

    Args:
        energies: steps from layer energies in MeV to features.
        cells: maps from cell energies to weights, whose shares in their layer the network sees.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    energies: tuple[SerializeAsAny[EnergyStep], ...] = Field(
        _ENERGIES, min_length=1, description="steps from layer energies to features"
    )
    cells: tuple[SerializeAsAny[CellStep], ...] = Field(
        (), description="maps from cell energies to weights; networks see shares of the weights of a layer"
    )

    @field_validator("energies", "cells", mode="before")
    @classmethod
    def _by_name(cls, value: Any, info: Any) -> Any:
        kind = EnergyStep if info.field_name == "energies" else CellStep
        if not isinstance(value, list | tuple):
            return value
        place = f"model.preprocessing.{info.field_name}"
        return tuple(_step(item, kind, f"{place}.{number}") for number, item in enumerate(value))

    @classmethod
    def of_choices(cls, cells: str = "shares", energy_features: str = "fractions") -> dict[str, Any]:
        """The lists that two older options stand for.

        Args:
            cells: ``shares`` or ``spectrum``.
            energy_features: ``fractions`` or ``absolute``.

        Raises:
            ValueError: neither.
        """
        choices = {"shares": [], "spectrum": ["spectrum"]}, {"fractions": None, "absolute": "1TeV"}
        for name, value, legal in (("cells", cells, choices[0]), ("energy_features", energy_features, choices[1])):
            if value not in legal:
                raise ValueError(f"{name} is {value!r}; give {' or '.join(legal)}")
        chain = {"name": "ratio-chain", "unit": choices[1][energy_features]}
        return {"cells": choices[0][cells], "energies": [chain, *_ENERGIES[1:]]}


def _step(item: Any, kind: type[EnergyStep] | type[CellStep], place: str) -> Any:
    """Options of the step that is named: a name alone, or a mapping with ``name``."""
    fields = {"name": item} if isinstance(item, str) else item
    if isinstance(fields, kind):
        return fields
    if not isinstance(fields, Mapping):
        raise BadField(place, "is neither the name of a step nor its options", _LISTED)
    names = [name for name, step in STEPS.items() if issubclass(step, kind)]
    if (name := str(fields.get("name"))) not in names:
        raise UnknownName(f"step at {place}:", name, names, f"{_LISTED}, or a file given with --models,")
    return checked(STEPS[name], fields, _LISTED, place)
