"""The plots of one file of showers, in a folder."""

__all__ = ["plot_dataset"]

import json
from pathlib import Path
from typing import Any

from caloforge.api.dataset import Dataset
from caloforge.errors import UnwritablePath
from caloforge.files import finite_json, require_writable, write_files
from caloforge.reporting.overview import overview_plots


def plot_dataset(dataset: Dataset, folder: str | Path, seed: int = 1, overwrite: bool = False) -> dict[str, Any]:
    """Draw `Dataset.overview` into ``plots/`` as PNG and PDF, and write its numbers into ``overview.json``.

    Args:
        dataset: showers, read once.
        folder: made if it is not there.
        seed: of the bootstrap errors.
        overwrite: replace what an earlier call wrote there.

    Returns:
        What ``overview.json`` holds.

    Raises:
        EmptySample: too few showers.
        UnwritablePath: the folder holds such plots and ``overwrite`` is off, or it cannot be written.
    """
    folder = Path(folder)
    if (folder / "overview.json").exists() and not overwrite:
        raise UnwritablePath(folder / "overview.json", "the file exists (overwrite=True, or --overwrite, replaces it)")
    require_writable(folder)
    overview = dataset.overview(seed)
    facts: dict[str, Any] = finite_json({**overview.to_dict(), "seed": seed, "provenance": dataset.origin()})
    contents = {}
    for plot in overview_plots(overview):
        for kind, content in plot.render(("png", "pdf")).items():
            contents[f"plots/{plot.name}.{kind}"] = content
    contents["overview.json"] = json.dumps(facts, indent=1, allow_nan=False).encode() + b"\n"
    write_files(folder, contents)
    return facts
