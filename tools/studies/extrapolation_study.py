"""Do physics losses and built-in scaling make a model hold outside its training range? Trained and judged on Geant4.

Electrons of 10-100 GeV of the bundled sample; judged at 5 and 150 GeV and, in range, on held-out showers. Every model
is trained with several seeds; finished ones are read, so the command can be stopped and called again, or called twice
at once with different --only. Prints the table in Markdown and draws OUTPUT/extrapolation.png and .pdf.

Run: python tools/studies/extrapolation_study.py -o study
(--truth 5GeV=e5.h5 150GeV=e150.h5 --only vae/film wgan --seeds 1 2)
"""

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from extrapolation_tables import Results, laws_alone, shape_table, table, values
from matplotlib.figure import Figure

from caloforge.config import RunConfig, load_config
from caloforge.data.bundled import BUNDLED, showers_path
from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.data.splits import take_split
from caloforge.data.store import ShowerFile
from caloforge.diagnosis.extrapolation.deviation import GOALS, Deviation, deviations
from caloforge.diagnosis.extrapolation.pictures import Line, Point, against_energy
from caloforge.diagnosis.extrapolation.study import extrapolate
from caloforge.generation.sampler import sample_showers
from caloforge.geometry.detector import detector
from caloforge.geometry.readouts import readout
from caloforge.reporting.style import pdf, png
from caloforge.simulation.beam import Beam, parse_spectrum
from caloforge.simulation.production.request import Request, produce
from caloforge.training.run import Run, load_run
from caloforge.training.train import train_run
from caloforge.units import GeV, parse_energy

DETECTOR = detector("par04-siw")
TRAINED = ("10GeV", "100GeV")
OUTSIDE = {"5GeV": 505, "150GeV": 707}  # seeds of their simulation
IN_RANGE = {"10-20GeV": (10 * GeV, 20 * GeV), "20-50GeV": (20 * GeV, 50 * GeV), "50-100GeV": (50 * GeV, 101 * GeV)}
LAWS = [
    *(f"training.penalties.laws.{law}=null" for law in ("linear_response", "resolution", "depth")),
    "training.penalties.energies=[4GeV, 200GeV]",
]
ARMS = {
    "none": ["model.energy_features=absolute", "model.tails=free"],
    "penalties": ["model.energy_features=absolute", "model.tails=free", *LAWS],
    "fractions": ["model.energy_features=fractions", "model.tails=free"],
    "biases": ["model.energy_features=fractions", "model.tails=linear"],
    "physics": ["model.energy_features=fractions", "model.tails=linear", *LAWS],
}
FAMILIES = {
    "vae": ["vae-siw-1080", "model.width=64", "training.steps=800", "training.batch=128"],
    "wgan": [
        "wgan-siw-1080", "model.energies=adversarial", "model.width=64", "model.critic_width=64",
        "training.steps=500", "training.batch=64",
    ],
}  # fmt: skip
PLAN = [
    *(("vae", "film", arm) for arm in ARMS),
    *((family, conditioning, arm)
      for family, conditioning in (("vae", "concat"), ("wgan", "film"), ("wgan", "concat"))
      for arm in ("none", "physics")),
]  # fmt: skip
_COPIES = 4


def truth_at(label: str, path: Path, n: int = 1000) -> Showers:
    """Showers of Geant4 at one energy, simulated if the file is not there."""
    if not path.exists():
        beam = Beam(11, parse_spectrum(label))
        produce(Request(DETECTOR, beam, readout("siw-1080"), n, seed=OUTSIDE[label]), path, workers=2)
    with ShowerFile(path) as file:
        return file.read()


def truths(given: Mapping[str, Path], held_out: Path | None, folder: Path) -> dict[str, Showers]:
    """What models are judged on, by label; none of it was trained on."""
    found = {label: truth_at(label, given.get(label, folder / f"e{label}.h5")) for label in OUTSIDE}
    with ShowerFile(held_out or showers_path(BUNDLED)) as file:
        rest = file.read() if held_out else take_split(file.read(), "test")
    for label, (low, high) in IN_RANGE.items():
        found[label] = rest[(rest.incident_energy >= low) & (rest.incident_energy < high)]
    return dict(sorted(found.items(), key=lambda item: float(item[1].incident_energy.mean())))


def options(family: str, conditioning: str, arm: str, seed: int) -> RunConfig:
    """The configuration of one training."""
    name, *size = FAMILIES[family]
    energies = f"energies=[{', '.join(TRAINED)}]"
    more = [energies, f"model.conditioning={conditioning}", *ARMS[arm], f"seed={seed}"]
    return load_config(name, [*size, *more])


def trained(config: RunConfig, place: Path) -> Run:
    """The run in this folder; trained, or finished, where it is not complete."""
    if not (place / "weights.safetensors").is_file():
        with ShowerFile(showers_path(str(config.data))) as file:
            showers, facts = config.chosen(file.read()), {"file": config.data, **file.provenance.facts}
        resume = (place / "state.pt").is_file()
        start = time.process_time()
        text = config.to_yaml()
        train_run(showers, config.model, config.training, config.seed, place, text, facts, resume, warn=print)
        (place / "cost.json").write_text(json.dumps({"cpu_seconds": time.process_time() - start}))
    return load_run(place)


def measured(run: Run, judged: Mapping[str, Showers], place: Path, seed: int) -> dict[str, Any]:
    """Deviations of one model at every label and its AUC outside; read where they are known."""
    path = place / "measured.json"
    if not path.is_file():
        found: dict[str, Any] = {label: _measure(run, truth, label, seed) for label, truth in judged.items()}
        path.write_text(json.dumps(found, indent=1))
    answer: dict[str, Any] = json.loads(path.read_text())
    return answer


def _measure(run: Run, truth: Showers, label: str, seed: int) -> dict[str, Any]:
    if label in OUTSIDE:
        at = extrapolate(run, {parse_energy(label): truth}, seed, DETECTOR.radiation_length).energies[0]
        shapes = {"auc": at.auc.to_dict() if at.auc else None, "separation": at.to_dict()["separation"]}
        return {name: asdict(d) for name, d in at.deviations.items()} | shapes
    generated = sample_showers(run.model, run.pipeline, Incident.of(truth).repeated(_COPIES * len(truth)), seed)
    return {name: asdict(d) for name, d in deviations(truth, generated, seed, DETECTOR.radiation_length).items()}


def collected(folder: Path) -> Results:
    """All finished models in the order of the plan."""
    found = {}
    for key in PLAN:
        entries = [json.loads(path.read_text()) for path in sorted(folder.glob(f"{'-'.join(key)}-*/measured.json"))]
        if entries:
            found[key] = entries
    return found


def drawn(results: Results, energies: Mapping[str, float]) -> Figure:
    """One row of panels for each family and conditioning, one line for each arm; bars: spread over the seeds."""
    rows: dict[str, dict[str, Line]] = {}
    for (family, conditioning, arm), entries in results.items():
        line = {name: [_point(entries, label, name, e) for label, e in energies.items()] for name in GOALS}
        rows.setdefault(f"{family.upper()}, {conditioning}", {})[arm] = line
    first = next(iter(results.values()))[0]
    floors = {name: [(energy, Deviation(**first[label][name])) for label, energy in energies.items()] for name in GOALS}
    ends = (parse_energy(TRAINED[0]), parse_energy(TRAINED[1]))
    return against_energy(rows, floors, ends, names=tuple(ARMS))


def _training() -> Showers:
    with ShowerFile(showers_path(BUNDLED)) as file:
        return take_split(options(*PLAN[0], seed=1).chosen(file.read()), "train")


def _point(entries: list[dict[str, Any]], label: str, name: str, energy: float) -> Point:
    found = values(entries, label, name)
    return Point(energy, float(found.mean()), float(found.std(ddof=1)) if len(found) > 1 else 0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--truth", nargs="*", default=[], help="5GeV=FILE 150GeV=FILE, instead of simulating them")
    parser.add_argument("--held-out", type=Path, help="in-range showers; else the test split of the bundled sample")
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--only", nargs="*", default=[""], help="family/conditioning/arm, or its beginning: vae/film")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    chosen.output.mkdir(parents=True, exist_ok=True)
    given = {label: Path(path) for label, _, path in (text.partition("=") for text in chosen.truth)}
    judged = truths(given, chosen.held_out, chosen.output)
    for seed in chosen.seeds:
        for key in PLAN:
            if f"{'/'.join(key)}/".startswith(tuple(chosen.only)):
                place = chosen.output / f"{'-'.join(key)}-{seed}"
                run = trained(options(*key, seed), place)
                found = measured(run, judged, place, seed)
                print(
                    place.name,
                    {label: round(found[label]["response_bias"]["value"], 4) for label in judged},
                    flush=True,
                )
    results = collected(chosen.output)
    outside = list(OUTSIDE)
    print("", table(results, outside), table(results, IN_RANGE), shape_table(results, outside), sep="\n\n")
    alone = laws_alone(_training(), {label: judged[label] for label in outside}, DETECTOR.radiation_length)
    print(f"\n{alone}\n")
    energies = {label: float(np.exp(np.log(s.incident_energy.astype(float)).mean())) for label, s in judged.items()}
    figure = drawn(results, energies)
    (chosen.output / "extrapolation.png").write_bytes(png(figure))
    (chosen.output / "extrapolation.pdf").write_bytes(pdf(figure))
    print(chosen.output / "extrapolation.png")


if __name__ == "__main__":
    main()
