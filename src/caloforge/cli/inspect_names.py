"""The part of `caloforge inspect` for names: all that comes with caloforge, and the command that takes it."""

__all__ = ["inspect_names"]

import json

from caloforge.config import packaged_configs
from caloforge.data.bundled import BUNDLED
from caloforge.data.public.sets import PUBLIC_SETS
from caloforge.geometry.detector import DETECTORS
from caloforge.geometry.readouts import READOUTS
from caloforge.training.folders import fetched_models, shipped_models
from caloforge.validation.checklist import CHECKLISTS


def inspect_names(json_only: bool) -> None:
    """Print the names, kind by kind, each with a command that takes one.

    Args:
        json_only: as JSON, without the commands.
    """
    kinds = {
        "detectors": (sorted(DETECTORS), "caloforge inspect NAME"),
        "meshes": (sorted(READOUTS), "caloforge simulate --binning NAME ..."),
        "models": (sorted(fetched_models() | shipped_models()), "caloforge models show NAME"),
        "configurations": (sorted(packaged_configs()), "caloforge train NAME --set data=FILE -o RUN"),
        "checklists": (sorted(CHECKLISTS), "caloforge validate FILE --truth FILE --checklist NAME"),
        "showers": ([BUNDLED], "caloforge inspect NAME"),
        "public sets": (sorted(PUBLIC_SETS), "caloforge data get NAME"),
    }
    if json_only:
        print(json.dumps({kind: names for kind, (names, _) in kinds.items()}))
        return
    for kind, (names, command) in kinds.items():
        print(f"{kind}: {', '.join(names)}\n  {command}")
