r"""SWAG: a Gaussian posterior of the weights from snapshots of one training, as a cheap stand-in for an ensemble.

After its last step the training goes on at a constant learning rate, and every ``swag_every`` steps a snapshot
:math:`\theta_s` of the weights is kept. With their mean :math:`\bar\theta` and the S columns
:math:`D_s = \theta_s - \bar\theta`, models are drawn from

.. math:: \theta = \bar\theta + \tfrac{1}{\sqrt 2} \Sigma_\text{diag}^{1/2} z_1 + \frac{1}{\sqrt{2(S-1)}} D z_2,
          \qquad z_1, z_2 \sim N(0, 1),

half of the covariance diagonal, half of low rank, which together have the variances of the snapshots. All snapshots
are kept, so mean, diagonal and deviations are the same numbers in one file. How wide the Gaussian is depends on the
learning rate of the snapshots: the coverage of its intervals has to be measured, no derivation promises it. Source:
Maddox et al., arXiv:1902.02476, there with SGD.
"""

__all__ = ["Snapshots", "draw_weights", "has_snapshots", "load_snapshots", "save_snapshots", "snapshots"]

import copy
import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from caloforge.models.base import Generator
from caloforge.training.batches import Batches, Features
from caloforge.training.loop import Augment, TrainingState, fit
from caloforge.training.options import TrainingConfig
from caloforge.training.processes import ALONE, Processes
from caloforge.training.tensor_files import read_tensors, write_tensors

Snapshots = dict[str, Tensor]  # parameter -> (S, ...) values
_FILE = "swag.safetensors"


def snapshots(
    state: TrainingState,
    train: Batches,
    validation: Features,
    config: TrainingConfig,
    seed: int,
    augment: Augment | None = None,
    report: Callable[[dict[str, float]], None] = lambda record: None,
    processes: Processes = ALONE,
) -> Snapshots:
    """``config.swag`` snapshots of the weights that sampling needs, from further steps of a finished training.

    The averaged weights of ``state`` stay as they are.

    Args:
        state: after ``config.steps`` steps; its model moves on.
        train: the training showers.
        validation: features and conditions of held-out showers.
        config: how long and how fast.
        seed: of the run.
        augment: draws an image of each shower of a batch.
        report: called with the record of each further step.
        processes: that train together.

    Raises:
        TrainingDiverged: the loss is not finite.
    """
    further = TrainingState(state.model, copy.deepcopy(state.average), state.optimisers, state.step, state.penalties)
    taken: list[dict[str, Tensor]] = []
    for record in fit(further, train, validation, config, seed, augment, config.all_steps, processes):
        report(record)
        if (further.step - config.steps) % config.swag_every == 0:
            taken.append({name: value.detach().clone() for name, value in _sampled(further.model).items()})
    return {name: torch.stack([snapshot[name] for snapshot in taken]) for name in taken[0]}


def _sampled(model: Generator) -> dict[str, Tensor]:
    """Trained parameters, but those of parts that only training needs."""
    skip = tuple(f"{part}." for part in model.training_parts)
    return {name: p for name, p in model.named_parameters() if not (skip and name.startswith(skip))}


def draw_weights(snapshots: Snapshots, generator: torch.Generator) -> dict[str, Tensor]:
    r"""One draw of every parameter from the Gaussian of at least two snapshots.

    .. math:: \theta = \bar\theta + \tfrac{1}{\sqrt 2} \Sigma_\text{diag}^{1/2} z_1 + \frac{1}{\sqrt{2(S-1)}} D z_2

    Args:
        snapshots: parameter -> (S, ...) values.
        generator: draws the random numbers.

    Source: Maddox et al., arXiv:1902.02476.
    """
    n = len(next(iter(snapshots.values())))
    low_rank = torch.randn(n, generator=generator)
    return {name: _draw(values, low_rank, generator) for name, values in snapshots.items()}


def _draw(values: Tensor, low_rank: Tensor, generator: torch.Generator) -> Tensor:
    mean = values.mean(0)
    deviations = values - mean
    noise = torch.randn(mean.shape, generator=generator)
    across = torch.tensordot(low_rank, deviations, dims=1) / math.sqrt(len(values) - 1)
    return mean + (deviations.square().sum(0) / (len(values) - 1)).sqrt() * noise / math.sqrt(2) + across / math.sqrt(2)


def save_snapshots(folder: Path, taken: Snapshots) -> None:
    """Write the snapshots of SWAG beside the weights.

    Args:
        folder: of the run.
        taken: parameter -> (S, ...) values.

    Raises:
        UnwritablePath: the folder cannot be written.
    """
    write_tensors(folder / _FILE, taken)


def has_snapshots(folder: Path) -> bool:
    """Whether the run was trained with SWAG.

    Args:
        folder: of the run.
    """
    return (folder / _FILE).is_file()


def load_snapshots(folder: Path) -> Snapshots:
    """The snapshots of a run trained with SWAG.

    Args:
        folder: of the run.

    Raises:
        BadFile: there are none, or they are damaged.
    """
    return read_tensors(folder / _FILE)[0]
