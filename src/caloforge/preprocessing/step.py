"""Steps of the preprocessing by name, as a configuration gives them, and how one of one's own becomes known."""

__all__ = ["STEPS", "CellStep", "EnergyStep", "register_step"]

from abc import ABC, abstractmethod
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from caloforge.geometry.binning import Binning
from caloforge.preprocessing.cell_maps import CellMap
from caloforge.preprocessing.transform import Transform
from caloforge.yaml_model import register_named


class _Step(BaseModel, ABC):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str


class EnergyStep(_Step):
    """Options of a step from layer energies to features; ``build`` makes it.

    Args:
        name: of the step.
    """

    @abstractmethod
    def build(self, features: int) -> Transform:
        """A new step.

        Args:
            features: columns that it takes and gives.
        """


class CellStep(_Step):
    """Options of a map from cell energies to weights; ``build`` makes it.

    Args:
        name: of the step.
    """

    @abstractmethod
    def build(self, binning: Binning) -> CellMap:
        """A new map.

        Args:
            binning: the mesh.
        """


STEPS: dict[str, type[EnergyStep] | type[CellStep]] = {}
_Class = TypeVar("_Class", bound=type[EnergyStep] | type[CellStep])


def register_step(step: _Class) -> _Class:
    """Class decorator that makes a step known under the default of its ``name``.

    One that the same module defined before is replaced.

    Args:
        step: options of a step; its ``name`` has a default.

    Raises:
        BadValue: the name is taken by another module, or is no text.
    """
    register_named(STEPS, step, "step")
    return step
