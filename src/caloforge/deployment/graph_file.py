"""What a file of ONNX asks for, read from its bytes alone (the wire format of protobuf), before anything loads it.

ONNX Runtime reads weights that lie outside a graph from wherever the graph says, relative to the working directory when
it is given bytes, and no hash covers them; so such graphs are refused here. Field numbers: onnx/onnx.proto.
"""

__all__ = ["require_closed"]

from collections.abc import Iterator
from pathlib import Path

from caloforge.errors import BadFile

_DRAWING = ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli")
_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE, _GRAPH_TENSOR, _GRAPH_SPARSE = 1, 5, 15
_NODE_ATTRIBUTE, _NODE_OPERATOR, _NODE_DOMAIN = 5, 4, 7
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS, _ATTRIBUTE_SPARSE = (5, 10), (6, 11), (22, 23)
_TENSOR_OUTSIDE, _TENSOR_LOCATION = 13, 14

Field = tuple[int, int | memoryview]


def require_closed(path: Path, content: bytes) -> None:
    """Refuse a graph that needs more than its own file and the operators of ONNX, or that draws noise of its own.

    Args:
        path: of the file, for what errors say.
        content: of the file.

    Raises:
        BadFile: weights outside the file, functions or operators of other domains, random operators, or no protobuf.
    """
    try:
        problem = next(_problems(memoryview(content)), None)
    except (IndexError, ValueError, RecursionError) as error:
        raise BadFile(path, "no graph of ONNX", "export the model again") from error
    if problem:
        raise BadFile(path, problem, "do not use it; export the model again")


def _problems(model: memoryview) -> Iterator[str]:
    for number, value in _fields(model):
        if number == _MODEL_FUNCTIONS:
            yield "it defines functions of its own, which no bundle has"
        if number == _MODEL_GRAPH and isinstance(value, memoryview):
            yield from _in_graph(value)


def _in_graph(graph: memoryview) -> Iterator[str]:
    for number, value in _fields(graph):
        if not isinstance(value, memoryview):
            continue
        if number == _GRAPH_NODE:
            yield from _in_node(value)
        elif number == _GRAPH_TENSOR:
            yield from _in_tensor(value)
        elif number == _GRAPH_SPARSE:
            yield "it has sparse weights, which no bundle has"


def _in_node(node: memoryview) -> Iterator[str]:
    fields = list(_fields(node))
    operator, domain = (_text(fields, number) for number in (_NODE_OPERATOR, _NODE_DOMAIN))
    if domain not in ("", "ai.onnx"):
        yield f"operator {operator} of {domain}, where a bundle has those of ONNX alone"
    if operator in _DRAWING:
        yield f"it draws noise of its own ({operator}), where noise is an input of every bundle"
    for number, attribute in fields:
        if number == _NODE_ATTRIBUTE and isinstance(attribute, memoryview):
            for kind, value in _fields(attribute):
                if kind in _ATTRIBUTE_SPARSE:
                    yield "it has sparse weights, which no bundle has"
                if kind in _ATTRIBUTE_TENSORS and isinstance(value, memoryview):
                    yield from _in_tensor(value)
                if kind in _ATTRIBUTE_GRAPHS and isinstance(value, memoryview):
                    yield from _in_graph(value)


def _text(fields: list[Field], wanted: int) -> str:
    values = (bytes(value).decode() for number, value in fields if number == wanted and isinstance(value, memoryview))
    return next(values, "")


def _in_tensor(tensor: memoryview) -> Iterator[str]:
    for number, value in _fields(tensor):
        if number == _TENSOR_OUTSIDE or (number == _TENSOR_LOCATION and value != 0):
            yield "its weights lie outside the file"


def _fields(message: memoryview) -> Iterator[Field]:
    """Number and value of each field: a whole number, or the bytes of text, a message or packed numbers."""
    at = 0
    while at < len(message):
        key, at = _whole(message, at)
        match key & 7:
            case 0:
                number, at = _whole(message, at)
                yield key >> 3, number
            case 2:
                size, at = _whole(message, at)
                if size > len(message) - at:
                    raise ValueError("cut off")
                yield key >> 3, message[at : at + size]
                at += size
            case 1 | 5 as width:  # eight and four bytes
                at += 8 if width == 1 else 4
            case _:
                raise ValueError("no field")


def _whole(message: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    number = shift = 0
    while True:
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at
        if shift > 63:
            raise ValueError("no number")
