"""Options of a training: how long, how fast, on which showers, and what it is held to."""

__all__ = ["TrainingConfig"]

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from caloforge.training.balance import Kinds
from caloforge.training.penalties import PenaltyConfig

_UNITS = {"kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


def _bytes(text: str) -> float:
    number, unit = text.strip()[:-2], text.strip()[-2:]
    try:
        value = float(number) * _UNITS[unit]
    except (ValueError, KeyError) as error:
        raise ValueError(f"{text!r} is no memory; write a number with {', '.join(_UNITS)}, such as 2GB") from error
    if not 0 < value < math.inf:
        raise ValueError(f"{text!r} is no memory that showers fit into")
    return value


class TrainingConfig(BaseModel):
    """How long and how fast to train.

    Args: the fields below, each with its description and bounds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    steps: int = Field(2000, ge=1, description="optimiser steps")
    batch: int = Field(256, ge=2, description="showers a step")
    learning_rate: float = Field(1e-3, gt=0, description="largest learning rate, reached after 5 % of the steps")
    weight_decay: float = Field(1e-4, ge=0, description="AdamW's decoupled weight decay; biases are free of it")
    clip: float = Field(100.0, gt=0, description="largest norm of the gradient")
    ema: float = Field(0.999, ge=0, lt=1, description="decay of the averaged weights, which are the ones saved")
    augment: bool = Field(True, description="show random rotations and mirror images about the axis")
    balance: float = Field(
        0.0,
        ge=0,
        le=1,
        description="1: show every kind of shower as often; generating then keeps the rare ones as rarely",
    )
    balance_by: Kinds = Field(
        "particle", description="kinds are the particles of the file, or without labels clusters of showers"
    )
    bootstrap: bool = Field(
        False, description="train on a resample of the training showers, as members of ensembles do"
    )
    swag: int = Field(0, ge=0, description="snapshots for SWAG, taken after the last step; 0: none, else two at least")
    swag_every: int = Field(25, ge=1, description="further steps for each snapshot")
    swag_rate: float = Field(0.5, gt=0, description="constant learning rate of these steps over learning_rate")
    penalties: PenaltyConfig = Field(PenaltyConfig(), description="laws of physics to hold the model to")
    stop_on_alarm: bool = Field(False, description="end the training when an alarm is raised")
    precision: Literal["float32", "bf16"] = Field(
        "float32", description="bf16: matrix products of the losses in bfloat16 (autocast), for graphics cards"
    )
    compile: bool = Field(False, description="compile the losses (torch.compile), for graphics cards")
    memory: str = Field("4GB", description="memory for showers; a set that needs more is read block by block")
    log_every: int = Field(50, ge=1, description="steps between lines of log.jsonl")
    checkpoint_every: int = Field(500, ge=1, description="steps between checkpoints to resume from")

    @property
    def all_steps(self) -> int:
        """Steps with those that SWAG adds."""
        return self.steps + self.swag * self.swag_every

    @property
    def bytes(self) -> float:
        """The memory for showers in bytes."""
        return _bytes(self.memory)

    @field_validator("memory")
    @classmethod
    def _some_memory(cls, value: str) -> str:
        _bytes(value)
        return value

    @field_validator("swag")
    @classmethod
    def _no_lone_snapshot(cls, value: int) -> int:
        if value == 1:
            raise ValueError("one snapshot has no spread; take at least two, or 0 for none")
        return value
