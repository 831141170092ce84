"""Posterior collapse provoked on the bundled Geant4 showers, and the remedies: latents in use before and after.

Two ways to lose the latent: a decoder that sees the cells of the layers before (it can describe a shower without being
told z), trained with the full KL term from the first step; and a KL term of weight 30, dearer than what the latent
saves. Each row is one training of a small VAE; rows that name no other decoder or weight have those of the provocation
above them. A training that was finished before is read.

Run: python tools/studies/posterior_collapse.py -o collapse --steps 100 --seeds 2
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

import torch
from trained_rates import remembered, train_once

from caloforge.data.bundled import BUNDLED, showers_path
from caloforge.data.showers import Showers
from caloforge.data.splits import take_split
from caloforge.data.store import ShowerFile
from caloforge.diagnosis.collapse.diagnose import latent_use
from caloforge.diagnosis.collapse.diversity import rare_coverage, variances
from caloforge.diagnosis.collapse.latent import judge_latent
from caloforge.diagnosis.collapse.three_samples import draw_samples
from caloforge.training.options import TrainingConfig
from caloforge.training.run import Run, load_run

SMALL: dict[str, Any] = {"name": "vae", "latent": 8, "width": 64, "depth": 1, "flow_transforms": 3}
FULL: dict[str, Any] = {"beta_schedule": "fixed", "free_bits": 0.0}
POWERFUL: dict[str, Any] = {"decoder_context": "layers"}
DEAR: dict[str, Any] = {"beta": 30.0}
CASES: dict[str, dict[str, Any]] = {
    "healthy: defaults": {},
    "**provoked: decoder sees the layers before**": POWERFUL | FULL,
    "weaker decoder": FULL,
    "KL annealing": POWERFUL | {"beta_schedule": "annealed", "free_bits": 0.0},
    "cyclical beta": POWERFUL | {"beta_schedule": "cyclical", "free_bits": 0.0},
    "free bits 0.5": POWERFUL | FULL | {"free_bits": 0.5},
    "KL annealing, free bits 0.5": POWERFUL | {"beta_schedule": "annealed", "free_bits": 0.5},
    "committed rate 8": POWERFUL | FULL | {"committed_rate": 8.0},
    "committed rate 8, learned prior": POWERFUL | FULL | {"committed_rate": 8.0, "prior": "flow"},
    "**provoked: beta 30**": DEAR | FULL,
    "beta 30, cyclical": DEAR | {"beta_schedule": "cyclical", "free_bits": 0.0},
    "beta 30, cyclical, free bits 0.5": DEAR | {"beta_schedule": "cyclical", "free_bits": 0.5},
}
HEAD = (
    "training", "seed", "active", "rate", "I(x; z)", "nats lost without z", "average from N(0, 1)", "least variance",
    "rare covered", "finding", "live alarm",
)  # fmt: skip


def live_alarm(place: Path) -> str:
    """When the collapse was announced while training."""
    records = [json.loads(line) for line in (place / "log.jsonl").read_text().splitlines()]
    steps = [r["step"] for r in records if any("posterior collapse" in text for text in r.get("alarms", []))]
    return f"step {steps[0]}" if steps else "none"


def row(run: Run, seed: int, showers: Showers) -> list[str]:
    """Latents in use, what they tell, and how diverse the samples are: smallest ratio of a variance to Geant4's, and
    the rarest showers that generated ones come near over those that held-out ones do."""
    use = latent_use(run, take_split(showers, "test"), seed)
    assert use is not None
    samples = draw_samples(run, showers, seed)
    narrow = min(f.numbers["ratio"] for f in variances(samples.features[1], samples.features[2], samples.names))
    covered = rare_coverage(*samples.features).numbers
    return [
        f"{use.active_units} of {len(use.rate)}",
        f"{sum(use.rate):.2f}",
        f"{use.information:.2f}",
        f"{use.lost:.2f} ± {use.lost_error:.2f}",
        f"{use.average_from_normal:.2f}",
        f"{narrow:.2f}",
        f"{covered['covered_generated'] / covered['covered_truth']:.2f}",
        str(judge_latent(use).status),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--only", default="", help="trainings whose names hold this")
    parser.add_argument("--showers", type=int, default=4000, help="of the bundled sample, for training and tests")
    parser.add_argument("--seeds", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with ShowerFile(showers_path(BUNDLED)) as file:
        showers = file.read()[: chosen.showers]
    training = TrainingConfig(steps=chosen.steps, batch=128, learning_rate=2e-3, log_every=10)
    print(f"| {' | '.join(HEAD)} |\n|{' --- |' * len(HEAD)}")
    for name in (name for name in CASES if chosen.only in name):
        for seed in range(1, chosen.seeds + 1):
            place = chosen.output / "-".join([*re.findall(r"\w+", name), str(seed)])
            train_once(place, showers, {**SMALL, **CASES[name]}, training, seed)
            measured = remembered(place / "row.json", lambda p=place, seed=seed: row(load_run(p), seed, showers))
            print("|", " | ".join([name, str(seed), *measured, live_alarm(place)]), "|")


if __name__ == "__main__":
    main()
