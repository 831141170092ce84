r"""Networks that tell classes of showers apart: a perceptron, its training by cross-entropy, and its scores.

Two classes have one output, the logit :math:`s = \ln\frac{p(\text{generated}|x)}{p(\text{truth}|x)}`; n classes have n,
whose softmax is the posterior. After each epoch the network is judged on showers set aside; the best one is kept.
"""

__all__ = ["ClassifierSettings", "EachEpoch", "perceptron", "train_network", "predict"]

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor, nn

from caloforge.validation.classes import Classes

EachEpoch = Callable[[int], None]


@dataclass(frozen=True)
class ClassifierSettings:
    """Size and training of a classifier, and at most how many showers of each class it takes.

    Args:
        hidden: units of a hidden layer.
        layers: number of hidden layers.
        dropout: share of hidden units left out in training.
        standardise: inputs to zero mean and unit variance on the training part; else they are used as they are.
        epochs: passes over the training part.
        batch: showers a step.
        learning_rate: of AdamW.
        weight_decay: of AdamW; with 0 it is Adam.
        keep: the epoch with the lowest loss or the highest accuracy on the part set aside.
        patience: epochs without a better one after which training stops; None: never.
        folds: parts of the sample, each left out of training once.
        max_showers: of each class.
        threads: of PyTorch; small networks train fastest on one, above all where cores are shared. None: as it is set.
        device: where the network lives, ``cpu`` or ``cuda``.
    """

    hidden: int = 128
    layers: int = 2
    dropout: float = 0.2
    standardise: bool = True
    epochs: int = 25
    batch: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    keep: Literal["loss", "accuracy"] = "loss"
    patience: int | None = 4
    folds: int = 5
    max_showers: int = 10_000
    threads: int | None = 1
    device: str = "cpu"


class Standardise(nn.Module):
    """Zero mean and unit variance on a reference; undefined values become its mean, outliers stop at ten sigma."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Float[Array, " f"], variance: Float[Array, " f"]) -> None:
        super().__init__()
        scale = np.sqrt(np.where(variance > 0, variance, 1))
        self.register_buffer("mean", torch.from_numpy(mean.astype(np.float32)))
        self.register_buffer("scale", torch.from_numpy(scale.astype(np.float32)))

    @classmethod
    def fit(cls, classes: Classes, index: Int[Array, " n"]) -> "Standardise":
        """Moments of the defined values, summed in float64, some thousand showers at a time."""
        count, total = np.zeros(classes.width), np.zeros(classes.width)
        for x in _pieces(classes, index):
            count += (~np.isnan(x)).sum(axis=0)
            total += np.nansum(x, axis=0, dtype=np.float64)
        mean, square = total / np.maximum(count, 1), np.zeros(classes.width)
        for x in _pieces(classes, index):
            square += np.nansum((x - mean) ** 2, axis=0)
        return cls(mean, square / np.maximum(count, 1))

    def forward(self, x: Float[Tensor, "N f"]) -> Float[Tensor, "N f"]:
        return torch.nan_to_num((x - self.mean) / self.scale, nan=0.0).clamp(-10, 10)


def _pieces(classes: Classes, index: Int[Array, " n"], size: int = 1024) -> Iterator[Float[Array, "_ f"]]:
    return (classes.gather(index[start : start + size]) for start in range(0, len(index), size))


def perceptron(inputs: int, outputs: int, settings: ClassifierSettings) -> nn.Sequential:
    """Hidden layers of Linear, LeakyReLU and dropout, then Linear."""
    sizes = [inputs] + [settings.hidden] * settings.layers
    layers: list[nn.Module] = []
    for size, width in pairwise(sizes):
        layers += [nn.Linear(size, width), nn.LeakyReLU()]
        layers += [nn.Dropout(settings.dropout)] if settings.dropout > 0 else []
    return nn.Sequential(*layers, nn.Linear(sizes[-1], outputs))


def train_network(
    build: Callable[[], nn.Module],
    classes: Classes,
    train: Int[Array, " n"],
    stop: Int[Array, " s"],
    settings: ClassifierSettings,
    generator: torch.Generator,
    each_epoch: EachEpoch = lambda epoch: None,
) -> nn.Module:
    """A trained network, in evaluation mode: that of the epoch which did best on ``stop``.

    Args:
        build: makes the network; one output for two classes, else as many as classes.
        classes: all showers.
        train: those to learn from.
        stop: those set aside to judge the epochs.
        settings: of the training.
        generator: from which all its randomness comes; PyTorch's own state is left as it was.
        each_epoch: called with the number of epochs done.
    """
    device = torch.device(settings.device)
    state = int(torch.randint(2**62, (1,), generator=generator))
    with _threads(settings.threads), torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(state)
        network = build()
        if settings.standardise:
            network = nn.Sequential(Standardise.fit(classes, train), network)
        return _fit(network.to(device), classes, train, stop, settings, each_epoch)


@contextmanager
def _threads(n: int | None) -> Iterator[None]:
    """PyTorch on n threads, and on as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(n or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _fit(
    network: nn.Module,
    classes: Classes,
    train: Int[Array, " n"],
    stop: Int[Array, " s"],
    settings: ClassifierSettings,
    each_epoch: EachEpoch,
) -> nn.Module:
    optimiser = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    best, highest, waited = _copy(network), -np.inf, 0
    for epoch in range(settings.epochs):
        _epoch(network, optimiser, classes, train, settings)
        quality = _quality(network, classes, stop, settings)
        best, highest, waited = (_copy(network), quality, 0) if quality > highest else (best, highest, waited + 1)
        each_epoch(epoch + 1)
        if waited == settings.patience or (settings.keep == "accuracy" and highest == 1):
            break
    network.load_state_dict(best)
    return network.eval()


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _epoch(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    classes: Classes,
    train: Int[Array, " n"],
    settings: ClassifierSettings,
) -> None:
    network.train()
    order = train[torch.randperm(len(train)).numpy()]
    for start in range(0, len(order), settings.batch):
        rows = order[start : start + settings.batch]
        if len(rows) == 1:  # batch normalisation has no variance of one shower
            continue
        x = torch.from_numpy(classes.gather(rows)).to(settings.device)
        optimiser.zero_grad()
        loss = _loss(network(x), torch.from_numpy(classes.labels[rows]).to(settings.device))
        torch.autograd.backward(loss)
        optimiser.step()


def _loss(outputs: Float[Tensor, "N k"], labels: Int[Tensor, " N"]) -> Float[Tensor, ""]:
    if outputs.shape[1] == 1:
        return nn.functional.binary_cross_entropy_with_logits(outputs.squeeze(1), labels.float())
    return nn.functional.cross_entropy(outputs, labels)


def _quality(network: nn.Module, classes: Classes, stop: Int[Array, " s"], settings: ClassifierSettings) -> float:
    outputs, labels = torch.from_numpy(predict(network, classes, stop)), torch.from_numpy(classes.labels[stop])
    if settings.keep == "loss":
        return -float(_loss(outputs, labels))
    chosen = (outputs.squeeze(1) > 0).long() if outputs.shape[1] == 1 else outputs.argmax(dim=1)
    return float((chosen == labels).float().mean())


@torch.no_grad()
def predict(network: nn.Module, classes: Classes, index: Int[Array, " n"]) -> Float[Array, "n k"]:
    """Outputs of a network for these showers, some thousand at a time."""
    network.eval()
    device = next(network.parameters()).device
    pieces = (torch.from_numpy(x).to(device) for x in _pieces(classes, index))
    return np.concatenate([network(x).cpu().numpy() for x in pieces])
