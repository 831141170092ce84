"""caloforge: real Geant4 showers in, a generative model out, and proof that a physicist can trust it.

The names below are imported when they are first used, so that ``import caloforge`` itself takes a millisecond.
"""

__all__ = [
    "FlowMatching",
    "GAN",
    "VAE",
    "WGAN",
    "CaloforgeError",
    "Dataset",
    "Flow",
    "Model",
    "Report",
    "Showers",
    "__version__",
    "course",
    "load",
    "open",
    "power",
    "simulate",
    "train",
    "validate",
]

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from caloforge import course
    from caloforge.api.dataset import Dataset
    from caloforge.api.families import GAN, VAE, WGAN, Flow, FlowMatching
    from caloforge.api.files import open_file as open  # noqa: A004
    from caloforge.api.model import Model
    from caloforge.api.model import load_model as load
    from caloforge.api.power import power
    from caloforge.api.simulate import simulate
    from caloforge.api.train import train
    from caloforge.api.validate import validate
    from caloforge.data.showers import Showers
    from caloforge.errors import CaloforgeError
    from caloforge.validation.report import Report

__version__ = "0.1.0"

_HOMES = {  # of each name: its module, and what it is called there; the module itself where that is empty
    "open": ("api.files", "open_file"),
    "load": ("api.model", "load_model"),
    "validate": ("api.validate", "validate"),
    "power": ("api.power", "power"),
    "train": ("api.train", "train"),
    "simulate": ("api.simulate", "simulate"),
    "VAE": ("api.families", "VAE"),
    "GAN": ("api.families", "GAN"),
    "WGAN": ("api.families", "WGAN"),
    "Flow": ("api.families", "Flow"),
    "FlowMatching": ("api.families", "FlowMatching"),
    "Dataset": ("api.dataset", "Dataset"),
    "Model": ("api.model", "Model"),
    "Showers": ("data.showers", "Showers"),
    "Report": ("validation.report", "Report"),
    "CaloforgeError": ("errors", "CaloforgeError"),
    "course": ("course", ""),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'caloforge' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    home = import_module(f"caloforge.{module}")
    return getattr(home, attribute) if attribute else home


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
