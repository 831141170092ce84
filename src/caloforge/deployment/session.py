"""A session of ONNX Runtime for the graph of a bundle, whose inputs and outputs are what the manifest says."""

__all__ = ["GRAPH", "open_session"]

from pathlib import Path
from typing import Any

from caloforge.deployment.graph_file import require_closed
from caloforge.deployment.manifest import Manifest, Tensor
from caloforge.errors import BadFile, BadValue, MissingExtra

GRAPH = "model.onnx"
_MOST_THREADS = 1024
_KINDS = {"tensor(float)": "float32", "tensor(int64)": "int64"}


def open_session(path: Path, content: bytes, manifest: Manifest, threads: int = 1) -> Any:
    """A session on the CPU.

    Args:
        path: of the graph, for what errors say.
        content: of the file.
        manifest: what the graph should be.
        threads: within one batch.

    Raises:
        MissingExtra: ONNX Runtime is not installed.
        BadValue: less than one thread.
        BadFile: no graph, weights or operators from elsewhere (`require_closed`), operators that this ONNX Runtime
            does not have, or other inputs and outputs.
    """
    if not 1 <= threads <= _MOST_THREADS:
        raise BadValue("threads", threads, f"give 1 to {_MOST_THREADS}")
    require_closed(path, content)
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("ONNX Runtime", "runtime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4  # it speaks through exceptions
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base of their own
        reason = " ".join(str(error).split())
        raise BadFile(
            path, f"ONNX Runtime {onnxruntime.__version__} cannot load it ({reason})", "export the model again"
        ) from error
    _require_same(path, "inputs", session.get_inputs(), manifest.inputs)
    _require_same(path, "outputs", session.get_outputs(), manifest.outputs)
    return session


def _require_same(path: Path, what: str, nodes: Any, tensors: tuple[Tensor, ...]) -> None:
    graph = [(node.name, _KINDS.get(node.type, node.type), _width(node.shape)) for node in nodes]
    manifest = [(tensor.name, tensor.kind, tensor.width) for tensor in tensors]
    if graph != manifest:
        raise BadFile(path, f"its {what} are {graph}, bundle.json says {manifest}", "export the model again")


def _width(shape: list[Any]) -> int:
    """Numbers of a row, 0 where the tensor has one axis; -1 for any other shape."""
    if len(shape) == 1:
        return 0
    return shape[1] if len(shape) == 2 and isinstance(shape[1], int) else -1
