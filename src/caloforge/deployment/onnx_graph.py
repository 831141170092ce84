"""A module of PyTorch as an ONNX graph: traced, folded, checked; plain operators only, small, no data elsewhere.

The trace goes through PyTorch's TorchScript exporter: it writes operators of old opsets directly, and takes a tenth of
the time of the one that goes by ``torch.export``, whose lowest opset is 18. What a trace could freeze (a length, a
branch) is found by the comparison with PyTorch at other numbers of showers, see `caloforge.deployment.parity`.
"""

__all__ = ["OPSETS", "NotExportable", "lowest_ir", "require_plain_operators", "to_onnx"]

import contextlib
import io
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from caloforge.deployment.folding import merge_linear_maps, with_short_names
from caloforge.deployment.manifest import Tensor as Description
from caloforge.deployment.stable import StableFunctions
from caloforge.errors import BadValue, CaloforgeError, MissingExtra

OPSETS = range(16, 21)  # sums over cells need 16, the exporter ends at 20
_HIGHEST_IR = 10


class NotExportable(CaloforgeError):
    """A model that cannot become a graph."""


def lowest_ir(opset: int, asked: int | None) -> int:
    """Version of the file format: the lowest for an opset, or the one asked for.

    Args:
        opset: of the operators.
        asked: None for the lowest.

    Raises:
        BadValue: versions that do not go together.
        MissingExtra: onnx or ONNX Runtime is not installed.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise MissingExtra("onnx or ONNX Runtime", "export") from error
    if opset not in OPSETS:
        raise BadValue("opset", opset, f"give {OPSETS[0]} to {OPSETS[-1]}")
    lowest = onnx.helper.find_min_ir_version_for([onnx.helper.make_opsetid("", opset)])
    if asked is not None and not lowest <= asked <= _HIGHEST_IR:
        raise BadValue("ir", asked, f"opset {opset} needs {lowest} at least, and {_HIGHEST_IR} is the highest")
    return asked or lowest


def to_onnx(
    module: nn.Module, inputs: Sequence[Tensor], names: Sequence[Description], output: Description, opset: int
) -> Any:
    """The graph (``onnx.ModelProto``) of a module; the first axis of every input and of the output is free.

    Args:
        module: what to compute.
        inputs: examples.
        names: of the inputs, in their order.
        output: its name.
        opset: of the operators.

    Raises:
        NotExportable: an operation that ONNX lacks.
    """
    import onnx
    import onnxruntime

    with tempfile.TemporaryDirectory() as place:
        traced, folded = Path(place) / "traced.onnx", Path(place) / "folded.onnx"
        _trace(module, inputs, [tensor.name for tensor in names], output.name, opset, traced)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC  # constants only
        options.optimized_model_filepath, options.log_severity_level = str(folded), 4
        options.intra_op_num_threads = 1
        try:
            onnxruntime.InferenceSession(str(traced), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exceptions have no common base of their own
            raise NotExportable(f"the traced graph is no valid one ({' '.join(str(error).split())})") from error
        model = onnx.load(folded)
    require_plain_operators(model)
    merge_linear_maps(model.graph)
    model = with_short_names(model)
    used = {node.domain for node in model.graph.node}
    for entry in [entry for entry in model.opset_import if entry.domain not in used]:
        model.opset_import.remove(entry)
    for value, tensor in zip((*model.graph.input, *model.graph.output), (*names, output), strict=True):
        kind = value.type.tensor_type.elem_type
        shape: list[str | int | None] = ["n", tensor.width] if tensor.width else ["n"]
        value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, kind, shape))
    model.producer_name, model.producer_version = "caloforge", ""
    onnx.checker.check_model(model)
    return model


def _trace(
    module: nn.Module, inputs: Sequence[Tensor], names: Sequence[str], output: str, opset: int, path: Path
) -> None:
    axes = {name: {0: "n"} for name in (*names, output)}
    try:
        silence = contextlib.redirect_stdout(io.StringIO())  # it prints the whole graph where it fails
        with torch.no_grad(), warnings.catch_warnings(), silence, StableFunctions():
            warnings.simplefilter("ignore")  # of the exporter, that it is not the newest
            torch.onnx.export(
                module.eval(),
                tuple(inputs),
                str(path),
                dynamo=False,
                opset_version=opset,
                input_names=list(names),
                output_names=[output],
                dynamic_axes=axes,
                external_data=False,
            )
    except (torch.onnx.errors.OnnxExporterError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].partition("  [")[0]
        raise NotExportable(f"the model cannot become a graph of opset {opset}: {reason}") from error


def require_plain_operators(model: Any) -> None:
    """Refuse what other software could not load or would compute wrongly.

    Args:
        model: ``onnx.ModelProto``.

    Raises:
        NotExportable: branches, operators of other domains, sums by ScatterND, or weights outside the graph.
    """
    import onnx

    for node in model.graph.node:
        if node.op_type in ("If", "Loop", "Scan"):
            raise NotExportable(f"a branch or loop ({node.op_type}) that the trace did not unroll")
        if node.domain not in ("", "ai.onnx"):
            raise NotExportable(f"operator {node.op_type} of {node.domain}, which others do not have")
        reductions = [a.s for a in node.attribute if a.name == "reduction" and a.s not in (b"", b"none")]
        if node.op_type == "ScatterND" and reductions:
            raise NotExportable("a sum by ScatterND, in which ONNX Runtime loses terms on several threads")
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise NotExportable("weights outside the graph")
