"""How often the detectors of `caloforge diagnose` alarm: on Geant4 itself, on trained models, on provoked failures.

Healthy by definition: disjoint parts of the bundled Geant4 electrons stand for training, held-out and generated
showers. Then small models, each of several seeds, trained as they should be and so that they fail: a VAE whose decoder
does without the latent, a WGAN whose generator runs ahead of its critic, a VAE that sees the same 80 showers for long.
Each diagnosis counts once for each detector. Finished trainings and diagnoses are read, not repeated.

Run: python tools/studies/trained_rates.py -o rates --splits 200 --seeds 5
"""

import argparse
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from detector_rates import rate

from caloforge.data.bundled import BUNDLED, showers_path
from caloforge.data.showers import Showers
from caloforge.data.splits import take_split
from caloforge.data.store import ShowerFile
from caloforge.diagnosis.collapse.conditional_scale import ConditionalScale, stacked
from caloforge.diagnosis.collapse.diagnose import diagnose_run
from caloforge.diagnosis.collapse.diversity import lost_variance, near_duplicates, rare_coverage
from caloforge.diagnosis.collapse.memorisation import copies_of_training
from caloforge.diagnosis.collapse.three_samples import COLUMNS
from caloforge.models import model_config
from caloforge.physics.observables import select, tabulate
from caloforge.rng import stream
from caloforge.training.options import TrainingConfig
from caloforge.training.run import load_run
from caloforge.training.train import train_run
from caloforge.validation.finding import Finding, Status

DETECTORS = {
    "coverage": "Coverage of the rarest",
    "near-duplicates": "Showers that repeat",
    "variance": "Variance of",
    "closer": "Memorised training",
    "copies": "Copies of training",
    "by heart": "Training showers known",
    "latent": "Use of the latent",
}
VAE = {"name": "vae", "latent": 8, "width": 64, "depth": 1, "flow_transforms": 3}
WGAN = {**VAE, "name": "wgan", "critic_width": 64, "critic_depth": 1}
_TOGETHER = 50  # splits in one file
_PARTS = (5000, 2500, 2500)  # training, held out, generated


@dataclass(frozen=True)
class Kind:
    """How models of one kind are trained; ``few`` training showers, or all."""

    model: dict[str, Any]
    training: dict[str, Any]
    few: int | None = None
    settings: dict[str, Any] = field(default_factory=lambda: {"log_every": 10, "learning_rate": 2e-3, "batch": 128})


KINDS = {
    "VAE": Kind(VAE, {"steps": 120}),
    "WGAN": Kind(WGAN, {"steps": 80}),
    "VAE, decoder sees the layers before, full KL term": Kind(
        {**VAE, "decoder_context": "layers", "beta_schedule": "fixed", "free_bits": 0.0}, {"steps": 80}
    ),
    "WGAN, critic a hundred times slower": Kind(
        {**WGAN, "critic_speed": 0.01, "critic_turns": 1, "energies": "adversarial"},
        {"steps": 80, "learning_rate": 3e-3, "ema": 0.9},
    ),
    "VAE, 80 training showers": Kind(
        {**VAE, "beta": 0.05, "free_bits": 0.0, "prior": "flow"},
        {"steps": 200, "batch": 64, "augment": False, "learning_rate": 3e-3, "ema": 0.99},
        few=80,
    ),
}


def statuses(findings: tuple[Finding, ...]) -> dict[str, str]:
    """What each detector said; an alarm of any of its findings is one."""
    order = [Status.FAIL, Status.CANNOT_TELL, Status.PASS]
    found = {}
    for name, start in DETECTORS.items():
        said = [f.status for f in findings if f.test.startswith(start)]
        found[name] = str(min(said, key=order.index)) if said else "-"
    return found


def remembered(place: Path, make: Any) -> Any:
    """What ``make`` returns, from the file if it was made before."""
    if not place.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(make()))
    return json.loads(place.read_text())


def train_once(place: Path, showers: Showers, model: dict[str, Any], training: TrainingConfig, seed: int) -> None:
    """A run folder; a finished one is left as it is, an unfinished one begun again."""
    if not (place / "weights.safetensors").is_file():
        shutil.rmtree(place, ignore_errors=True)
        train_run(showers, model_config(model), training, seed, place, yaml.safe_dump({"model": model}), {})


def of_geant4(showers: Showers, splits: range) -> list[dict[str, str]]:
    """Statuses of each split of the showers in three parts."""
    table, names = stacked(tabulate(showers, select(COLUMNS)))
    found = []
    for split in splits:
        order = stream(split, "splits of Geant4").permutation(len(showers))
        rows = np.split(order, np.cumsum(_PARTS))[:3]
        scale = ConditionalScale.fit(table[rows[0]], showers.incident_energy[rows[0]])
        training, held_out, made = (scale.apply(table[part], showers.incident_energy[part]) for part in rows)
        findings = (
            rare_coverage(training, held_out, made),
            near_duplicates(held_out, made),
            *lost_variance(held_out, made, names),
            *copies_of_training(training, held_out, made),
        )
        found.append(statuses(findings))
    return found


def of_model(kind: Kind, showers: Showers, seed: int, place: Path) -> dict[str, str]:
    """Statuses of one training."""
    if kind.few:
        train, rest = take_split(showers, "train"), [take_split(showers, s) for s in ("validation", "test")]
        first = (seed - 1) * kind.few
        showers = Showers.concatenate([train[first : first + kind.few], *rest])
    train_once(place, showers, kind.model, TrainingConfig(**{**kind.settings, **kind.training}), seed)
    return statuses(diagnose_run(load_run(place), showers, seed).findings)


def print_row(name: str, found: list[dict[str, str]]) -> None:
    """Alarms of each detector and of any of them, with 95 % intervals; a dash where it does not apply."""
    cells = [_cell([one[detector] for one in found]) for detector in DETECTORS]
    worst = sum(Status.FAIL in one.values() for one in found)
    print(f"| {name} | {len(found)} | {' | '.join([*cells, rate(worst, len(found))])} |", flush=True)


def _cell(said: list[str]) -> str:
    alarms, unsure = said.count(Status.FAIL), said.count(Status.CANNOT_TELL)
    if alarms + said.count(Status.PASS) == 0:
        return "cannot tell" if unsure else "-"
    return rate(alarms, len(said)) + (f", {unsure} cannot tell" if unsure else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--showers", type=int, default=5000, help="of the bundled sample, for models and their tests")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="kinds of models whose names hold this")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with ShowerFile(showers_path(BUNDLED)) as file:
        showers = file.read()
        some = showers[: chosen.showers]
    print(f"| generated by | diagnoses | {' | '.join(DETECTORS)} | any |\n|{' --- |' * (len(DETECTORS) + 3)}")
    found = []
    for first in range(0, chosen.splits, _TOGETHER):
        splits = range(first, min(first + _TOGETHER, chosen.splits))
        place = chosen.output / f"geant4-{splits.start}-{splits.stop}.json"
        found += remembered(place, lambda splits=splits: of_geant4(showers, splits))
    print_row("Geant4", found)
    for index, (name, kind) in enumerate(KINDS.items()):
        if chosen.only not in name:
            continue
        places = [(seed, chosen.output / f"{index}-{seed}") for seed in range(1, chosen.seeds + 1)]
        found = [
            remembered(
                place.with_suffix(".json"),
                lambda seed=seed, place=place, kind=kind: of_model(kind, some, seed, place),
            )
            for seed, place in places
        ]
        print_row(name, found)


if __name__ == "__main__":
    main()
