"""The run folder: everything needed to sample, to resume and to know where a model came from.

``config.yaml``, ``weights.safetensors`` (averaged weights of all that sampling needs), ``preprocessing.safetensors``
(with the binning), ``log.jsonl``, ``provenance.json``; ``state.pt`` only to resume. Loading never executes code from a
file. A run trained with SWAG keeps its snapshots in ``swag.safetensors`` (`caloforge.training.swag`); a folder with
``members/`` is an ensemble (`caloforge.training.ensemble`).
"""

__all__ = [
    "Run",
    "has_provenance",
    "load_run",
    "read_training_provenance",
    "save_run",
]

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from jaxtyping import UInt64
from numpy import ndarray as Array
from pydantic import ValidationError
from torch import Tensor, nn

from caloforge.data.provenance import TrainingProvenance, parse_training_provenance
from caloforge.data.unseen import TrainingIds
from caloforge.errors import BadFile, CaloforgeError, UnknownModel, UnknownName
from caloforge.files import replace_when_complete
from caloforge.geometry.binning import Binning
from caloforge.models import MODELS, Generator, ModelConfig, model_config
from caloforge.models.keep_probability import KeepProbability
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.training.folders import run_folder
from caloforge.training.tensor_files import read_tensors, write_tensors

_IDS = "training_ids.safetensors"
_SPLITS = ("train", "validation")  # tensors of that file, the ids of these showers as int64
_PIPELINE = "pipeline."  # the model holds the pipeline; its tensors are saved once, in their own file
_PROVENANCE = "provenance.json"
_KEEP_PROBABILITY = "keep_probability.mean"  # there after a training with balance


@dataclass(frozen=True)
class Run:
    """A trained model with its preprocessing and history, ready to sample.

    Args:
        model: with averaged weights, not to be trained on.
        pipeline: its preprocessing, which the model holds as well.
        provenance: where the model comes from.
        training_ids: of the showers that it was trained on and stopped by.
    """

    model: Generator
    pipeline: Pipeline
    provenance: TrainingProvenance
    training_ids: TrainingIds = field(default_factory=TrainingIds)

    def to(self, device: torch.device) -> "Run":
        """The same run, its model and preprocessing moved to a device.

        Args:
            device: where it is computed.
        """
        return Run(self.model.to(device), self.pipeline.to(device), self.provenance, self.training_ids)


def save_run(
    folder: Path,
    model: Generator,
    pipeline: Pipeline,
    config_yaml: str,
    provenance: TrainingProvenance,
    training_ids: TrainingIds,
) -> None:
    """Write the model's weights with all that gives them meaning.

    Args:
        folder: of the run; it exists.
        model: with averaged weights.
        pipeline: the preprocessing, fitted.
        config_yaml: text of the whole configuration.
        provenance: where the model comes from.
        training_ids: of the showers that it was trained on and stopped by.

    Raises:
        UnwritablePath: the folder cannot be written.
    """
    mesh = {"binning_xml": pipeline.binning.to_xml()}
    write_tensors(folder / "preprocessing.safetensors", pipeline.state_dict(), mesh)
    skip = (_PIPELINE, *(f"{part}." for part in model.training_parts))
    weights = {name: value for name, value in model.state_dict().items() if not name.startswith(skip)}
    write_tensors(folder / "weights.safetensors", weights)
    write_tensors(folder / _IDS, {name: _as_tensor(getattr(training_ids, name)) for name in _SPLITS})
    replace_when_complete(folder / "config.yaml", lambda target: target.write_text(config_yaml))
    replace_when_complete(
        folder / _PROVENANCE, lambda target: target.write_text(json.dumps(provenance.facts, indent=1))
    )


def load_run(name: str | Path) -> Run:
    """Read a run folder, or a shipped model by its name.

    Args:
        name: a path, or name of a shipped model.

    Raises:
        UnknownModel: its model is defined in a file that was not given.
        BadFile: a file is missing, damaged, or does not belong to the others.
    """
    folder = run_folder(name)
    if (folder / "members").is_dir():
        raise BadFile(folder, "an ensemble, where one model is needed", f"give a member, such as {folder}/members/1")
    tensors, metadata = read_tensors(folder / "preprocessing.safetensors")
    options = _model_options(folder)
    binning = Binning.from_xml(metadata.get("binning_xml", ""), folder / "preprocessing.safetensors")
    pipeline = options.pipeline(binning)
    _load(pipeline, tensors, folder / "preprocessing.safetensors")
    model = options.build(pipeline)
    for part in model.training_parts:
        delattr(model, part)
    weights, _ = read_tensors(folder / "weights.safetensors")
    if _KEEP_PROBABILITY in weights:
        n_components, n_terms = weights[_KEEP_PROBABILITY].shape
        model.keep_probability = KeepProbability(n_terms, n_components)
    of_pipeline = {k: v for k, v in model.state_dict().items() if k.startswith(_PIPELINE)}
    _load(model, weights | of_pipeline, folder / "weights.safetensors")
    provenance = read_training_provenance(folder)
    return Run(model.eval().requires_grad_(False), pipeline, provenance, _load_training_ids(folder))


def _as_tensor(ids: UInt64[Array, " n"]) -> Tensor:
    return torch.from_numpy(ids.astype(np.uint64).view(np.int64))


def _load_training_ids(folder: Path) -> TrainingIds:
    if not (folder / _IDS).exists():
        raise BadFile(folder, f"no {_IDS}: the run does not say which showers it has seen", "train again")
    tensors, _ = read_tensors(folder / _IDS)
    if set(tensors) != set(_SPLITS):
        raise BadFile(folder / _IDS, f"no tensors {' and '.join(_SPLITS)}", "train again")
    return TrainingIds(**{name: tensors[name].numpy().view(np.uint64) for name in _SPLITS})


def _load(module: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        first = " ".join(str(error).splitlines()[1:2]).strip().rstrip(".")
        raise BadFile(path, f"the tensors do not fit the configuration beside them ({first})", "train again") from error


def _model_options(folder: Path) -> ModelConfig:
    path = folder / "config.yaml"
    options: dict[str, Any] = {}
    try:
        options = yaml.safe_load(path.read_text())["model"]
        return model_config(options)
    except UnknownModel as error:
        raise UnknownModel(str(options["name"]), MODELS, _model_source(folder)) from error
    except UnknownName as error:
        source = _model_source(folder)
        remedy = f"give {source}, with which it was trained: models=FILE.py, or --models FILE.py (it is run)"
        raise BadFile(path, str(error), remedy if source else "train again") from error
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValidationError, CaloforgeError) as error:
        raise BadFile(path, f"no model configuration ({' '.join(str(error).split())})", "train again") from error


def _model_source(folder: Path) -> str | None:
    """The file or module in which a run's model was defined, where the run says so."""
    source = (read_training_provenance(folder).model_source if has_provenance(folder) else None) or {}
    return source.get("file") or source.get("module")


def has_provenance(folder: Path) -> bool:
    """Whether the folder has a finished run: its provenance is what `save_run` writes last.

    Args:
        folder: of the run.
    """
    return (folder / _PROVENANCE).is_file()


def read_training_provenance(folder: Path) -> TrainingProvenance:
    """How a run was trained.

    Args:
        folder: of the run.

    Raises:
        BadFile: the file is missing, no JSON, or holds fields of another kind.
    """
    path = folder / _PROVENANCE
    try:
        return parse_training_provenance(path.read_text())
    except (OSError, ValueError) as error:
        raise BadFile(path, f"no provenance of a training ({error})", "train again") from error
