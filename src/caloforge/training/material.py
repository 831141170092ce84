"""What a training learns from: showers in memory, or more than fit into it, with scales fitted and batches to draw."""

__all__ = ["Material", "fits_into_memory", "in_memory", "streamed"]

import copy
import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.data.source import Rows
from caloforge.data.splits import SPLITS, take_split
from caloforge.data.unseen import TrainingIds, sure_ids
from caloforge.errors import EmptySample
from caloforge.geometry.binning import Binning
from caloforge.models import ModelConfig
from caloforge.models.keep_probability import shower_terms
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.preprocessing.symmetry import AxialSymmetry
from caloforge.rng import stream, torch_stream
from caloforge.training.balance import Balance
from caloforge.training.batches import Batches, Features, InMemory
from caloforge.training.draws import Stage
from caloforge.training.loop import Augment
from caloforge.training.options import TrainingConfig
from caloforge.training.penalties import PhysicsPenalty
from caloforge.training.streamed import Streamed, read_rows
from caloforge.training.survey import LargeSet, Survey, survey

_LEAST_SHOWERS = 50
_HELD_OUT = 4096
# Parts of the memory for showers that a large set takes: each of two windows, and the sample that scales are fitted to.
_WINDOW, _SAMPLE = 1 / 8, 1 / 24
_COPIES = 4  # of its cells that a set in memory takes at most: as they were read, as features, and on the way


@dataclass(frozen=True, eq=False)
class Material:
    """Showers prepared for a training.

    Args:
        pipeline: fitted, on the CPU.
        batches: of the training showers, on the device.
        validation: held-out showers, on the device.
        first: training showers, or a sample of them, that starting values of weights come from; on the CPU.
        laws: of physics for each stage, fitted.
        augment: draws images of showers.
        balance: what undoes that rare showers are shown more often; None where nothing has to be undone.
        n_train: training showers.
        trained_on: their ids, and those of the validation.
        digest: of all showers, whatever their order.
        bit_digest: of all bits that training sees; ids, which survive rounding, would not tell a rounded copy.
    """

    pipeline: Pipeline
    batches: Batches
    validation: Features
    first: Features
    laws: dict[Stage, PhysicsPenalty]
    augment: Augment | None
    balance: Balance | None
    n_train: int
    trained_on: TrainingIds
    digest: str
    bit_digest: str


def fits_into_memory(n: int, binning: Binning, training: TrainingConfig) -> bool:
    """Whether so many showers can be trained on in memory.

    Args:
        n: showers of all splits.
        binning: their mesh.
        training: says how much memory there is.
    """
    return 4 * n * binning.n_voxels * _COPIES <= training.bytes


def in_memory(
    showers: Showers, model: ModelConfig, training: TrainingConfig, seed: int, device: torch.device
) -> Material:
    """Of showers in memory.

    Args:
        showers: of all splits.
        model: options of the model.
        training: how long and how fast.
        seed: of all draws.
        device: where batches are computed with.

    Raises:
        EmptySample: too few showers to train on.
    """
    splits = {name: take_split(showers, name) for name in ("train", "validation")}
    _require_enough(*map(len, splits.values()))
    laws = PhysicsPenalty.of(training.penalties, splits["train"])
    pipeline = model.pipeline(showers.binning)
    generator = torch_stream(seed, "preprocessing")
    energy = showers.incident_energy  # of all splits: the test split's extremes are no extrapolation
    pipeline.fit(splits["train"], generator, (float(energy.min()), float(energy.max())))
    data = {name: pipeline(part, generator)[:2] for name, part in splits.items()}
    pdg = splits["train"].pdg
    if training.bootstrap:
        rows = _resample(len(pdg), seed)
        data["train"], pdg = (data["train"][0][rows], data["train"][1][rows]), pdg[rows.numpy()]
    kinds = training.balance, training.balance_by
    balance = Balance.of(data["train"], pdg, pipeline, *kinds, stream(seed, "balance"))
    if balance is not None:
        data["validation"] = balance.resampled(data["validation"], pipeline, torch_stream(seed, "balance"))
    first = data["train"]
    return Material(
        pipeline,
        InMemory(*_on(device, first), balance),
        _on(device, data["validation"]),
        first,
        laws,
        AxialSymmetry.of(showers, pipeline).apply if training.augment else None,
        balance,
        len(splits["train"]),
        TrainingIds(*(sure_ids(splits[name]) for name in ("train", "validation"))),
        showers.digest,
        _bit_digest(showers),
    )


def streamed(
    showers: LargeSet,
    model: ModelConfig,
    training: TrainingConfig,
    batch: int,
    seed: int,
    device: torch.device,
) -> Material:
    """Of more showers than fit into memory: scales are fitted to samples, as the page on training at scale says.

    Args:
        showers: of all splits.
        model: options of the model.
        training: how long and how fast.
        batch: showers in a batch, of all processes together.
        seed: of all draws.
        device: where batches are computed with.

    Raises:
        BadFile: the source cannot be read.
        EmptySample: too few showers to train on.
    """
    source = showers.source
    pipeline, generator = model.pipeline(source.binning), torch_stream(seed, "preprocessing")
    affordable = training.bytes / (4 * pipeline.n_features)
    seen = survey(showers, max(int(affordable * _SAMPLE), _LEAST_SHOWERS), _HELD_OUT, seed)
    rows = seen.rows["train"]
    _require_enough(len(rows), len(seen.rows["validation"]))
    laws = PhysicsPenalty.of(training.penalties, seen.sample)
    layers = torch.from_numpy(seen.layers), torch.from_numpy(seen.layers_incident).double()
    pipeline.fit(seen.sample, generator, seen.energy_range, layers, seen.incident)
    first, validation = pipeline(seen.sample, generator)[:2], pipeline(seen.validation, generator)[:2]
    incident = seen.incident
    if training.bootstrap:
        again = _resample(len(rows), seed).sort().values.numpy()
        rows, incident = rows[again], incident[again]
    balance = _balance(source, rows, incident, first, seen, pipeline, training, seed)
    if balance is not None:
        validation = balance.resampled(validation, pipeline, torch_stream(seed, "balance"))
    batches = Streamed(
        source,
        rows,
        copy.deepcopy(pipeline),
        pipeline.conditions(incident),
        batch,
        int(affordable * _WINDOW),
        seed,
        None if balance is None else balance.weight,
        device,
    )
    symmetry = AxialSymmetry(source.binning, seen.perpendicular, pipeline.condition.columns)
    return Material(
        pipeline,
        batches,
        _on(device, validation),
        first,
        laws,
        symmetry.apply if training.augment else None,
        balance,
        len(seen.rows["train"]),
        seen.trained_on,
        seen.digest,
        seen.bit_digest,
    )


def _balance(
    source: Rows,
    rows: np.ndarray,
    incident: Incident,
    first: Features,
    seen: Survey,
    pipeline: Pipeline,
    training: TrainingConfig,
    seed: int,
) -> Balance | None:
    """Kinds are found in the sample; what they mean for all training showers takes a pass over them."""
    kinds = training.balance, training.balance_by
    if training.balance_by == "particle" and not pipeline.condition.hide_particle:
        return Balance.of_particles(incident.pdg, training.balance)
    balance = Balance.of(first, seen.sample.pdg, pipeline, *kinds, stream(seed, "balance"))
    if balance is None or balance.keep_probability is None:
        return balance
    weight, keep, generator = torch.empty(len(rows)), balance.keep_probability, torch_stream(seed, "weights")

    def weigh(start: int, showers: Showers) -> None:
        x, c, _ = pipeline(showers, generator)
        weight[start : start + len(showers)] = 1 / keep(shower_terms(x, c, pipeline).tensor)

    read_rows(source, rows, weigh)
    return Balance(weight, keep)


def _require_enough(n_train: int, n_validation: int) -> None:
    if min(n_train, n_validation) < _LEAST_SHOWERS:
        least = min(high - low for low, high in (SPLITS["train"], SPLITS["validation"]))
        text = (
            f"training needs {_LEAST_SHOWERS} showers each in the training and validation splits, which are 70 and 5 %"
        )
        text += f" of all, so about {_LEAST_SHOWERS / least:,.0f} in all"
        raise EmptySample(text, n_train, n_validation)


def _resample(n: int, seed: int) -> torch.Tensor:
    return torch.randint(n, (n,), generator=torch_stream(seed, "bootstrap"))


def _on(device: torch.device, data: Features) -> Features:
    return data[0].to(device), data[1].to(device)


def _bit_digest(showers: Showers) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for values in (showers.energy, showers.incident_energy, showers.pdg, showers.theta, showers.phi):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
