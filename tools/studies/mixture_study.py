"""Real Geant4 showers with a rare mode, its label hidden from training: how much of it each model and remedy recovers.

Electrons of the bundled sample with muons, simulated unless a file of them is given, at a chosen fraction; each model
of the list is trained on the mixture without being told the particle, and diagnosed. Called again, it goes on where it
was stopped.

Run: python tools/studies/mixture_study.py -o mixture       (--muons mu.h5 --only "gan;wgan" --set training.steps=1500)
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from caloforge.config import load_config
from caloforge.data.bundled import BUNDLED, showers_path
from caloforge.data.showers import Showers
from caloforge.data.store import ShowerFile
from caloforge.diagnosis.collapse.diagnose import Diagnosis, diagnose_run
from caloforge.diagnosis.collapse.page import write_diagnosis
from caloforge.geometry.detector import detector
from caloforge.geometry.readouts import readout
from caloforge.rng import stream
from caloforge.simulation.beam import Beam, parse_spectrum
from caloforge.simulation.production.request import Request, produce
from caloforge.training.run import load_run
from caloforge.training.train import can_resume, train_run

_MUON = 13
_GENERATED = 10_000
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


def studied(showers: Showers, name: str, seed: int, small: list[str], place: Path) -> dict[str, Any]:
    """Train and diagnose one model; what an earlier call finished is read, a training that was stopped goes on."""
    if (place / "row.json").is_file():
        row: dict[str, Any] = json.loads((place / "row.json").read_text())
        return row
    base, *options = STUDIES[name]
    config = load_config(base, [*options, "model.hide_particle=true", *small])
    if not (place / "weights.safetensors").is_file():
        text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
        facts = {"file": "mixture", "seed": seed}
        again = can_resume(place, text)
        train_run(showers, config.model, config.training, seed, place, text, facts, again, warn=print)
    run = load_run(place)
    diagnosis = diagnose_run(run, showers, seed, _GENERATED, {"model": str(place)})
    write_diagnosis(diagnosis, place / "diagnosis")
    row = {"model": name, "seed": seed, "steps": config.training.steps, **found(diagnosis)}
    (place / "row.json").write_text(json.dumps(row, indent=1))
    return row


def found(diagnosis: Diagnosis) -> dict[str, Any]:
    """What the table says of one model."""
    rare = next(mode for mode in diagnosis.modes if mode.label == _MUON)
    return {
        "share": rare.generated,
        "interval": rare.interval,
        "efficiency": rare.efficiency,
        "finding": next(str(f.status) for f in diagnosis.findings if f.test.endswith(f"mode {rare.name}")),
        "other_alarms": sorted({f.test for f in diagnosis.alarms if "mode" not in f.test}),
    }


def line(row: dict[str, Any]) -> str:
    low, high = (100 * end for end in row["interval"])
    others = len(row["other_alarms"])
    return (
        f"| {row['model']} | {row['seed']} | {row['steps']} | {100 * row['share']:.2f} % | "
        f"{low:.2f} to {high:.2f} % | {row['finding']} | {others or 'none'} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--fraction", type=float, default=0.01)
    parser.add_argument("--muons", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", default=";".join(STUDIES), help="names separated by semicolons")
    parser.add_argument("--set", nargs="*", default=[], help="options of all trainings, as training.steps=1500")
    parser.add_argument("--finished", action="store_true", help="print what is finished and train nothing")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    chosen.output.mkdir(parents=True, exist_ok=True)
    showers = mixed(chosen.fraction, chosen.muons, chosen.output)
    share = float(np.mean(showers.pdg == _MUON))
    print(f"{len(showers)} showers, {100 * share:.2f} % muons; {_GENERATED} generated by each model\n")
    print("| model | seed | steps | muons | 95 % interval | finding | other alarms |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for seed in range(1, chosen.seeds + 1):
        for name in chosen.only.split(";"):
            place = chosen.output / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}"
            if (place / "row.json").is_file() or not chosen.finished:
                print(line(studied(showers, name, seed, chosen.set, place)), flush=True)


if __name__ == "__main__":
    main()
