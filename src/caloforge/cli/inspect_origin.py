"""The part of `caloforge inspect` for the origin of a file: values of the provenance as lines that a person reads."""

__all__ = ["in_words"]

from collections.abc import Mapping, Sequence
from typing import Any

_INDENT = 22 * " "
_FEW = 8  # parts that are listed
_TOLD = ("command", "showers", "training_showers", "seconds", "date", "seed", "operation", "options")


def in_words(value: Any) -> str:
    """A value in lines, those after the first indented; what only machines need stays for ``--json``.

    Args:
        value: of the provenance.
    """
    return f"\n{_INDENT}".join(_lines(value)) or "none"


def _lines(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return _fields(value)
    if isinstance(value, float):
        return [f"{value:.6g}"]
    if isinstance(value, str) or not isinstance(value, Sequence):
        return str(value).strip().splitlines() or [""]
    if not any(isinstance(item, Mapping) for item in value):
        return [", ".join(map(str, value))]
    lines = [line for item in value[:_FEW] for line in _lines(item)]
    return lines if len(value) <= _FEW else [*lines, f"and {len(value) - _FEW} more (--json has all)"]


def _fields(value: Mapping[str, Any]) -> list[str]:
    """Name and value of what is plain; of what is nested, what tells a person where it comes from."""
    plain = {name: item for name, item in value.items() if not isinstance(item, Mapping | list | tuple)}
    nested = {name: item for name, item in value.items() if isinstance(item, Mapping)}
    deep = bool(nested) or len(plain) > _FEW
    told = {name: item for name, item in plain.items() if name in _TOLD or name == "file"} if deep else plain
    lines = [", ".join(f"{name} {_lines(item)[0]}" for name, item in told.items() if name != "command")]
    lines += [str(told["command"])] if "command" in told else []
    lines += [f"{name}: {line}" for name, item in nested.items() for line in _fields(item)[-1:] if line]
    return [line for line in lines if line]
