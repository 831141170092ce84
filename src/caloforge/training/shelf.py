"""What trained models are, without loading them: size, detector, particles, energies and the figures of their cards."""

__all__ = ["ModelFacts", "model_facts"]

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from caloforge.errors import BadFile
from caloforge.training.run import read_training_provenance
from caloforge.training.tensor_files import read_tensors
from caloforge.units import format_energy

_FIGURE = re.compile(r"^\| (AUC [^|]*?) *\| *([0-9.]+(?: ± [0-9.]+)?) *\|", re.MULTILINE)


@dataclass(frozen=True)
class ModelFacts:
    """A model as a list shows it.

    Args:
        name: of its folder.
        folder: where it lies.
        family: ``vae``, ``wgan``, ...
        megabytes: of all files.
        detector: name.
        mesh: name.
        particles: PDG numbers trained on.
        energies: lowest and highest trained on, in words.
        showers: trained on.
        auc: figures of merit of its card, by what they are.
    """

    name: str
    folder: Path
    family: str
    megabytes: float
    detector: str
    mesh: str
    particles: tuple[int, ...]
    energies: str
    showers: int | None
    auc: dict[str, str]

    @property
    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {**vars(self), "folder": str(self.folder), "particles": list(self.particles)}


def model_facts(folder: Path) -> ModelFacts:
    """Read what a run folder says of itself; an ensemble is described by its first member.

    Args:
        folder: of a finished run or an ensemble.

    Raises:
        BadFile: a file is missing or damaged.
    """
    run = folder / "members" / "1" if (folder / "members").is_dir() else folder
    provenance = read_training_provenance(run)
    tensors, metadata = read_tensors(run / "preprocessing.safetensors")
    mesh = re.search(r'<Bin [^>]*name="([^"]*)"', metadata.get("binning_xml", ""))
    card = folder / "README.md"
    try:
        family = str(yaml.safe_load((run / "config.yaml").read_text())["model"]["name"])
        particles = tuple(map(int, tensors["condition.particles"].tolist()))
        low, high = (format_energy(float(end)) for end in tensors["condition.energy_range"])
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise BadFile(run, f"its configuration or preprocessing cannot be read ({error})", "fetch it again") from error
    return ModelFacts(
        folder.name,
        folder,
        family,
        round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6, 2),
        (provenance.data.detector if provenance.data else None) or "unknown",
        mesh[1] if mesh else "unknown",
        particles,
        f"{low} to {high}",
        provenance.training_showers,
        dict(_FIGURE.findall(card.read_text())) if card.is_file() else {},
    )
