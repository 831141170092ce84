r"""Classifier test: how well a small network tells generated showers from truth, as the area under its ROC curve (AUC).

The AUC is the chance that a generated shower scores higher than a true one (Mann-Whitney),

.. math:: \text{AUC} = \frac{1}{nm}\sum_{t,g}\big([s_g > s_t] + \tfrac12 [s_g = s_t]\big),

0.5 when the classifier sees no difference and 1 when it always tells. Every shower is scored by a network that was not
trained on it (k-fold cross-validation). Unlike the separation powers it sees correlations between all its inputs. Idea
and inputs: Krause and Shih, arXiv:2106.05285; CaloChallenge, arXiv:2410.21611 (whose larger network gives other
numbers).
"""

__all__ = [
    "ClassifierSettings",
    "FAST",
    "auc",
    "auc_error",
    "cross_validated_auc",
    "measure_auc",
    "high_features",
    "low_features",
]

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy.stats import rankdata
from torch import Tensor, nn

from caloforge.data.showers import Showers
from caloforge.errors import EmptySample
from caloforge.rng import stream, torch_stream
from caloforge.validation.metrics import Measured

_SMALLEST_ENERGY = 1e-3  # MeV, added to layer energies under the logarithm
_CELL_SCALE = 1e-5  # of the incident energy: typical of a hit cell


@dataclass(frozen=True)
class ClassifierSettings:
    """Size and training of the classifier, and at most how many showers of each class it takes.

    Small networks train fastest on one thread, above all where cores are shared; give more ``threads`` to large meshes.
    """

    hidden: int = 128
    epochs: int = 25
    batch: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    dropout: float = 0.2
    patience: int = 4
    folds: int = 5
    max_showers: int = 10_000
    threads: int = 1


FAST = ClassifierSettings()


@contextmanager
def _threads(n: int) -> Iterator[None]:
    """PyTorch on n threads, and on as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def high_features(table: Mapping[str, Float[Array, "N _"]], incident_energy: Float[Array, " N"]) -> Float[Array, "N f"]:
    """log10 of the incident energy and all observables; layer energies enter as logarithms, undefined values as NaN."""
    columns = {**table, "layer_energy": np.log10(table["layer_energy"] + _SMALLEST_ENERGY)}
    return np.concatenate([np.log10(incident_energy)[:, None], *columns.values()], axis=1, dtype=np.float32)


def low_features(showers: Showers) -> Float[Array, "N f"]:
    r"""log10 of the incident energy and every cell twice, as share :math:`s_i = E_i/E_\text{inc}` and as its logarithm.

    The shares show what sums of cells do, :math:`\log(1 + s_i / 10^{-5})` shows what the many faint cells do.
    """
    shares = showers.energy / showers.incident_energy[:, None].astype(np.float32)
    logarithms = np.log1p(shares / np.float32(_CELL_SCALE))
    return np.concatenate([np.log10(showers.incident_energy)[:, None], shares, logarithms], axis=1, dtype=np.float32)


def auc(truth: Float[Array, " n"], generated: Float[Array, " m"]) -> float:
    """Area under the ROC curve from the scores of both classes; ties count half.

    Raises:
        EmptySample: a class has no score.
    """
    n, m = len(truth), len(generated)
    if min(n, m) == 0:
        raise EmptySample("an AUC needs scores of both classes", n, m)
    ranks = rankdata(np.concatenate([truth, generated]))
    return float((ranks[n:].sum() - m * (m + 1) / 2) / (n * m))


def auc_error(area: float, n: int, m: int) -> float:
    r"""Standard error of an AUC of n against m scores.

    .. math:: \sigma^2 = \frac{A(1-A) + (m-1)(Q_1 - A^2) + (n-1)(Q_2 - A^2)}{nm}, \quad
              Q_1 = \frac{A}{2-A},\ Q_2 = \frac{2A^2}{1+A}

    Source: Hanley and McNeil, Radiology 143 (1982) 29.
    """
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (area * (1 - area) + (m - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)) / (n * m)
    return float(np.sqrt(max(variance, 0.0)))


def measure_auc(
    truth: Float[Array, "n f"],
    generated: Float[Array, "m f"],
    seed: int,
    settings: ClassifierSettings = FAST,
) -> tuple[Measured, int, int]:
    """AUC with its floor: truth against generated, then one half of the truth against the other, by the same procedure.

    The first column of the features is log10 of the incident energy.

    Returns:
        The AUC, the showers per class in it, and the showers per class in the floor.

    Raises:
        EmptySample: fewer than 20 showers a fold and class.
    """
    first, second = np.array_split(stream(seed, "classifier-halves").permutation(len(truth)), 2)
    value, error, size = cross_validated_auc(truth, generated, seed, settings)
    floor, spread, floor_size = cross_validated_auc(truth[first], truth[second], seed, settings)
    return Measured(value, error, floor, spread), size, floor_size


def cross_validated_auc(
    truth: Float[Array, "n f"],
    generated: Float[Array, "m f"],
    seed: int,
    settings: ClassifierSettings = FAST,
) -> tuple[float, float, int]:
    """Mean AUC over the folds, its standard error, and the showers of each class, min(n, m, max_showers).

    The error is the larger of Hanley and McNeil's and the spread of the folds.
    """
    rng = stream(seed, "classifier")
    size = min(len(truth), len(generated), settings.max_showers)
    if size < 20 * settings.folds:
        what = f"the classifier needs {20 * settings.folds} showers of each class"
        raise EmptySample(what, len(truth), len(generated))
    chosen = [x[np.sort(rng.permutation(len(x))[:size])] for x in (truth, generated)]
    features = np.concatenate(chosen)
    labels = np.repeat(np.array([0.0, 1.0], np.float32), size)
    folds = _folds(features[:, 0], settings.folds, rng)
    with _threads(settings.threads):
        areas = np.array([_one_fold(features, labels, folds, k, seed, settings) for k in range(settings.folds)])
    spread = float(areas.std(ddof=1) / np.sqrt(settings.folds))
    return float(areas.mean()), max(auc_error(float(areas.mean()), size, size), spread), size


def _folds(condition: Float[Array, " N"], folds: int, rng: np.random.Generator) -> Int[Array, " N"]:
    """Fold of each shower. Showers of one incident energy stay together where energies are many.

    Generated showers often repeat the truth's energies; across folds the network could learn those by heart.
    """
    values, group = np.unique(condition, return_inverse=True)
    if len(values) < 20 * folds:
        group = np.arange(len(condition))
    return rng.permutation(group.max() + 1)[group] % folds


def _one_fold(
    features: Float[Array, "N f"],
    labels: Float[Array, " N"],
    folds: Int[Array, " N"],
    k: int,
    seed: int,
    settings: ClassifierSettings,
) -> float:
    test = folds == k
    inner = stream(seed, "classifier-stop", k).random(len(folds)) < 0.15
    train, stop = ~test & ~inner, ~test & inner
    x = torch.from_numpy(_standardised(features, features[train]))
    y = torch.from_numpy(labels)
    state = int(torch.randint(2**62, (1,), generator=torch_stream(seed, "classifier", k)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(state)
        network = _train((x[train], y[train]), (x[stop], y[stop]), settings)
    with torch.no_grad():
        scores = network(x[test]).squeeze(1).numpy()
    return auc(scores[labels[test] == 0], scores[labels[test] == 1])


def _standardised(features: Float[Array, "N f"], reference: Float[Array, "n f"]) -> Float[Array, "N f"]:
    """Zero mean and unit variance on the reference; undefined values become its mean, outliers stop at ten sigma."""
    known = ~np.isnan(reference)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, reference, 0).sum(axis=0, dtype=np.float64) / count
    variance = (np.where(known, reference - mean, 0) ** 2).sum(axis=0, dtype=np.float64) / count
    scaled = (features - mean.astype(np.float32)) / np.sqrt(np.where(variance > 0, variance, 1)).astype(np.float32)
    return np.clip(np.nan_to_num(scaled, nan=0.0), -10, 10).astype(np.float32)


def _network(inputs: int, settings: ClassifierSettings) -> nn.Sequential:
    width = settings.hidden
    layers: list[nn.Module] = []
    for size in (inputs, width):
        layers += [nn.Linear(size, width), nn.LeakyReLU(), nn.Dropout(settings.dropout)]
    return nn.Sequential(*layers, nn.Linear(width, 1))


def _train(train: tuple[Tensor, Tensor], stop: tuple[Tensor, Tensor], settings: ClassifierSettings) -> nn.Sequential:
    """Binary cross-entropy with Adam; the weights of the epoch that did best on the stopping part are kept."""
    network = _network(train[0].shape[1], settings)
    optimiser = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    best, best_loss, waited = _copy(network), float("inf"), 0
    for _ in range(settings.epochs):
        _epoch(network, optimiser, train, settings.batch)
        loss = _evaluate(network, stop)
        best, best_loss, waited = (_copy(network), loss, 0) if loss < best_loss else (best, best_loss, waited + 1)
        if waited >= settings.patience:
            break
    network.load_state_dict(best)
    return network.eval()


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _epoch(network: nn.Module, optimiser: torch.optim.Optimizer, train: tuple[Tensor, Tensor], batch: int) -> None:
    network.train()
    x, y = train
    order = torch.randperm(len(y))
    for start in range(0, len(y), batch):
        rows = order[start : start + batch]
        optimiser.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(network(x[rows]).squeeze(1), y[rows])
        torch.autograd.backward(loss)
        optimiser.step()


@torch.no_grad()
def _evaluate(network: nn.Module, sample: tuple[Tensor, Tensor]) -> float:
    network.eval()
    x, y = sample
    return float(nn.functional.binary_cross_entropy_with_logits(network(x).squeeze(1), y))
