r"""Protocols: which classifiers judge a sample, on which inputs, trained and evaluated how.

``standard`` cross-validates boosted trees on the observables and a network on the cells that knows the mesh: strong on
a few thousand showers. ``perceptron`` has a small perceptron for each of *high*, *low* and *low-normed*, as many papers
do. ``calochallenge`` is that of the CaloChallenge (arXiv:2410.21611): three hidden layers of 2048 units with LeakyReLU,
binary cross-entropy, Adam with :math:`2\cdot10^{-4}`, 50 epochs, batches of 1000; 60 % of the showers to train, 20 %
to test (the epoch with the best accuracy, isotonic calibration with probabilities in :math:`[10^{-6}, 1 - 10^{-6}]`),
20 % to validate (AUC and divergence, from calibrated scores); inputs *high*, *low*, *low-normed*, and a 3-D ResNet on
regular meshes. Beyond the challenge: the splits are seeded, showers of one incident energy stay in one split, and truth
against truth is beside.
"""

__all__ = ["CALOCHALLENGE", "Input", "PERCEPTRON", "PROTOCOLS", "Protocol", "STANDARD", "hold_out", "measure"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from caloforge.classifiers import features
from caloforge.classifiers.auc import FAST, Classified, Fold, Procedure, Progress, Run, classify, cross_validate
from caloforge.classifiers.calibration import Calibration, information
from caloforge.classifiers.features import Features, Table
from caloforge.classifiers.mesh_network import mesh_sums
from caloforge.classifiers.network import Build, ClassifierSettings, ClassifierTraining, perceptron, predict
from caloforge.classifiers.resnet import ResNet, mesh_shape
from caloforge.classifiers.ridge import ridge
from caloforge.classifiers.roc import auc, auc_error
from caloforge.classifiers.trees import boosted_trees
from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.metrics.measured import standard_error

_CLIP = 1e-6  # smallest calibrated probability


@dataclass(frozen=True)
class Input:
    """What one classifier sees, and how it is trained and judged.

    Args:
        words: what it is and sees; ``{n}`` stands for the number of observables.
        features: of showers and their observables.
        network: makes the function that builds it, from a mesh.
        possible: whether a mesh allows it.
        procedure: trains and judges.
        settings: of the training.
    """

    words: str
    features: Callable[[Showers, Table], Features]
    network: Callable[[Binning], Build] = lambda binning: perceptron
    possible: Callable[[Binning], bool] = lambda binning: True
    procedure: Procedure = cross_validate
    settings: ClassifierSettings = FAST


@dataclass(frozen=True)
class Protocol:
    """Classifiers that judge a sample.

    Args:
        name: on the command line.
        inputs: what each sees and how it is trained, by name.
    """

    name: str
    inputs: Mapping[str, Input]

    @property
    def max_showers(self) -> int:
        """Showers of each class that the classifiers take at most."""
        return max(given.settings.max_showers for given in self.inputs.values())

    def inputs_for(self, binning: Binning) -> dict[str, Input]:
        """The inputs that a mesh allows.

        Args:
            binning: mesh of the showers.
        """
        return {name: given for name, given in self.inputs.items() if given.possible(binning)}

    def having(self, **settings: Any) -> "Protocol":
        """The same protocol with other settings of every training.

        Args:
            settings: fields of `ClassifierSettings`.
        """
        inputs = {name: replace(x, settings=replace(x.settings, **settings)) for name, x in self.inputs.items()}
        return replace(self, inputs=inputs)

    def on(self, device: str) -> "Protocol":
        """The same protocol with its networks on ``cpu`` or ``cuda``.

        Args:
            device: as PyTorch calls it.

        Raises:
            BadValue: PyTorch finds no such device.
        """
        if device != "cpu" and not (device.startswith("cuda") and torch.cuda.is_available()):
            raise BadValue("device", device, "PyTorch does not find it here; use cpu")
        return self.having(device=device)


def hold_out(training: ClassifierTraining) -> Run:
    """One network trained on all folds but two; the first of these chooses and calibrates, the second is judged.

    Errors: Hanley and McNeil's of the AUC, that of a mean of the divergence; the scatter of training is not in them.

    Args:
        training: two classes, folds and settings.
    """
    classes, last = training.classes, training.settings.folds - 1
    network = training.train(training.folds < last - 1, training.folds == last - 1)
    test, held_out = (np.flatnonzero(training.folds == k) for k in (last - 1, last))
    logits, labels = predict(network, classes, held_out)[:, 0], classes.labels[held_out]
    calibration = Calibration.fit(predict(network, classes, test)[:, 0], classes.labels[test])
    calibrated = calibration(logits, _CLIP)
    area, bits = auc(calibrated[labels == 0], calibrated[labels == 1]), information(calibrated, labels)
    scores = np.full(len(classes), np.nan)
    scores[held_out] = logits
    return Run(
        (area, auc_error(area, *np.bincount(labels).tolist())),
        (float(bits.mean()), standard_error(bits)),
        scores,
        (Fold.of(network, classes, held_out),),
    )


def measure(
    protocol: Protocol,
    name: str,
    truth: tuple[Showers, Table],
    generated: tuple[Showers, Table],
    seed: int,
    progress: Progress = lambda done, text: None,
) -> tuple[Classified, Features, Features]:
    """One classifier of a protocol, and what it saw.

    Args:
        protocol: of `PROTOCOLS`.
        name: of its input.
        truth: showers and their observables.
        generated: the same of the sample to judge.
        seed: of choice, splits and networks.
        progress: called after each epoch with the share of the work done.

    Raises:
        EmptySample: fewer than 100 showers of a class.
    """
    given = protocol.inputs[name]
    seen, judged = given.features(*truth), given.features(*generated)
    build = given.network(truth[0].binning)
    classified = classify(seen, judged, seed, given.settings, progress, given.procedure, build)
    observables = len(seen.by_observable().keys() - {features.ENERGY})
    return replace(classified, words=given.words.format(n=observables)), seen, judged


def _resnet(binning: Binning) -> Build:
    def build(inputs: int, outputs: int, settings: ClassifierSettings) -> nn.Module:
        return ResNet(binning, outputs)

    return build


STANDARD = Protocol(
    "standard",
    {
        "high": Input(
            "boosted trees on {n} observables",
            lambda showers, table: features.high(table, showers.incident_energy),
            procedure=boosted_trees,
            settings=replace(FAST, folds=3),  # trees learn as much from two thirds, and folds are what takes time
        ),
        "low": Input(
            "a network on the cells and their neighbours", lambda showers, table: mesh_sums(showers), procedure=ridge
        ),
    },
)

PERCEPTRON = Protocol(
    "perceptron",
    {
        "high": Input(
            "a perceptron on {n} observables", lambda showers, table: features.high(table, showers.incident_energy)
        ),
        "low": Input("a perceptron on the cells", lambda showers, table: features.low(showers)),
        "low_normed": Input(
            "a perceptron on the cells within layers", lambda showers, table: features.low_normed(showers)
        ),
    },
)

_CHALLENGE = ClassifierSettings(
    hidden=2048,
    layers=3,
    dropout=0.0,
    standardise=False,
    epochs=50,
    batch=1000,
    learning_rate=2e-4,
    weight_decay=0.0,
    keep="accuracy",
    patience=None,
    max_showers=100_000,
    threads=None,
)

CALOCHALLENGE = Protocol(
    "calochallenge",
    {
        "high": Input(
            "the challenge's perceptron on observables",
            features.challenge_high,
            procedure=hold_out,
            settings=_CHALLENGE,
        ),
        "low": Input(
            "the challenge's perceptron on the cells",
            lambda showers, table: features.challenge_low(showers),
            procedure=hold_out,
            settings=_CHALLENGE,
        ),
        "low_normed": Input(
            "the challenge's perceptron on the cells within layers",
            lambda showers, table: features.challenge_low_normed(showers),
            procedure=hold_out,
            settings=_CHALLENGE,
        ),
        "resnet": Input(
            "a 3-D ResNet on the cells",
            lambda showers, table: features.challenge_low(showers),
            _resnet,
            lambda b: mesh_shape(b) is not None,
            procedure=hold_out,
            settings=_CHALLENGE,
        ),
    },
)

PROTOCOLS = {protocol.name: protocol for protocol in (STANDARD, PERCEPTRON, CALOCHALLENGE)}
