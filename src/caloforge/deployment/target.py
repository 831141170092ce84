"""What a target makes of the generic graph: other inputs and outputs around it, and files that go with it."""

__all__ = ["TARGETS", "GenericTarget", "Target", "register_target"]

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from caloforge.deployment.contract import Contract, Generic
from caloforge.deployment.manifest import Manifest


class Target(ABC):
    """Software that a bundle is made for.

    Attributes:
        contract: its vectors.
    """

    contract: ClassVar[type[Contract]]

    @abstractmethod
    def require(self, manifest: Manifest) -> None:
        """Refuse models that the software cannot use.

        Args:
            manifest: of the generic bundle.

        Raises:
            BadValue: another mesh, particle or range.
        """

    @abstractmethod
    def wrapped(self, manifest: Manifest, model: Any) -> tuple[Manifest, Any]:
        """Manifest and graph of the target.

        Args:
            manifest: of the generic bundle.
            model: its graph, ``onnx.ModelProto``.
        """

    @abstractmethod
    def companions(self, manifest: Manifest) -> Mapping[str, bytes]:
        """Files beside the graph, by name.

        Args:
            manifest: of the bundle.
        """


class GenericTarget(Target):
    """The graph as it is."""

    contract = Generic

    def require(self, manifest: Manifest) -> None:
        """Any model will do.

        Args:
            manifest: of the bundle.
        """

    def wrapped(self, manifest: Manifest, model: Any) -> tuple[Manifest, Any]:
        """Both as they are.

        Args:
            manifest: of the bundle.
            model: its graph.
        """
        return manifest, model

    def companions(self, manifest: Manifest) -> Mapping[str, bytes]:
        """None.

        Args:
            manifest: of the bundle.
        """
        return {}


TARGETS: dict[str, Target] = {}


def register_target(target: Target) -> None:
    """Make a target known under the name of its contract.

    Args:
        target: to register.
    """
    TARGETS[target.contract.name] = target


register_target(GenericTarget())
