"""What a target makes of the generic graph: other inputs and outputs around it, and files that go with it."""

__all__ = ["GenericTarget", "Target", "require_alike", "rewired"]

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from jaxtyping import Shaped
from numpy import ndarray as Array

from caloforge.deployment.contract import Contract, Generic
from caloforge.deployment.manifest import Manifest, Tensor
from caloforge.errors import BadValue


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


def require_alike(manifest: Manifest, software: str) -> None:
    """Refuse models that need the particle or the azimuth, which some software does not tell its network.

    Args:
        manifest: of the generic bundle.
        software: that will load the graph.

    Raises:
        BadValue: the model tells particles apart, or was trained on several azimuths.
    """
    if manifest.trained.tells_particle:
        remedy = f"{software} does not tell its network the particle: export a model of one particle"
        raise BadValue("particles of the model", list(manifest.trained.particles), remedy)
    if manifest.trained.phi_varies:
        remedy = f"{software} does not tell its network the azimuth: export a model trained at one azimuth"
        raise BadValue("phi of the model", list(manifest.trained.phi), remedy)


def rewired(
    manifest: Manifest,
    model: Any,
    inputs: Sequence[Tensor],
    output: Tensor,
    nodes: tuple[Sequence[Any], Sequence[Any]],
    constants: Mapping[str, Shaped[Array, "..."]],
) -> tuple[Manifest, Any]:
    """The graph with other inputs and another output around it; the contract's name becomes the target.

    Args:
        manifest: of the generic bundle.
        model: its graph; changed in place.
        inputs: new ones.
        output: the new one.
        nodes: those that make the inputs of the generic graph, and those that make the new output of ``cells``.
        constants: that these nodes use.
    """
    from onnx import TensorProto, helper, numpy_helper

    def described(tensor: Tensor) -> Any:
        shape: list[str | int | None] = ["n", tensor.width] if tensor.width else ["n"]
        return helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, shape)

    graph, inner = model.graph, list(model.graph.node)
    for field in (graph.node, graph.input, graph.output):
        del field[:]
    graph.node.extend([*nodes[0], *inner, *nodes[1]])
    graph.input.extend(map(described, inputs))
    graph.output.append(described(output))
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    return replace(manifest, inputs=tuple(inputs), outputs=(output,)), model
