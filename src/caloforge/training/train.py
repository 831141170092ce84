"""From a file of showers to a run folder: split, fit the preprocessing, train, save; resumes where it was stopped."""

__all__ = ["TrainingAlarm", "TrainingInterrupted", "can_resume", "train_run"]

import hashlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from caloforge import __version__
from caloforge.data.provenance import TrainingProvenance
from caloforge.data.showers import Showers
from caloforge.data.splits import take_split
from caloforge.data.unseen import TrainingIds, sure_ids
from caloforge.errors import BadFile, BadValue, CaloforgeError, EmptySample, UnwritablePath
from caloforge.models import ModelConfig
from caloforge.models.plugins import source_of
from caloforge.models.vae import VAEConfig
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.preprocessing.symmetry import AxialSymmetry
from caloforge.rng import stream, torch_stream
from caloforge.training.alarms import Alarms, smallest_variance_ratio
from caloforge.training.balance import Balance
from caloforge.training.checkpoint import load_state, save_state
from caloforge.training.draws import Stage
from caloforge.training.loop import TrainingState, fit
from caloforge.training.options import TrainingConfig
from caloforge.training.penalties import PhysicsPenalty
from caloforge.training.run import save_run
from caloforge.training.swag import save_snapshots, snapshots

_LEAST_SHOWERS = 50


class TrainingInterrupted(CaloforgeError):
    """Training was asked to stop; it can go on with --resume."""


class TrainingAlarm(CaloforgeError):
    """Training was stopped because something goes wrong in it."""


def can_resume(folder: Path, config_yaml: str) -> bool:
    """Whether the folder holds an unfinished run of this very configuration.

    Args:
        folder: of the run.
        config_yaml: text of the whole configuration.
    """
    config = folder / "config.yaml"
    same = config.is_file() and config.read_text() == config_yaml
    return same and (folder / "state.pt").is_file() and not (folder / "weights.safetensors").exists()


def _prepare_folder(folder: Path, config_yaml: str, resume: bool) -> None:
    """Make the run folder, or check that it holds this very run.

    Raises:
        BadValue: the folder already holds a run and ``resume`` is off.
        BadFile: ``resume`` with another configuration.
        UnwritablePath: the folder cannot be made.
    """
    config = folder / "config.yaml"
    if resume and config.is_file() and config.read_text() != config_yaml:
        raise BadFile(config, "the run was started with another configuration", "resume with the same one")
    if not resume and folder.exists() and any(folder.iterdir()):
        raise BadValue(
            "output folder",
            str(folder),
            "it is not empty; give another, or resume=True, or --resume, to go on with its run",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        config.write_text(config_yaml)
    except OSError as error:
        raise UnwritablePath(folder, error.strerror or str(error)) from error


def train_run(
    showers: Showers,
    model: ModelConfig,
    training: TrainingConfig,
    seed: int,
    folder: Path,
    config_yaml: str,
    provenance: dict[str, Any],
    resume: bool = False,
    report: Callable[[dict[str, float]], None] = lambda record: None,
    warn: Callable[[str], None] = lambda text: None,
    device: torch.device = torch.device("cpu"),  # noqa: B008 - a constant
) -> None:
    """Train on the training split of ``showers`` and leave a run folder.

    Args:
        showers: of all splits.
        model: options of the model.
        training: how long and how fast.
        seed: of the starting weights and of every random draw; all are drawn on the CPU.
        folder: to make, or with ``resume`` to go on in.
        config_yaml: text of the whole configuration, kept in the folder.
        provenance: where the showers come from.
        resume: go on from the state that the folder holds.
        report: called after each step with its record.
        warn: called with what is doubtful.
        device: where the networks are computed.

    Raises:
        EmptySample: too few showers to train on.
        TrainingInterrupted: SIGTERM or Ctrl-C; the state is saved first.
        TrainingDiverged: the loss became NaN or infinite.
        TrainingAlarm: an alarm was raised and ``training.stop_on_alarm`` is on; the state is saved first.
    """
    splits = {name: take_split(showers, name) for name in ("train", "validation")}
    if min(map(len, splits.values())) < _LEAST_SHOWERS:
        sizes = (len(part) for part in splits.values())
        raise EmptySample(f"training needs {_LEAST_SHOWERS} showers each in the training and validation splits", *sizes)
    laws = PhysicsPenalty.of(training.penalties, splits["train"])
    for text in (text for penalty in laws.values() for text in penalty.doubts):
        warn(text)
    pipeline = model.pipeline(showers.binning)
    generator = torch_stream(seed, "preprocessing")
    energy = showers.incident_energy  # of all splits: the test split's extremes are no extrapolation
    pipeline.fit(splits["train"], generator, (float(energy.min()), float(energy.max())))
    data = {name: pipeline(part, generator)[:2] for name, part in splits.items()}
    pdg = splits["train"].pdg
    if training.bootstrap:
        rows = torch.randint(len(pdg), (len(pdg),), generator=torch_stream(seed, "bootstrap"))
        data["train"], pdg = (data["train"][0][rows], data["train"][1][rows]), pdg[rows.numpy()]
    kinds = training.balance, training.balance_by
    balance = Balance.of(data["train"], pdg, pipeline, *kinds, stream(seed, "balance"))
    if balance is not None:
        data["validation"] = balance.resampled(data["validation"], pipeline, torch_stream(seed, "balance"))
    augment = AxialSymmetry.of(showers, pipeline).apply if training.augment else None
    _prepare_folder(folder, config_yaml, resume)
    data_digest = _bit_digest(showers)
    state = _initial_state(model, pipeline, data["train"], training, seed, laws, device)
    pipeline.to(device)
    data = {name: (x.to(device), c.to(device)) for name, (x, c) in data.items()}
    if resume:
        load_state(folder, state, data_digest)
    alarms = Alarms(training.steps, model.beta if isinstance(model, VAEConfig) else 0.0)
    start, first = time.monotonic(), state.step
    with _stop_requests() as stop, (folder / "log.jsonl").open("a" if resume else "w") as log:
        for record in fit(state, data["train"], data["validation"], training, seed, augment, balance):
            raised: list[str] = []
            if len(record) > 1:
                chance = torch_stream(seed, "alarms", state.step)
                x, c = data["validation"]
                record["variance_ratio"] = smallest_variance_ratio(state.average, pipeline, x, c, chance)
                raised = alarms.check(record)
                log.write(json.dumps({**record, **({"alarms": raised} if raised else {})}) + "\n")
                log.flush()
                for text in raised:
                    warn(f"alarm at {text}")
            report(record)
            if raised and training.stop_on_alarm:
                save_state(folder, state, data_digest)
                raise TrainingAlarm(f"{raised[0]}; stopped, its state is saved in {folder}")
            if stop.is_set() or state.step % training.checkpoint_every == 0:
                save_state(folder, state, data_digest)
            if stop.is_set():
                raise TrainingInterrupted(
                    f"stopped at step {state.step}; its state is saved in {folder}: resume=True, or --resume, goes on"
                )
        if training.swag:
            save_state(folder, state, data_digest)

            def between(record: dict[str, float]) -> None:
                report({"step": record["step"]})
                if stop.is_set():
                    raise TrainingInterrupted(
                        f"stopped among the snapshots of SWAG; resume=True, or --resume, takes those of {folder} anew"
                    )

            taken = snapshots(state, data["train"], training, seed, augment, balance, between)
            save_snapshots(folder, taken)
    facts: dict[str, Any] = {
        "caloforge": __version__,
        "torch": str(torch.__version__),
        "model_source": source_of(model),
        "device": str(device),
        "showers_digest": showers.digest,
        "training_showers": len(splits["train"]),
        "seconds": round(time.monotonic() - start, 1),
        "seconds_cover_steps": [first, state.step],
        "data": provenance,
    }
    state.average.keep_probability = None if balance is None else balance.keep_probability
    trained_on = TrainingIds(*(sure_ids(splits[name]) for name in ("train", "validation")))
    save_run(folder, state.average, pipeline, config_yaml, TrainingProvenance.model_validate(facts), trained_on)


def _bit_digest(showers: Showers) -> str:
    """Of all bits that training sees; ids, which survive rounding, would not tell a rounded copy."""
    digest = hashlib.blake2b(digest_size=16)
    for values in (showers.energy, showers.incident_energy, showers.pdg, showers.theta, showers.phi):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def _initial_state(
    config: ModelConfig,
    pipeline: Pipeline,
    data: tuple[torch.Tensor, torch.Tensor],
    training: TrainingConfig,
    seed: int,
    laws: dict[Stage, PhysicsPenalty],
    device: torch.device,
) -> TrainingState:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_stream(seed, "weights").initial_seed())
        model = config.build(pipeline)
    model.initialise(*data)
    return TrainingState.start(model.to(device), training, {stage: law.to(device) for stage, law in laws.items()})


@contextmanager
def _stop_requests() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set instead of ending the process (in the main thread only)."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = {s: signal.signal(s, lambda *_: event.set()) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
