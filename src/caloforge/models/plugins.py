"""Models of one's own: from installed packages, or from a Python file that is given each time."""

__all__ = ["PLUGINS", "source_of"]

import hashlib
import sys
from pathlib import Path
from typing import Any

from caloforge.models.registry import MODELS, ModelConfig, register
from caloforge.physics.plugins import Plugins


def _accept(loaded: Any) -> bool:
    is_family = isinstance(loaded, type) and issubclass(loaded, ModelConfig)
    if is_family:
        register(loaded)
    return is_family


PLUGINS = Plugins("caloforge.models", "model", "caloforge.models.register", MODELS, _accept)


def source_of(model: ModelConfig) -> dict[str, str] | None:
    """Where a model is defined that is not caloforge's: its module, and the name and digest of its file.

    A run folder keeps this to say what it needs; nothing is ever loaded from it.

    Args:
        model: options of any family.
    """
    module = type(model).__module__
    if module.partition(".")[0] == "caloforge":
        return None
    path = Path(getattr(sys.modules.get(module), "__file__", None) or "")
    if not path.is_file():
        return {"module": module}
    return {"module": module, "file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
