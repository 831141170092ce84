r"""Networks that tell classes of showers apart: a perceptron, its training by cross-entropy, and its scores.

Two classes have one output, the logit :math:`s = \ln\frac{p(\text{generated}|x)}{p(\text{truth}|x)}`; n classes have n,
whose softmax is the posterior. After each epoch the network is judged on showers set aside; the best one is kept.
"""

__all__ = ["Build", "ClassifierSettings", "ClassifierTraining", "perceptron", "predict", "threads"]

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array
from torch import Tensor, nn

from caloforge.classifiers.data import ClassifierData
from caloforge.classifiers.standardise import Standardise
from caloforge.rng import torch_stream


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


Build = Callable[[int, int, ClassifierSettings], nn.Module]


def perceptron(inputs: int, outputs: int, settings: ClassifierSettings) -> nn.Sequential:
    """Hidden layers of Linear, LeakyReLU and dropout, then Linear.

    Args:
        inputs: number of features.
        outputs: number of logits.
        settings: its hidden layers and dropout.
    """
    sizes = [inputs] + [settings.hidden] * settings.layers
    layers: list[nn.Module] = []
    for size, width in pairwise(sizes):
        layers += [nn.Linear(size, width), nn.LeakyReLU()]
        layers += [nn.Dropout(settings.dropout)] if settings.dropout > 0 else []
    return nn.Sequential(*layers, nn.Linear(sizes[-1], outputs))


@contextmanager
def threads(n: int | None) -> Iterator[None]:
    """PyTorch on n threads (None: as it is set), and on as many as before afterwards.

    Args:
        n: how many; None: as it is set.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(n or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True, eq=False)
class ClassifierTraining:
    """Showers of several classes, and how networks learn to tell them apart.

    Args:
        classes: the showers.
        folds: the fold of each.
        seed: of the networks.
        settings: of the networks.
        build: makes a network from the numbers of its inputs and outputs.
        progress: called after each epoch with the share of the work done.
        outputs: of the networks: 1, a logit, for two classes; else as many as classes.
    """

    classes: ClassifierData
    folds: Int[Array, " N"]
    seed: int
    settings: ClassifierSettings
    build: Build
    progress: Callable[[float], None]
    outputs: int = 1

    def train(self, train: Bool[Array, " N"], stop: Bool[Array, " N"], number: int = 0, of: int = 1) -> nn.Module:
        """One trained network, in evaluation mode: that of the epoch which did best on ``stop``.

        Args:
            train: showers to learn from.
            stop: showers to judge the epochs by.
            number: of this network, from 0; each has its own random numbers. PyTorch's own state is left as it was.
            of: how many there will be.
        """
        device = torch.device(self.settings.device)
        state = int(torch.randint(2**62, (1,), generator=torch_stream(self.seed, "classifier", number)))
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(state)
            network = self.build(self.classes.width, self.outputs, self.settings)
            if self.settings.standardise:
                network = nn.Sequential(Standardise.fit(self.classes, np.flatnonzero(train)), network)
            part = (number / of, 1 / of / self.settings.epochs)
            return self._fit(network.to(device), np.flatnonzero(train), np.flatnonzero(stop), part)

    def _fit(
        self, network: nn.Module, train: Int[Array, " n"], stop: Int[Array, " s"], part: tuple[float, float]
    ) -> nn.Module:
        """``part``: the work done before, and the share of an epoch."""
        rule = self.settings
        optimiser = torch.optim.AdamW(network.parameters(), rule.learning_rate, weight_decay=rule.weight_decay)
        best, highest, waited = _copy(network), -np.inf, 0
        for epoch in range(rule.epochs):
            _epoch(network, optimiser, self.classes, train, rule)
            quality = _quality(network, self.classes, stop, rule)
            best, highest, waited = (_copy(network), quality, 0) if quality > highest else (best, highest, waited + 1)
            self.progress(part[0] + (epoch + 1) * part[1])
            if waited == rule.patience or (rule.keep == "accuracy" and highest == 1):
                break
        network.load_state_dict(best)
        return network.eval()


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _epoch(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    classes: ClassifierData,
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
        loss = _loss(network(x), *(part.to(settings.device) for part in _targets(classes, rows)))
        torch.autograd.backward(loss)
        optimiser.step()


def _targets(classes: ClassifierData, rows: Int[Array, " n"]) -> tuple[Tensor, ...]:
    """Labels of some showers, and their weights where they have any."""
    parts = [classes.labels[rows]] + ([] if classes.weights is None else [classes.weights[rows].astype(np.float32)])
    return tuple(map(torch.from_numpy, parts))


def _loss(
    outputs: Float[Tensor, "N k"], labels: Int[Tensor, " N"], weights: Float[Tensor, " N"] | None = None
) -> Float[Tensor, ""]:
    if outputs.shape[1] == 1:
        return nn.functional.binary_cross_entropy_with_logits(outputs.squeeze(1), labels.float(), weights)
    if weights is None:
        return nn.functional.cross_entropy(outputs, labels)
    return (weights * nn.functional.cross_entropy(outputs, labels, reduction="none")).mean()


def _quality(
    network: nn.Module, classes: ClassifierData, stop: Int[Array, " s"], settings: ClassifierSettings
) -> float:
    outputs, targets = torch.from_numpy(predict(network, classes, stop)), _targets(classes, stop)
    if settings.keep == "loss":
        return -float(_loss(outputs, *targets))
    chosen = (outputs.squeeze(1) > 0).long() if outputs.shape[1] == 1 else outputs.argmax(dim=1)
    right = (chosen == targets[0]).float()
    return float((right if classes.weights is None else right * targets[1]).mean())


@torch.no_grad()
def predict(network: nn.Module, classes: ClassifierData, index: Int[Array, " n"]) -> Float[Array, "n k"]:
    """Outputs of a network for these showers, some thousand at a time.

    Args:
        network: features to logits.
        classes: the showers and others.
        index: numbers of those to score.
    """
    network.eval()
    device = next(network.parameters()).device
    pieces = (torch.from_numpy(x).to(device) for x in classes.pieces(index))
    return np.concatenate([network(x).cpu().numpy() for x in pieces])
