r"""Deep ensembles: K models trained alike, whose spread is the uncertainty of what they have learned.

Each member has a seed of its own (starting weights, batches) and, unless told otherwise, its own bootstrap resample of
the training showers, so that the spread holds the finite training set as well as the training. The preprocessing is
fitted to all of them. Sources: Lakshminarayanan et al., arXiv:1612.01474; Efron and Tibshirani, An Introduction to the
Bootstrap (1993), ch. 6 and 17.

An ensemble's folder has ``ensemble.json`` and ``members/1`` to ``members/K``, each a complete run folder.
"""

__all__ = ["Ensemble", "Method", "load_ensemble", "load_posterior", "train_ensemble"]

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from caloforge.data.provenance import TrainingProvenance
from caloforge.data.showers import Showers
from caloforge.data.unseen import TrainingIds
from caloforge.errors import BadFile, BadValue, BinningMismatch, UnwritablePath
from caloforge.models import ModelConfig
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import integer_seeds, torch_stream
from caloforge.training.folders import run_folder
from caloforge.training.options import TrainingConfig
from caloforge.training.run import Run, has_provenance, load_run, read_training_provenance
from caloforge.training.survey import LargeSet
from caloforge.training.swag import draw_weights, has_snapshots, load_snapshots
from caloforge.training.train import can_resume, train_run

Method = Literal["ensemble", "SWAG", "single"]
_FACTS = "ensemble.json"


@dataclass(frozen=True)
class Ensemble:
    """Models of one posterior, equally probable.

    Args:
        members: of the same cells.
        method: how they were made; ``single`` is one model alone, which tells nothing of its own uncertainty.

    Raises:
        BinningMismatch: members with different cells.
    """

    members: tuple[Run, ...]
    method: Method

    def __post_init__(self) -> None:
        first = self.members[0].pipeline.binning
        for number, member in enumerate(self.members[1:], 2):
            if not member.pipeline.binning.same_cells(first):
                raise BinningMismatch(f"member 1 ({first.name})", f"member {number} ({member.pipeline.binning.name})")

    @property
    def pipeline(self) -> Pipeline:
        """Of the first member; all have the same cells, particles and ranges."""
        return self.members[0].pipeline

    def to(self, device: torch.device) -> "Ensemble":
        """The same ensemble, its models moved to a device.

        Args:
            device: where its models are computed.
        """
        return Ensemble(tuple(member.to(device) for member in self.members), self.method)

    @property
    def provenance(self) -> TrainingProvenance:
        """Of the first member, with the number of members where they are several."""
        first = self.members[0].provenance
        if len(self.members) == 1:
            return first
        return first.model_copy(update={"members": len(self.members), "method": self.method})

    @property
    def training_ids(self) -> TrainingIds:
        """Of the showers that any member saw."""
        ids = [member.training_ids for member in self.members]
        train, validation = ([getattr(each, name) for each in ids] for name in ("train", "validation"))
        return TrainingIds(np.unique(np.concatenate(train)), np.unique(np.concatenate(validation)))

    @property
    def text(self) -> str:
        """What it is, in words."""
        n = len(self.members)
        return {"ensemble": f"ensemble of {n} models", "SWAG": f"{n} draws of SWAG", "single": "one model"}[self.method]


def load_ensemble(name: str | Path) -> Ensemble:
    """All members of an ensemble's folder, or the one model of a run folder or of a shipped name.

    Args:
        name: folder of an ensemble or a run, or name of a shipped model.

    Raises:
        BadFile: a member is missing or damaged.
        BinningMismatch: members with different cells.
    """
    folder = run_folder(name)
    if not (folder / "members").is_dir():
        return Ensemble((load_run(folder),), "single")
    wanted = _wanted(folder)
    unfinished = [k for k in range(1, wanted + 1) if not _finished(_member(folder, k))]
    if unfinished:
        numbers = ", ".join(map(str, unfinished))
        raise BadFile(
            folder,
            f"of {wanted} members these are not finished: {numbers}",
            "train it on with resume=True, or --resume",
        )
    return Ensemble(tuple(load_run(_member(folder, k)) for k in range(1, wanted + 1)), "ensemble")


def load_posterior(name: str | Path, draws: int = 20, seed: int = 1) -> Ensemble:
    """As `load_ensemble`, but a single run that has snapshots of SWAG becomes ``draws`` models drawn from them.

    Args:
        name: folder of an ensemble or a run, or name of a shipped model.
        draws: models to draw from snapshots, at least two.
        seed: of the draws.

    Raises:
        BadFile, BinningMismatch: as `load_ensemble`.
        BadValue: fewer than two draws.
    """
    folder = run_folder(name)
    if (folder / "members").is_dir() or not has_snapshots(folder):
        return load_ensemble(folder)
    if draws < 2:
        raise BadValue("draws of SWAG", draws, "a spread needs two models at least")
    run, snapshots = load_run(folder), load_snapshots(folder)
    members = []
    for k in range(draws):
        model = copy.deepcopy(run.model)
        try:
            fits = not model.load_state_dict(draw_weights(snapshots, torch_stream(seed, "swag", k)), strict=False)[1]
        except RuntimeError:
            fits = False
        if not fits:
            raise BadFile(folder, "the snapshots of SWAG do not fit the weights beside them", "train again")
        members.append(Run(model, run.pipeline, run.provenance, run.training_ids))
    return Ensemble(tuple(members), "SWAG")


def train_ensemble(
    showers: Showers | LargeSet,
    model: ModelConfig,
    training: TrainingConfig,
    seed: int,
    members: int,
    folder: Path,
    config_yaml: Callable[[int, TrainingConfig], str],
    provenance: dict[str, Any],
    bootstrap: bool = True,
    resume: bool = False,
    report: Callable[[int, dict[str, float]], None] = lambda member, record: None,
    warn: Callable[[str], None] = lambda text: None,
    device: torch.device = torch.device("cpu"),  # noqa: B008 - a constant
) -> None:
    """Train the members one after another; with ``resume`` finished ones are kept, and more may be asked for.

    Args:
        showers, model, training, seed, provenance, warn, device: as `train_run`.
        members: how many, two at least.
        folder: of the ensemble.
        config_yaml: text of the configuration of a member, of its seed and its training.
        bootstrap: whether each member trains on its own resample of the training showers.
        resume: go on in a folder that holds a part of this ensemble.
        report: called with the member (from 0) and the record of a step.

    Raises:
        BadValue: fewer than two members, or a folder that is not empty without ``resume``.
        BadFile: the folder holds something else.
        EmptySample, TrainingInterrupted, TrainingDiverged, TrainingAlarm: as `train_run`.
    """
    if members < 2:
        raise BadValue("members", members, "an ensemble has two at least")
    _prepare(folder, members, resume)
    sampled = training.model_copy(update={"bootstrap": bootstrap})
    for k in range(1, members + 1):
        own = integer_seeds(seed, "member", k)[0]
        text, place = config_yaml(own, sampled), _member(folder, k)
        _require_same(place, text)
        if _finished(place):
            _require_same_showers(place, showers)
            continue
        going_on = can_resume(place, text)
        if not going_on:
            shutil.rmtree(place, ignore_errors=True)  # stopped before there was anything to resume from

        def report_member(record: dict[str, float], number: int = k - 1) -> None:
            report(number, record)

        train_run(showers, model, sampled, own, place, text, provenance, going_on, report_member, warn, device=device)


def _prepare(folder: Path, members: int, resume: bool) -> None:
    if folder.exists() and any(folder.iterdir()):
        if not resume:
            remedy = "it is not empty; give another, or resume=True, or --resume, to go on with its run"
            raise BadValue("output folder", str(folder), remedy)
        if not (folder / "members").is_dir():
            remedy = "resume it as one model, without members, or give another"
            raise BadFile(folder, "not the folder of an ensemble", remedy)
        if members < _wanted(folder):
            raise BadValue(
                "members", members, f"the ensemble in {folder} has {_wanted(folder)}; ask for as many or more"
            )
    try:
        (folder / "members").mkdir(parents=True, exist_ok=True)
        (folder / _FACTS).write_text(json.dumps({"members": members}))
    except OSError as error:
        raise UnwritablePath(folder, error.strerror or str(error)) from error


def _wanted(folder: Path) -> int:
    path = folder / _FACTS
    try:
        return int(json.loads(path.read_text())["members"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadFile(path, f"does not say how many members there are ({error})", "train the ensemble again") from error


def _member(folder: Path, k: int) -> Path:
    return folder / "members" / str(k)


def _finished(folder: Path) -> bool:
    return has_provenance(folder)


def _require_same_showers(folder: Path, showers: Showers | LargeSet) -> None:
    if read_training_provenance(folder).showers_digest != showers.digest:
        raise BadFile(folder, "the member was trained on other showers", "resume with the same file")


def _require_same(folder: Path, text: str) -> None:
    config = folder / "config.yaml"
    if config.is_file() and config.read_text() != text:
        raise BadFile(config, "the member was trained with another configuration", "resume with the same one")
