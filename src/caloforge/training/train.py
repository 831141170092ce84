"""From a file of showers to a run folder: split, fit the preprocessing, train, save; resumes where it was stopped."""

__all__ = ["TrainingAlarm", "TrainingInterrupted", "can_resume", "train_run"]

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

from caloforge import __version__
from caloforge.data.provenance import TrainingProvenance
from caloforge.data.showers import Showers
from caloforge.errors import BadFile, BadValue, CaloforgeError, UnwritablePath
from caloforge.models import ModelConfig
from caloforge.models.flow_matching_options import FlowMatchingConfig
from caloforge.models.mean_flow import MeanFlow
from caloforge.models.plugins import source_of
from caloforge.models.vae import VAEConfig
from caloforge.rng import torch_stream
from caloforge.training.alarms import Alarms, narrowest
from caloforge.training.checkpoint import load_state, save_state
from caloforge.training.loop import TrainingState, fit
from caloforge.training.material import Material, in_memory, streamed
from caloforge.training.options import TrainingConfig
from caloforge.training.processes import ALONE, Processes
from caloforge.training.run import load_run, save_run
from caloforge.training.streamed import Streamed
from caloforge.training.survey import LargeSet
from caloforge.training.swag import save_snapshots, snapshots


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


def _check_folder(folder: Path, config_yaml: str, resume: bool) -> None:
    """Refuse a folder that holds something else than this very run.

    Raises:
        BadValue: the folder already holds a run and ``resume`` is off.
        BadFile: ``resume`` with another configuration.
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


def _make_folder(folder: Path, config_yaml: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(config_yaml)
    except OSError as error:
        raise UnwritablePath(folder, error.strerror or str(error)) from error


def train_run(
    showers: Showers | LargeSet,
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
    processes: Processes = ALONE,
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
        processes: that train together; the first of them writes.

    Raises:
        EmptySample: too few showers to train on.
        TrainingInterrupted: SIGTERM or Ctrl-C; the state is saved first.
        TrainingDiverged: the loss became NaN or infinite.
        TrainingAlarm: an alarm was raised and ``training.stop_on_alarm`` is on; the state is saved first.
        ProcessLost: another process has ended.
    """
    if processes.first:
        _check_folder(folder, config_yaml, resume)
    if isinstance(showers, Showers):
        material = in_memory(showers, model, training, seed, device)
    else:
        material = streamed(showers, model, training, processes.count * training.batch, seed, device)
    if processes.first:
        for text in (text for penalty in material.laws.values() for text in penalty.doubts):
            warn(text)
        _make_folder(folder, config_yaml)
    processes.wait()
    with material.batches if isinstance(material.batches, Streamed) else nullcontext():
        _train(
            material, model, training, seed, folder, config_yaml, provenance, resume, report, warn, device, processes
        )
    processes.wait()  # until the first has saved the run


def _train(
    material: Material,
    model: ModelConfig,
    training: TrainingConfig,
    seed: int,
    folder: Path,
    config_yaml: str,
    provenance: dict[str, Any],
    resume: bool,
    report: Callable[[dict[str, float]], None],
    warn: Callable[[str], None],
    device: torch.device,
    processes: Processes,
) -> None:
    pipeline = material.pipeline
    state = _initial_state(model, material, training, seed, device)
    pipeline.to(device)
    if resume:
        load_state(folder, state, material.bit_digest)

    def save() -> None:
        if processes.first:
            save_state(folder, state, material.bit_digest)

    alarms = Alarms(training.steps, model.beta if isinstance(model, VAEConfig) else 0.0)
    start, first = time.monotonic(), state.step
    data = material.batches, material.validation
    log_path = folder / "log.jsonl" if processes.first else Path(os.devnull)
    with _stop_requests() as stop, log_path.open("a" if resume else "w") as log:
        for record in fit(state, *data, training, seed, material.augment, processes=processes):
            raised: list[str] = []
            if len(record) > 1:
                chance = torch_stream(seed, "alarms", state.step)
                spread = narrowest(state.average, pipeline, *data[1], chance)
                record["variance_ratio"], record["variance_statistic"] = spread
                raised = alarms.check(record)
                log.write(json.dumps({**record, **({"alarms": raised} if raised else {})}) + "\n")
                log.flush()
                for text in raised if processes.first else ():
                    warn(f"alarm at {text}")
            report(record)
            if raised and training.stop_on_alarm:
                save()
                raise TrainingAlarm(f"{raised[0]}; stopped, its state is saved in {folder}")
            stopping = processes.any(stop.is_set())
            if stopping or state.step % training.checkpoint_every == 0:
                save()
            if stopping:
                raise TrainingInterrupted(
                    f"stopped at step {state.step}; its state is saved in {folder}: resume=True, or --resume, goes on"
                )
        if training.swag:
            save()

            def between(record: dict[str, float]) -> None:
                report({"step": record["step"]})
                if processes.any(stop.is_set()):
                    raise TrainingInterrupted(
                        f"stopped among the snapshots of SWAG; resume=True, or --resume, takes those of {folder} anew"
                    )

            taken = snapshots(state, *data, training, seed, material.augment, between, processes)
            if processes.first:
                save_snapshots(folder, taken)
    facts: dict[str, Any] = {
        "caloforge": __version__,
        "torch": str(torch.__version__),
        "model_source": source_of(model),
        "device": str(device),
        "showers_digest": material.digest,
        "training_showers": material.n_train,
        "seconds": round(time.monotonic() - start, 1),
        "seconds_waiting_for_showers": round(material.batches.seconds, 1),
        "seconds_cover_steps": [first, state.step],
        "data": provenance,
    }
    if processes.count > 1:
        facts["processes"] = processes.count
    balance = material.balance
    state.average.keep_probability = None if balance is None else balance.keep_probability
    if processes.first:
        known = TrainingProvenance.model_validate(facts)
        save_run(folder, state.average, pipeline, config_yaml, known, material.trained_on)


def _initial_state(
    config: ModelConfig, material: Material, training: TrainingConfig, seed: int, device: torch.device
) -> TrainingState:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_stream(seed, "weights").initial_seed())
        model = config.build(material.pipeline)
    model.initialise(*material.first)
    if isinstance(config, FlowMatchingConfig) and isinstance(model, MeanFlow):
        model.learn_from(load_run(str(config.teacher)).model)
    laws = {stage: law.to(device) for stage, law in material.laws.items()}
    return TrainingState.start(model.to(device), training, laws)


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
