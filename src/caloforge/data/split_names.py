"""The three splits and the part of all showers that each takes, for those who only name them."""

__all__ = ["PARTS", "SPLITS", "Part", "Split"]

from typing import Literal, get_args

Split = Literal["train", "validation", "test"]

# The part of the unit interval, over which the ids are spread evenly, that each split takes.
SPLITS: dict[Split, tuple[float, float]] = {"train": (0.0, 0.7), "validation": (0.7, 0.75), "test": (0.75, 1.0)}

Part = Literal["auto", "train", "validation", "test", "all"]
"""What every ``--split`` takes: showers that the model was not trained on, one of the three splits, or all."""
PARTS: tuple[Part, ...] = get_args(Part)
