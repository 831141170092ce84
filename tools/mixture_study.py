"""Real Geant4 showers with a rare mode, its label hidden from training: how much of it each model and remedy recovers.

Electrons of the bundled sample with muons, simulated unless a file of them is given, at a chosen fraction; each model
of the list is trained on the mixture without being told the particle, and diagnosed.

Run: python tools/mixture_study.py -o mixture       (--fraction 0.01 --muons mu.h5 --steps 3000 --only "gan;wgan")
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from caloforge.config import load_config
from caloforge.data.samples import BUNDLED, showers_path
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile, write_showers
from caloforge.diagnosis.diagnose import Diagnosis, diagnose_run
from caloforge.diagnosis.page import write_diagnosis
from caloforge.geometry.detector import detector
from caloforge.geometry.readouts import readout
from caloforge.rng import stream
from caloforge.training.run import load_run
from caloforge.training.train import train_run
from caloforge.truth.beam import Beam, parse_spectrum
from caloforge.truth.production import Request, produce

_MUON = 13
_GAME = ["model.energies=adversarial"]
STUDIES: dict[str, list[str]] = {
    "vae": ["vae-siw-1080"],
    "vae, balance": ["vae-siw-1080", "training.balance=1"],
    "gan": ["gan-siw-1080", *_GAME],
    "gan, minibatch_std": ["gan-siw-1080", *_GAME, "model.minibatch_std=true"],
    "gan, packing 4": ["gan-siw-1080", *_GAME, "model.packing=4"],
    "gan, mode_seeking": ["gan-siw-1080", *_GAME, "model.mode_seeking=1"],
    "gan, balance": ["gan-siw-1080", *_GAME, "training.balance=1"],
    "wgan": ["wgan-siw-1080", *_GAME],
    "wgan, packing 4": ["wgan-siw-1080", *_GAME, "model.packing=4"],
    "wgan, balance": ["wgan-siw-1080", *_GAME, "training.balance=1"],
    "wgan, balance by clusters": ["wgan-siw-1080", *_GAME, "training.balance=1", "training.balance_by=clusters"],
    "wgan, likely energies": ["wgan-siw-1080"],
    "wgan, likely energies, balance": ["wgan-siw-1080", "training.balance=1"],
    "wgan, likely energies, balance by clusters": [
        "wgan-siw-1080",
        "training.balance=1",
        "training.balance_by=clusters",
    ],
}


def muons(given: Path | None, n: int, folder: Path) -> Showers:
    """Muons of 1 to 100 GeV from the file, or simulated into the folder."""
    path = given or folder / "muons.h5"
    if not path.exists():
        beam = Beam(_MUON, parse_spectrum("1GeV:100GeV:log"))
        produce(Request(detector("par04-siw"), beam, readout("siw-1080"), n, seed=1), path, workers=2)
    with ShowerFile(path) as file:
        return file.read()


def mixed(fraction: float, given: Path | None, folder: Path) -> Showers:
    """Electrons and as many muons as make the fraction, in random order."""
    with ShowerFile(showers_path(BUNDLED)) as file:
        electrons = file.read()
    wanted = round(len(electrons) * fraction / (1 - fraction))
    both = Showers.concatenate([electrons, muons(given, wanted, folder)[:wanted]])
    return both[stream(1, "mixture").permutation(len(both))]


def studied(
    showers: Showers, names: list[str], steps: int | None, seeds: int, folder: Path
) -> Iterator[dict[str, Any]]:
    """One trained and diagnosed model after the other; finished ones are read, not repeated."""
    for name in names:
        config, *options = STUDIES[name]
        more = [f"training.steps={steps}"] if steps else []
        run_config = load_config(config, [*options, "model.hide_particle=true", *more])
        for seed in range(1, seeds + 1):
            place = folder / f"{name.replace(', ', '-')}-{seed}"
            if not (place / "weights.safetensors").is_file():
                text = yaml.safe_dump(run_config.model_dump(mode="json"), sort_keys=False)
                facts = {"file": "mixture", "seed": seed}
                train_run(showers, run_config.model, run_config.training, seed, place, text, facts, warn=print)
            diagnosis = diagnose_run(load_run(place), showers, seed, 10_000, {"model": str(place)})
            write_diagnosis(diagnosis, place / "diagnosis")
            yield row(name, seed, diagnosis)


def row(name: str, seed: int, diagnosis: Diagnosis) -> dict[str, Any]:
    """What the table says of one model."""
    rare = next((mode for mode in diagnosis.modes if mode.label == _MUON), None)
    return {
        "model": name,
        "seed": seed,
        "share": None if rare is None else rare.generated,
        "interval": None if rare is None else rare.interval,
        "alarms": [f.test for f in diagnosis.alarms],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--fraction", type=float, default=0.01)
    parser.add_argument("--muons", type=Path)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", default=";".join(STUDIES), help="names separated by semicolons")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    chosen.output.mkdir(parents=True, exist_ok=True)
    showers = mixed(chosen.fraction, chosen.muons, chosen.output)
    write_showers(chosen.output / "mixture.h5", showers, "par04-siw", {})
    share = float(np.mean(showers.pdg == _MUON))
    print(f"{len(showers)} showers, {100 * share:.2f} % muons\n| model | seed | muons | 95 % interval | alarms |")
    print("| --- | --- | --- | --- | --- |")
    rows = []
    for found in studied(showers, chosen.only.split(";"), chosen.steps, chosen.seeds, chosen.output):
        rows.append(found)
        made = "-" if found["share"] is None else f"{100 * found['share']:.2f} %"
        ends = "-" if found["interval"] is None else " to ".join(f"{100 * end:.2f}" for end in found["interval"])
        print(
            f"| {found['model']} | {found['seed']} | {made} | {ends} | {'; '.join(found['alarms']) or 'none'} |",
            flush=True,
        )
        (chosen.output / "study.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
