r"""Two rewritings of an ONNX graph that keep what it computes: linear maps in a row become one, names become short.

With :math:`y = V [W x + b,\, u] + d` the graph computes :math:`y = [V_1 W, V_2] [x, u] + (V_1 b + d)`, multiplied out
in double precision: one matrix less to keep and to multiply.
"""

__all__ = ["merge_linear_maps", "number_nodes", "with_short_names"]

from collections import Counter
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array


def merge_linear_maps(graph: Any) -> None:
    """Merge each linear map that feeds nothing but another one, directly or beside other columns.

    Args:
        graph: ``onnx.GraphProto``; changed in place.
    """
    from onnx import numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.initializer}
    uses = Counter(name for node in graph.node for name in node.input)
    uses.update(output.name for output in graph.output)
    source = {name: node for node in graph.node for name in node.output}
    for last in [node for node in graph.node if _is_linear(node, tensors)]:
        beside = source.get(last.input[0])
        if beside is None or uses[last.input[0]] != 1:
            continue
        joined = beside.op_type == "Concat" and beside.attribute[0].i in (1, -1)
        start, weights = 0, {name: _array(tensors[name]) for name in last.input[1:]}
        matrix, bias = weights[last.input[1]], weights[last.input[2]]
        for place, name in enumerate(beside.input if joined else [last.input[0]]):
            first = source.get(name)
            if first is None or not _is_linear(first, tensors) or uses[name] != 1:
                if (width := _columns(name, first, tensors)) is None:
                    break  # it is not known which columns of the matrix follow
                start += width
                continue
            inner, shift = (_array(tensors[tensor]) for tensor in first.input[1:])
            block = matrix[:, start : start + len(inner)]
            bias = bias + block @ shift
            matrix = np.concatenate([matrix[:, :start], block @ inner, matrix[:, start + len(inner) :]], 1)
            start += inner.shape[1]
            (beside if joined else last).input[place] = first.input[0]
            graph.node.remove(first)
        for name, value in zip(last.input[1:], (matrix, bias), strict=True):
            tensors[name].CopyFrom(numpy_helper.from_array(value.astype(np.float32), name))
    alive = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in alive]:
        graph.initializer.remove(tensor)


def _is_linear(node: Any, tensors: dict[str, Any]) -> bool:
    """A product x W^T + b with constant W and b."""
    numbers = {attribute.name: attribute.f or attribute.i for attribute in node.attribute}
    plain = numbers.get("alpha", 1) == 1 and numbers.get("beta", 1) == 1 and not numbers.get("transA", 0)
    constant = len(node.input) == 3 and all(name in tensors for name in node.input[1:])
    return node.op_type == "Gemm" and plain and bool(numbers.get("transB", 0)) and constant


def _columns(name: str, node: Any, tensors: dict[str, Any]) -> int | None:
    """Columns of a value, where that is easy to say."""
    return len(_array(tensors[node.input[1]])) if node is not None and _is_linear(node, tensors) else None


def _array(tensor: Any) -> Float[Array, "..."]:
    from onnx import numpy_helper

    return numpy_helper.to_array(tensor).astype(np.float64)


def with_short_names(model: Any) -> Any:
    """The same model with numbers as names of what lies inside, without descriptions and without shapes of values.

    Args:
        model: ``onnx.ModelProto`` without graphs in graphs.
    """
    graph = model.graph
    fixed = {value.name: value.name for value in (*graph.input, *graph.output)} | {"": ""}
    names: dict[str, str] = dict(fixed)

    def short(name: str) -> str:
        return names.setdefault(name, f"_{len(names):x}")

    for tensor in graph.initializer:
        tensor.name = short(tensor.name)
    for node in graph.node:
        for ends in (node.input, node.output):
            ends[:] = [short(name) for name in ends]
        node.ClearField("doc_string")
    del graph.value_info[:]
    graph.ClearField("doc_string")
    return model


def number_nodes(model: Any) -> None:
    """Give every node a name of its own: ONNX Runtime up to 1.20 at least refuses two fused ones that have none.

    Args:
        model: ``onnx.ModelProto``; changed in place.
    """
    for number, node in enumerate(model.graph.node):
        node.name = f"n{number:x}"
