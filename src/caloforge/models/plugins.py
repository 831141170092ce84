"""Models and steps of one's own: from installed packages, or from a Python file that is given each time."""

__all__ = ["PLUGINS", "source_of"]

import hashlib
import sys
from collections import ChainMap
from pathlib import Path
from typing import Any

from caloforge.models.registry import MODELS, ModelConfig, register
from caloforge.physics.plugins import Plugins
from caloforge.preprocessing.step import STEPS


def _accept(loaded: Any) -> bool:
    is_family = isinstance(loaded, type) and issubclass(loaded, ModelConfig)
    if is_family:
        register(loaded)
    return is_family


PLUGINS = Plugins("caloforge.models", "model", "caloforge.models.register", ChainMap[str, Any](MODELS, STEPS), _accept)


def source_of(model: ModelConfig) -> dict[str, str] | None:
    """Where a model, or a step of its preprocessing, that is not caloforge's is defined: module, file and digest.

    A run folder keeps this to say what it needs; nothing is ever loaded from it.

    Args:
        model: options of any family.
    """
    steps = (*model.preprocessing.energies, *model.preprocessing.cells)
    modules = (type(part).__module__ for part in (model, *steps))
    module = next((name for name in modules if name.partition(".")[0] != "caloforge"), None)
    if module is None:
        return None
    path = Path(getattr(sys.modules.get(module), "__file__", None) or "")
    if not path.is_file():
        return {"module": module}
    return {"module": module, "file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
