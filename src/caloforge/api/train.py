"""Training from Python: a model, showers and a folder in, a trained `Model` out."""

__all__ = ["load_plugins", "shown_by", "train", "train_config"]

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from caloforge.api.calls import warn_in_python
from caloforge.api.dataset import Dataset, open_dataset, origin_of
from caloforge.api.model import Model, load_model
from caloforge.api.progress import bar
from caloforge.config import FIELDS, RunConfig, load_config
from caloforge.data.event_particles import ONE_PARTICLE
from caloforge.data.showers import Showers
from caloforge.device import Device, choose_device
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.models import ModelConfig
from caloforge.models.plugins import PLUGINS as MODELS
from caloforge.training.ensemble import train_ensemble
from caloforge.training.laws import PLUGINS as LAWS
from caloforge.training.material import fits_into_memory
from caloforge.training.options import TrainingConfig
from caloforge.training.processes import ALONE, Processes
from caloforge.training.survey import LargeSet
from caloforge.training.train import train_run
from caloforge.yaml_model import checked

Report = Callable[[int, dict[str, float]], None]


def shown_by(progress: Callable[..., None], steps: int) -> Report:
    """A report that tells how many of all steps are done, and the last loss on held-out showers.

    Args:
        progress: called with the number of steps and a text.
        steps: of each member.
    """
    losses = [""]

    def report(member: int, record: dict[str, float]) -> None:
        if "validation" in record:
            losses[0] = f"validation {record['validation']:.2f}"
        progress(member * steps + record["step"], losses[0])

    return report


def train(
    model: ModelConfig | RunConfig | str | Path,
    data: Dataset | Showers | str | Path | None,
    output: str | Path,
    *,
    seed: int | None = None,
    members: int | None = None,
    bootstrap: bool = True,
    models: str | Path | None = None,
    laws: str | Path | None = None,
    resume: bool = False,
    binning: str | Binning | None = None,
    device: Device = "cpu",
    report: Report | None = None,
    warn: Callable[[str], None] = warn_in_python,
    **training: Any,
) -> Model:
    """Train on the training split of showers and leave a run folder, or the folder of an ensemble.

    Args:
        model: ``cf.VAE(latent=16)``, another model's configuration, or a whole configuration: its file, or the name of
            one that comes with caloforge.
        data: showers: a file, an open `Dataset`, or `Showers`; None: the file that the configuration names.
        output: folder to make.
        seed: of weights and batches; the configuration's, or else 1, when not given.
        members: train an ensemble of so many models.
        bootstrap: each member on its own resample of the training showers.
        models: Python file with models of your own; it is run, so it must be trusted.
        laws: Python file with laws of your own; it is run, so it must be trusted.
        resume: go on with an interrupted run in the same folder.
        binning: mesh of a file that carries none.
        device: where it is computed: ``cpu``, ``cuda``, or ``auto`` for a graphics card if there is one.
        report: called with the member (from 0) and the record of each step; a bar on a terminal when not given.
        warn: called with doubts about penalties and with alarms; a Python warning when not given.
        training: fields of `caloforge.training.loop.TrainingConfig`, such as ``steps=2000``.

    Raises:
        UnknownName: a field that does not exist; the sentence has the names that may be meant.
        BadValue: a field that has a value that it cannot have, a folder that is not empty.
        BadFile: data or configuration that cannot be read, ``resume`` of another run.
        EmptySample: too few showers.
        TrainingInterrupted, TrainingDiverged, TrainingAlarm: the training stopped before its end.
    """
    load_plugins(models, laws)
    if isinstance(model, str | Path):
        run = load_config(model)
    elif isinstance(model, RunConfig):
        run = model
    else:
        run = RunConfig(data="showers in memory", model=model)
    changes: dict[str, Any] = {} if seed is None else {"seed": seed}
    if data is not None:
        changes["data"] = (
            data.name if isinstance(data, Dataset) else "memory" if isinstance(data, Showers) else str(data)
        )
    if training:
        fields = run.training.model_dump() | training
        changes["training"] = checked(TrainingConfig, fields, FIELDS, "training")
    elif data is None and isinstance(model, ModelConfig):
        raise BadValue("data", None, "give showers to train on")
    run = checked(RunConfig, run.model_copy(update=changes).model_dump(), FIELDS)
    with bar("training", (members or 1) * run.training.all_steps) as shown:
        asked = report or shown_by(shown, run.training.all_steps)
        train_config(run, Path(output), data, members, bootstrap, resume, asked, warn, binning, device)
    return load_model(output, device=device)


def load_plugins(models: str | Path | None = None, laws: str | Path | None = None) -> None:
    """Models and laws of installed packages, and those of files.

    Args:
        models: Python file with models of one's own.
        laws: Python file with laws of one's own.

    Raises:
        BadFile: no such file.
        BrokenPlugin: something cannot be loaded.
    """
    for plugins, path in ((MODELS, models), (LAWS, laws)):
        plugins.load(path)


def train_config(
    run: RunConfig,
    output: Path,
    data: Dataset | Showers | str | Path | None = None,
    members: int | None = None,
    bootstrap: bool = True,
    resume: bool = False,
    report: Report = lambda member, record: None,
    warn: Callable[[str], None] = warn_in_python,
    binning: str | Binning | None = None,
    device: Device = "cpu",
    processes: Processes = ALONE,
) -> None:
    """Train as a whole configuration says; errors as of `train`.

    Args:
        run: the configuration.
        output: folder to make.
        data: showers; the file that the configuration names if None.
        members: models of an ensemble; one model alone if None.
        bootstrap: each member on its own resample of the training showers.
        resume: go on with an interrupted run in the same folder.
        report: called with the member (from 0) and the record of each step.
        warn: called with doubts about penalties and with alarms.
        binning: mesh of a file that carries none.
        device: where it is computed.
        processes: that train together.

    Raises:
        BadValue: a folder that is not empty, or data that the model cannot take.
        BadFile: data that cannot be read, ``resume`` of another run.
        EmptySample: too few showers.
        TrainingInterrupted, TrainingDiverged, TrainingAlarm: the training stopped before its end.
    """
    place = choose_device(device)
    if members is not None and processes.count > 1:
        raise BadValue("members", members, "several processes train one model together; train the members one by one")
    rest = (output, members, bootstrap, resume, report, warn, place, processes)
    if isinstance(data, Showers):
        _train_on(data, {"file": run.data, **origin_of(data)}, run, *rest)
    elif isinstance(data, Dataset):
        _train_on(data, _origin(data), run, *rest)
    else:
        with open_dataset(run.data if data is None else data, binning) as dataset:
            _train_on(dataset, _origin(dataset), run, *rest)


def _train_on(
    data: Dataset | Showers,
    provenance: dict[str, Any],
    run: RunConfig,
    output: Path,
    members: int | None,
    bootstrap: bool,
    resume: bool,
    report: Report,
    warn: Callable[[str], None],
    device: torch.device,
    processes: Processes,
) -> None:
    if (data if isinstance(data, Showers) else data.between(0, 1)).events is not None:
        raise BadValue("data", "showers of events", ONE_PARTICLE)
    if run.energies is not None:
        provenance |= {"energies": list(run.energies), "file_digest": data.digest}
    showers = run.chosen(data) if isinstance(data, Showers) else _within_memory(data, run)
    options = (run.model, run.training, run.seed)
    if members is None:
        alone = partial(report, 0)
        train_run(showers, *options, output, run.to_yaml(), provenance, resume, alone, warn, device, processes)
    else:
        text = partial(_member, run)
        train_ensemble(showers, *options, members, output, text, provenance, bootstrap, resume, report, warn, device)


def _within_memory(dataset: Dataset, run: RunConfig) -> Showers | LargeSet:
    """The showers to train with, read unless there are too many."""
    if fits_into_memory(dataset.incident.energy.size, dataset.binning, run.training):
        return run.chosen(dataset.read())
    return LargeSet(dataset, run.in_range(dataset.incident.energy))


def _origin(dataset: Dataset) -> dict[str, Any]:
    """Where its showers come from; of a part of a file also the digest of the whole."""
    return dataset.origin() | ({} if dataset.whole else {"file_digest": dataset.digest})


def _member(run: RunConfig, seed: int, training: TrainingConfig) -> str:
    """The configuration of a member, with which `caloforge train` makes it again."""
    return run.model_copy(update={"seed": seed, "training": training}).to_yaml()
