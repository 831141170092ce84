"""Files of named tensors: safetensors, which hold no code."""

__all__ = ["read_tensors", "write_tensors"]

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from caloforge.errors import BadFile
from caloforge.files import replace_when_complete


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write a file, which appears only when it is complete.

    Args:
        path: of the file.
        tensors: by name, of any shape and on any device.
        metadata: text by name.

    Raises:
        UnwritablePath: the file cannot be written.
    """
    whole = {name: value.contiguous().cpu() for name, value in tensors.items()}
    replace_when_complete(path, lambda target: target.write_bytes(save(whole, metadata)))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors by name, on the CPU, and the text stored with them.

    Args:
        path: of the file.

    Raises:
        BadFile: there is none, or it is damaged.
    """
    if not path.is_file():
        raise BadFile(path, "no such file", "give the folder of a finished training run")
    try:
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise BadFile(path, f"damaged or not safetensors ({error})", "train again") from error
    for name, value in tensors.items():
        if not bool(torch.isfinite(value).all()):
            raise BadFile(path, f"tensor {name} holds values that are not finite", "train again")
    return tensors, metadata
