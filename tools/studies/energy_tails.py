"""Freak showers of the energy stage against training length: both densities, Poisson intervals, the truth beside them.

    python tools/studies/energy_tails.py --truth electrons.h5 --steps 500 1000 2000 4000 8000 -o docs/images/tails.png

Only the layer energies are modelled, with the training loop and the options of `vae`. A shower is a freak by
`caloforge.metrics.freaks`, on the observables that layer energies alone decide, against all truth that was not trained
on. Held-out nats are of the truth's showers, with their standard error.
"""

import argparse
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from scipy.stats import chi2
from torch import Tensor

from caloforge.data.incident import Incident
from caloforge.data.opening import open_showers
from caloforge.data.showers import Showers
from caloforge.data.splits import take_split
from caloforge.geometry.binning import Binning
from caloforge.geometry.layer import Layer
from caloforge.metrics.freaks import find_freaks
from caloforge.models.base import Generator, Losses
from caloforge.models.vae import VAEConfig
from caloforge.physics.observables import select, tabulate
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.reporting.style import figure, png
from caloforge.rng import stream, torch_stream
from caloforge.training.batches import InMemory
from caloforge.training.loop import TrainingState, fit
from caloforge.training.options import TrainingConfig

OF_SHOWERS = "response total_energy centre_z width_z skewness_z kurtosis_z depth_max start depth_50 depth_90"
OF_LAYERS = "layer_energy longitudinal_profile layer_ratio last_layers_share"
LONGITUDINAL = select(f"{OF_SHOWERS} {OF_LAYERS}".split())


class EnergiesAlone(Generator):
    explicit: ClassVar[bool] = True

    def __init__(self, options: VAEConfig, pipeline: Pipeline) -> None:
        super().__init__()
        self.embedding = options.embedding(pipeline)
        self.energies = options.energy_flow(pipeline, self.embedding.n_out)
        self.noise_shape = (pipeline.n_layers,)

    def initialise(self, x: Tensor, c: Tensor) -> None:
        self.energies.initialise(x, self.embedding(c))

    def nats(self, x: Tensor, c: Tensor) -> Tensor:
        return self.energies.log_prob(x, self.embedding(c))

    def loss(self, x: Tensor, c: Tensor, progress: float, generator: torch.Generator) -> Losses:
        return {"total": -self.nats(x, c).mean()}

    def sample(self, noise: Tensor, c: Tensor) -> Tensor:
        return self.energies.sample(noise, self.embedding(c))


def read(names: list[str]) -> Showers:
    parts = []
    for name in names:
        with open_showers(name) as file:
            parts += list(file.batches(1000))
    return one_cell_a_layer(Showers.concatenate(parts))


def one_cell_a_layer(showers: Showers) -> Showers:
    mesh = Binning(tuple(Layer(x.id, (0.0, x.r_edges[-1]), 1, x.z_edges) for x in showers.binning.layers), "layers")
    angles = showers.pdg, showers.theta, showers.phi
    return Showers(showers.layer_energy.astype(np.float32), showers.incident_energy, *angles, mesh)


def features(pipeline: Pipeline, showers: Showers, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    x, c, _ = pipeline(showers, generator)
    return pipeline.parts(x).energies, c


def freaks(truth: Showers, generated: Showers) -> int:
    tables = [tabulate(showers, LONGITUDINAL) for showers in (truth, generated)]
    conditions = [(showers.incident_energy, showers.pdg) for showers in (truth, generated)]
    return len(find_freaks(tables[0], tables[1], (conditions[0], conditions[1]), stream(1, "freaks")))


def poisson(count: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a mean. Source: Garwood, Biometrika 28 (1936) 437."""
    low = float(chi2.ppf((1 - level) / 2, 2 * count)) / 2 if count else 0.0
    return low, float(chi2.ppf((1 + level) / 2, 2 * count + 2)) / 2


def rate(count: int, showers: int) -> str:
    low, high = (1e5 * limit / showers for limit in poisson(count))
    return f"{count} | {1e5 * count / showers:.3g} ({low:.2g} to {high:.2g})"


def drawn(model: Generator, pipeline: Pipeline, truth: Showers, count: int) -> Showers:
    """As many showers as asked for, at the truth's particles over and over."""
    rows = np.resize(stream(1, "conditions").permutation(len(truth)), count)
    parts, generator = [], torch_stream(1, "noise")
    for chosen in np.array_split(rows, -(-count // 5000)):
        like = Incident.of(truth[chosen])
        c = pipeline.conditions(like)
        layers = pipeline.layer_energies(model.sample(model.latent(len(c), generator), c), c).float().numpy()
        parts.append(Showers(layers, like.energy, like.pdg, like.theta, like.phi, truth.binning))
    return Showers.concatenate(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", nargs="+", default=["bundled"], help="files; their training split is used")
    parser.add_argument("--truth", nargs="+", default=[], help="files of showers that are not trained on")
    parser.add_argument("--densities", nargs="+", default=["couplings", "autoregressive"])
    parser.add_argument("--steps", type=int, nargs="+", default=[500, 1000, 2000, 4000, 8000])
    parser.add_argument("--showers", type=int, default=100_000)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="options of the model")
    parser.add_argument("-o", "--figure", type=Path)
    options = parser.parse_args()
    every = read(options.train)
    train = take_split(every, "train")
    truth = Showers.concatenate([take_split(every, "test"), *([read(options.truth)] if options.truth else [])])
    print(f"trained on {len(train):,} showers; truth: {len(truth):,}; freaks among {options.showers:,} generated")
    half = stream(1, "halves").permutation(len(truth))
    own = freaks(truth[half[::2]], truth[half[1::2]])
    print("\n| density | steps | nats, training | nats, held out | freaks | in 100,000 (95 %) |")
    print("| --- | --- | --- | --- | --- | --- |")
    print(f"| Geant4, one half against the other | | | | {rate(own, len(half) // 2)} |", flush=True)
    curves: dict[str, list[int]] = {}
    for density in options.densities:
        for steps in options.steps:
            chosen = dict(pair.split("=") for pair in options.set)
            config = VAEConfig.model_validate({"layer_energies": density} | chosen)
            pipeline, generator = config.pipeline(every.binning), torch_stream(1, "preprocessing")
            ends = float(every.incident_energy.min()), float(every.incident_energy.max())
            pipeline.fit(train, generator, ends)
            seen, unseen = (features(pipeline, part, generator) for part in (train, truth))
            torch.manual_seed(torch_stream(1, "weights").initial_seed())
            model = EnergiesAlone(config, pipeline)
            model.initialise(*seen)
            state = TrainingState.start(model, training := TrainingConfig(steps=steps, log_every=steps))
            for _ in fit(state, InMemory(*seen), unseen, training, 1):
                pass
            model.load_state_dict(state.average.state_dict())
            with torch.inference_mode():
                nats, held_out = (-model.nats(*part).double() for part in (seen, unseen))
                count = freaks(truth, drawn(model, pipeline, truth, options.showers))
            curves.setdefault(density, []).append(count)
            error = float(held_out.std()) / len(held_out) ** 0.5
            both = f"{float(nats.mean()):.3f} | {float(held_out.mean()):.3f} ± {error:.3f}"
            print(f"| {density} | {steps:,} | {both} | {rate(count, options.showers)} |", flush=True)
    if options.figure:
        draw(options.figure, options.steps, curves, options.showers)


def draw(path: Path, steps: list[int], curves: dict[str, list[int]], showers: int) -> None:
    with figure(5.0, 3.6) as fig:
        axes = fig.subplots()
        for density, counts in curves.items():
            ends = np.array([poisson(n) for n in counts]).T
            values = np.array(counts, float)
            axes.errorbar(steps, values, np.abs(ends - values), marker="o", capsize=3, label=density)
        axes.axhline(0.05, color="grey", linestyle=":", label="Geant4, expected")
        axes.set(xscale="log", xlabel="Training steps", ylabel=f"Freaks in {showers:,} showers")
        axes.set_yscale("symlog", linthresh=1)
        axes.legend()
        path.write_bytes(png(fig))


if __name__ == "__main__":
    main()
