"""Tensors of preprocessing files from before the steps were a list: the same numbers under the names of today."""

__all__ = ["renamed"]

import torch
from torch import Tensor

from caloforge.preprocessing.cell_maps import CellMaps
from caloforge.preprocessing.spectrum import CellSpectrum
from caloforge.preprocessing.transform import Composed
from caloforge.preprocessing.transforms import Dequantise, Log, Standardize

_HIGHEST = 5.0  # logarithm of the response beyond which the way back did not go


def renamed(tensors: dict[str, Tensor], energies: Composed, cells: CellMaps) -> dict[str, Tensor]:
    """Today's names of the tensors; a file of today is returned as it is.

    Args:
        tensors: by name.
        energies: the steps of the pipeline that they are for.
        cells: the maps of it.
    """
    if "logit.low" not in tensors:
        return tensors
    kinds: dict[str, type[torch.nn.Module]] = {"logit": Dequantise, "scale": Standardize}
    places = {
        **{old: _place("energies", energies, kind) for old, kind in kinds.items()},
        "spectrum": _place("cell_maps", cells, CellSpectrum),
    }
    names = {name: name.split(".", 1) for name in tensors}
    today = {
        f"{places[first]}.{rest[0]}" if (first in places and rest) else name: tensors[name]
        for name, (first, *rest) in names.items()
    }
    layers = len(tensors["logit.low"])
    today[f"{places['logit']}.upper"] = torch.arange(layers) > 0  # a response has no upper end
    today[f"{_place('energies', energies, Log)}.highest"] = torch.full((1,), _HIGHEST)
    return today


def _place(prefix: str, steps: torch.nn.ModuleList, kind: type[torch.nn.Module]) -> str:
    """Name of the first step of a kind; a name that fits nothing where there is none."""
    number = next((i for i, step in enumerate(steps) if isinstance(step, kind)), "missing")
    return f"{prefix}.{number}"
