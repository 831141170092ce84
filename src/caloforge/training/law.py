"""What a law of physics is to a training, and the laws by name."""

__all__ = ["LAWS", "PLUGINS", "Law", "law"]

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar

from jaxtyping import Float
from torch import Tensor

from caloforge.errors import BadValue
from caloforge.physics.plugins import Plugins
from caloforge.training.draws import Samples


class Law(ABC):
    """A law with its coefficients; a class needs ``violation``, and ``fit`` where it has coefficients.

    ``sizes``: how many coefficients it may have; ``needs_cells``: whether it looks at cells and not only at layers.
    """

    sizes: ClassVar[Sequence[int]] = (0,)
    needs_cells: ClassVar[bool] = False

    def fit(self, truth: Samples) -> tuple[float, ...]:
        """Coefficients that describe samples of the truth, in K bins of energy.

        Args:
            truth: training showers in K bins of energy, n in each.
        """
        return ()

    @abstractmethod
    def violation(self, samples: Samples, coefficients: Sequence[float]) -> Float[Tensor, "K *m"]:
        """g at each energy, in one or more components: dimensionless, zero in the mean where the law holds.

        It has to be differentiable in the energies of layers and cells, and a mean over showers (or a smooth function
        of such means), so that its scatter falls with the square root of their number.

        Args:
            samples: showers at K energies, n each.
            coefficients: of the law, as ``fit`` returns them.
        """


LAWS: dict[str, Law] = {}
_Class = TypeVar("_Class", bound=type[Law])


def law(name: str) -> Callable[[_Class], _Class]:
    """Class decorator that makes a law known by name. One that the same module defined before is replaced.

    Args:
        name: what the configuration calls it.

    Raises:
        BadValue: the name is taken, or is no identifier.
    """

    def register(cls: _Class) -> _Class:
        if name in LAWS and type(LAWS[name]).__module__ != cls.__module__:
            raise BadValue("name of a law", name, f"it is defined by {type(LAWS[name]).__module__}; choose another")
        if not name.isidentifier():
            raise BadValue("name of a law", name, "use letters, digits and underscores")
        LAWS[name] = cls()
        return cls

    return register


def _accept(loaded: object) -> bool:
    return any(type(registered) is loaded for registered in LAWS.values())


PLUGINS = Plugins("caloforge.laws", "law", "caloforge.training.laws.law", LAWS, _accept)
