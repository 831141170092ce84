"""Options of a training: how long, how fast, on which showers, and what it is held to."""

__all__ = ["TrainingConfig"]

from pydantic import BaseModel, ConfigDict, Field, field_validator

from caloforge.training.balance import Kinds
from caloforge.training.penalties import PenaltyConfig


class TrainingConfig(BaseModel):
    """How long and how fast to train.

    Args: the fields below, each with its description and bounds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    steps: int = Field(2000, ge=1, description="optimiser steps")
    batch: int = Field(256, ge=2, description="showers a step")
    learning_rate: float = Field(1e-3, gt=0, description="largest learning rate, reached after 5 % of the steps")
    weight_decay: float = Field(1e-4, ge=0, description="AdamW's decoupled weight decay")
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
    log_every: int = Field(50, ge=1, description="steps between lines of log.jsonl")
    checkpoint_every: int = Field(500, ge=1, description="steps between checkpoints to resume from")

    @property
    def all_steps(self) -> int:
        """Steps with those that SWAG adds."""
        return self.steps + self.swag * self.swag_every

    @field_validator("swag")
    @classmethod
    def _no_lone_snapshot(cls, value: int) -> int:
        if value == 1:
            raise ValueError("one snapshot has no spread; take at least two, or 0 for none")
        return value
