"""Fitted weights as a folder of two files, to weight new showers of the same model: safetensors and JSON, no code."""

__all__ = ["Reweighter", "load_reweighter", "reweighter_files"]

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from caloforge.classifiers.network import ClassifierSettings
from caloforge.errors import BadFile, BadValue
from caloforge.geometry.binning import Binning, require_one_mesh
from caloforge.reweighting.crossfit import inputs, weights_from
from caloforge.reweighting.ratio import DensityRatio, blank_network
from caloforge.units import format_energy
from caloforge.validation.sample import Sample

SCHEMA = "caloforge-reweighter-1"
_EDGE = 1.05  # two samples of one spectrum end at slightly different energies
_FACTS, _TENSORS = "reweighter.json", "reweighter.safetensors"


@dataclass(frozen=True, eq=False)
class Reweighter:
    """Ratios whose mean logarithm weights showers that took no part in the fit.

    Args:
        ratios: fitted on one half of the showers each.
        clip: largest weight before the mean is set to one.
        observables: names of those that the features come from.
        binning: the mesh.
        particles: PDG numbers in the fit.
        energies: MeV, lowest and highest in the fit.
        training: provenance of the model that generated the showers, empty where unknown.
    """

    ratios: tuple[DensityRatio, ...]
    clip: float
    observables: tuple[str, ...]
    binning: Binning
    particles: tuple[int, ...]
    energies: tuple[float, float]
    training: Mapping[str, Any]

    @classmethod
    def of(
        cls, ratios: Sequence[DensityRatio], clip: float, showers: Sample, training: Mapping[str, Any]
    ) -> "Reweighter":
        """From ratios fitted to these generated showers.

        Args:
            ratios: that were fitted.
            clip: largest weight.
            showers: the generated showers of the fit.
            training: what made them.
        """
        energies = (float(showers.incident_energy.min()), float(showers.incident_energy.max()))
        particles = tuple(map(int, np.unique(showers.pdg)))
        return cls(tuple(ratios), clip, tuple(showers.table), showers.binning, particles, energies, training)

    def weights(self, showers: Sample, training: Mapping[str, Any]) -> tuple[Float[Array, " N"], int]:
        """Weights of mean one, and how many were clipped.

        Args:
            showers: tabulated with the observables of the fit.
            training: provenance of the model that generated them.

        Raises:
            BinningMismatch: another mesh.
            BadValue: another model, other particles or energies outside those of the fit.
        """
        require_one_mesh(self.binning, showers.binning)
        if dict(training) != dict(self.training):
            raise BadValue("model of the showers", training.get("showers_digest"), "the weights were fitted to another")
        if unknown := set(map(int, np.unique(showers.pdg))) - set(self.particles):
            raise BadValue("particles", sorted(unknown), f"the weights were fitted to PDG {list(self.particles)}")
        lowest, highest = float(showers.incident_energy.min()), float(showers.incident_energy.max())
        if lowest * _EDGE < self.energies[0] or highest > _EDGE * self.energies[1]:
            asked, fitted = ("-".join(map(format_energy, pair)) for pair in ((lowest, highest), self.energies))
            raise BadValue("incident energies", asked, f"the weights were fitted to {fitted}")
        return weights_from(self.ratios, inputs(showers), self.clip)


def reweighter_files(reweighter: Reweighter, settings: ClassifierSettings) -> dict[str, bytes]:
    """Contents of the two files, by name.

    Args:
        reweighter: to write.
        settings: of its networks.
    """
    tensors = {
        f"ratio{i}.network{k}.{name}": value.contiguous()
        for i, ratio in enumerate(reweighter.ratios)
        for k, network in enumerate(ratio.networks)
        for name, value in network.state_dict().items()
    }
    facts = {
        "schema": SCHEMA,
        "ratios": [{"slope": r.slope, "offset": r.offset, "networks": len(r.networks)} for r in reweighter.ratios],
        "features": list(reweighter.ratios[0].names),
        "settings": asdict(settings),
        **{name: getattr(reweighter, name) for name in ("clip", "observables", "particles", "energies")},
        "binning_xml": reweighter.binning.to_xml(),
        "training": dict(reweighter.training),
    }
    return {_FACTS: json.dumps(facts, indent=1).encode() + b"\n", _TENSORS: save(tensors)}


def load_reweighter(folder: Path) -> Reweighter:
    """Read the two files of a folder.

    Args:
        folder: of a report.

    Raises:
        BadFile: missing, damaged, or they do not fit together.
    """
    facts_path, tensors_path = folder / _FACTS, folder / _TENSORS
    if not facts_path.is_file() or not tensors_path.is_file():
        raise BadFile(folder, f"no {_FACTS} with {_TENSORS}", "give a folder that caloforge reweight --report made")
    try:
        facts = json.loads(facts_path.read_text())
        with safe_open(tensors_path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return _built(facts, tensors, facts_path)
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise BadFile(folder, f"damaged, or its two files do not fit ({type(error).__name__})", "fit again") from error


def _built(facts: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], path: Path) -> Reweighter:
    names, settings = tuple(facts["features"]), ClassifierSettings(**facts["settings"])
    ratios = []
    for i, entry in enumerate(facts["ratios"]):
        networks = []
        for k in range(entry["networks"]):
            head = f"ratio{i}.network{k}."
            network = blank_network(len(names), settings)
            network.load_state_dict({key.removeprefix(head): t for key, t in tensors.items() if key.startswith(head)})
            networks.append(network.eval())
        ratios.append(DensityRatio(tuple(networks), float(entry["slope"]), float(entry["offset"]), names))
    low, high = facts["energies"]
    return Reweighter(
        tuple(ratios),
        float(facts["clip"]),
        tuple(facts["observables"]),
        Binning.from_xml(facts["binning_xml"], path),
        tuple(map(int, facts["particles"])),
        (float(low), float(high)),
        facts["training"],
    )
