"""A quantity of incident particles in words: one value, or two ends and the shape of what lies between."""

__all__ = ["check_range", "parse_range", "range_text"]

from collections.abc import Callable, Sequence
from typing import TypeVar

from caloforge.errors import BadValue, UnknownName

Shape = TypeVar("Shape", bound=str)


def parse_range(
    text: str, parse: Callable[[str], float], what: str, examples: tuple[str, str], shapes: Sequence[Shape]
) -> tuple[float, float, Shape]:
    """Both ends and the shape.

    Args:
        text: as on the command line: ``50GeV`` or ``1GeV:100GeV:log``.
        parse: reads one value.
        what: the quantity, as errors call it.
        examples: of a value and of a range.
        shapes: that of one value first, then those of a range.

    Raises:
        BadValue: neither a value nor a range with its shape.
        UnknownName: a shape that there is not.
    """
    parts = text.split(":")
    if len(parts) == 1:
        return parse(text), parse(text), shapes[0]
    if len(parts) != 3:
        raise BadValue(what, text, f"write one {what} ({examples[0]}) or a range with its shape ({examples[1]})")
    low, high, name = parse(parts[0]), parse(parts[1]), parts[2].strip()
    shape = next((shape for shape in shapes[1:] if shape == name), None)
    if shape is None:
        raise UnknownName(f"shape of the {what}", name, shapes[1:])
    return low, high, shape


def check_range(what: str, ends: tuple[float, float], shape: str, text: Callable[[], str], unit: str) -> None:
    """Refuse an empty range, and one value with two ends.

    Args:
        what: the quantity, as errors call it.
        ends: lower and upper.
        shape: ``fixed`` for one value.
        text: spells the range.
        unit: of the ends.

    Raises:
        BadValue: see above.
    """
    low, high = ends
    if shape == "fixed" and low != high:
        raise BadValue(f"{what} range", ends, f"a fixed {what} has equal ends, in {unit}")
    if shape != "fixed" and not low < high:
        raise BadValue(f"{what} range", text(), f"give the lower {what} first")


def range_text(low: str, high: str, shape: str) -> str:
    """As on the command line.

    Args:
        low: the lower end with its unit.
        high: the upper end.
        shape: of what lies between; ``fixed`` for one value.
    """
    return low if shape == "fixed" else f"{low}:{high}:{shape}"
