"""Posterior collapse provoked on the bundled Geant4 showers, and the remedies: latents in use before and after.

A KL term of weight 30 from the first step is dearer than what the latent saves the decoder, which knows the layer
energies and draws every cell: it does without the latent. Each row is one training of the same small VAE.

Run: python tools/posterior_collapse.py -o collapse       (--steps 600 --seeds 1)
"""

import argparse
from pathlib import Path
from typing import Any

import torch
import yaml

from caloforge.data.samples import BUNDLED, showers_path
from caloforge.data.showers import Showers
from caloforge.data.splits import take_split
from caloforge.data.store import ShowerFile
from caloforge.diagnosis.diagnose import latent_use
from caloforge.diagnosis.diversity import variances
from caloforge.diagnosis.latent import judge_latent
from caloforge.diagnosis.samples import draw_samples
from caloforge.models import model_config
from caloforge.training.loop import TrainingConfig
from caloforge.training.run import Run, load_run
from caloforge.training.train import train_run

SMALL: dict[str, Any] = {"name": "vae", "latent": 8, "width": 128, "depth": 1, "flow_transforms": 3}
CASES: dict[str, dict[str, Any]] = {
    "healthy: beta 1 annealed, free bits 0.1": {},
    "provoked: beta 30 from the start": {"beta": 30.0, "beta_schedule": "fixed", "free_bits": 0.0},
    "KL annealing to beta 1": {"beta": 1.0, "beta_schedule": "annealed", "free_bits": 0.0},
    "free bits 0.5": {"beta": 30.0, "beta_schedule": "fixed", "free_bits": 0.5},
    "cyclical beta": {"beta": 30.0, "beta_schedule": "cyclical", "free_bits": 0.0},
    "cyclical beta, free bits 0.5": {"beta": 30.0, "beta_schedule": "cyclical", "free_bits": 0.5},
}


def trained(showers: Showers, name: str, seed: int, steps: int, folder: Path) -> tuple[Run, list[str]]:
    """The run of one case, and the alarms raised while it trained; a finished one is read."""
    place = folder / f"{list(CASES).index(name)}-{seed}"
    raised: list[str] = []
    if not (place / "weights.safetensors").is_file():
        options = {**SMALL, **CASES[name]}
        training = TrainingConfig(steps=steps, log_every=20)
        text = yaml.safe_dump({"model": options})
        train_run(showers, model_config(options), training, seed, place, text, {}, warn=raised.append)
    return load_run(place), raised


def print_row(run: Run, raised: list[str], name: str, seed: int, showers: Showers) -> None:
    """Latents in use, what they tell, and the smallest variance of an observable at fixed energy."""
    use = latent_use(run, take_split(showers, "test"), seed)
    assert use is not None
    samples = draw_samples(run, showers, seed)
    narrow = min(f.numbers["ratio"] for f in variances(samples.features[1], samples.features[2], samples.names))
    live = raised[0].split(":")[0] if raised else "none"
    print(
        f"| {name} | {seed} | {use.active_units} of {len(use.rate)} | {sum(use.rate):.2f} | "
        f"{use.mutual_information:.2f} | {use.lost:.2f} ± {use.lost_error:.2f} | {narrow:.2f} | "
        f"{judge_latent(use).status} | {live} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with ShowerFile(showers_path(BUNDLED)) as file:
        showers = file.read()
    print("| training | seed | active | rate | I(x; z) | nats lost without z | least variance | finding | live alarm |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in CASES:
        for seed in range(1, chosen.seeds + 1):
            run, raised = trained(showers, name, seed, chosen.steps, chosen.output)
            print_row(run, raised, name, seed, showers)


if __name__ == "__main__":
    main()
