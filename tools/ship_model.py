"""Put a trained run into the package, with a model card made from its own files and its validation report.

caloforge train vae-siw-1080 -o runs/vae-siw-1080
caloforge generate runs/vae-siw-1080 --like bundled -o fake.h5
caloforge validate fake.h5 --truth bundled -o report
python tools/ship_model.py runs/vae-siw-1080 report vae-siw-1080      (--extrapolation DIR: what diagnose found there)
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from caloforge.training.run import load_run
from caloforge.units import format_energy

SHIPPED = Path(__file__).parents[1] / "src" / "caloforge" / "shipped"
FILES = ("config.yaml", "weights.safetensors", "preprocessing.safetensors", "provenance.json")

CARD = """# {name}

A {family} of showers in the detector `{detector}`, readout `{readout}`, that comes with caloforge {version}.

```
caloforge generate {name} --energy 50GeV -n 1000 -o showers.h5
```

| | |
| --- | --- |
| particles | PDG {particles} |
| incident energy | {energies}, other energies only with `--extrapolate` |
| direction | {direction} |
| trained on | {training_showers} Geant4 {geant4} showers ({physics}), the training split of {data} |
| training | `caloforge train {name}`: {steps} steps, {minutes:.0f} minutes on one core shared with others |
| likelihood | {likelihood} |
| layer energies | {layer_energies} |
| parameters | {parameters:,} |

## Against Geant4

{truth} showers {origin}, which the model never saw, against {generated} generated ones. The floor is what two
samples of Geant4 showers of these sizes give.

```
{simulated}caloforge generate {name} --like {file} -o fake.h5
caloforge validate fake.h5 --truth {file} -o report
```

| | value | floor |
| --- | --- | --- |
| AUC of a classifier on observables | {auc_high} |
| AUC of a classifier on cells | {auc_low} |
| largest response bias in a bin of energy | {bias:.2%} | |
| resolution ratio furthest from 1 | {ratio:.3f} | |
| largest separation power over its floor: `{worst}` | {separation:.2g} | {floor:.2g} |
{extrapolation}
## Limits

Good for energies and shapes of single showers of these particles in this detector and mesh; nothing is known of others.
Rare tails are learned from as many showers as the table says, so probabilities far below one in that number are
extrapolation. No time, no particles that leave the detector. Weights are under caloforge's licence, Apache-2.0.
"""


OUTSIDE = """
## Outside the training range

```
{commands}
caloforge diagnose {name} {truths} {energies} -o extrapolation
```

| | showers | response bias | resolution ratio | depth shift | AUC on observables |
| --- | --- | --- | --- | --- | --- |
{rows}

In brackets: what Geant4 against Geant4 gives with as many showers.
"""


def outside(found: dict[str, Any], name: str) -> str:
    """The card's part on energies that the model was not trained on, from ``extrapolation.json``."""
    truths = found["provenance"]["truth"]
    return OUTSIDE.format(
        name=name,
        commands="\n".join(_simulated(truth) for truth in truths),
        truths=" ".join(f"--truth {Path(truth['file']).name}" for truth in truths),
        energies=" ".join(f"--extrapolate {format_energy(at['energy'])}" for at in found["energies"]),
        rows="\n".join(map(_row, found["energies"])),
    )


def _row(at: dict[str, Any]) -> str:
    bias, ratio, shift, area = (at[n] for n in ("response_bias", "resolution_ratio", "depth_shift", "auc_high"))
    cells = (
        f"{format_energy(at['energy'])}, {at['place']}",
        str(at["truth_showers"]),
        f"{bias['value']:+.2%} ± {bias['error']:.2%} ({bias['floor']:.2%})",
        f"{ratio['value']:.3f} ± {ratio['error']:.3f} ({ratio['floor']:.3f})",
        f"{shift['value']:+.3f} ± {shift['error']:.3f} ({shift['floor']:.3f}) {shift['unit']}",
        f"{area['value']:.3f} ± {area['error']:.3f} ({area['floor']:.3f})",
    )
    return f"| {' | '.join(cells)} |"


def _simulated(facts: dict[str, Any]) -> str:
    """The command that made a file of showers, with the name that the file has now."""
    return f"{facts['command'].partition(' -o ')[0]} -o {Path(facts['file']).name}"


def card(run_folder: Path, report: dict[str, Any], name: str, extrapolation: dict[str, Any] | None) -> str:
    """The text of the model card."""
    run, config = load_run(run_folder), yaml.safe_load((run_folder / "config.yaml").read_text())
    known, facts, numbers = run.pipeline.condition, run.provenance, report["evidence"]
    separations = [key for key in numbers if key.startswith("separation/") and " @ " not in key]
    worst = max(separations, key=lambda key: _excess(numbers[key]))
    steepest, judged = float(known.theta_range[1]), report["provenance"]["truth"]
    test_split = judged["split"] == "test"
    return CARD.format(
        name=name,
        family=config["model"]["name"].upper(),
        detector=facts["data"]["detector"],
        readout=run.pipeline.binning.name,
        version=facts["caloforge"],
        particles=", ".join(map(str, known.particles.tolist())),
        energies=" to ".join(format_energy(e) for e in known.energy_range.tolist()),
        direction="perpendicular to the face" if steepest == 0 else f"theta up to {steepest:.3g} rad",
        training_showers=facts["training_showers"],
        geant4=facts["data"].get("geant4", "(version unknown)"),
        physics=facts["data"].get("physics_list", "physics list unknown"),
        data=f"`{config['data']}`" + (f", {' to '.join(config['energies'])}" if config.get("energies") else ""),
        origin="of the test split" if test_split else "simulated for this test",
        simulated="" if test_split else f"{_simulated(judged)}\n",
        file=Path(judged["file"]).name if not test_split else config["data"],
        extrapolation=outside(extrapolation, name) if extrapolation else "",
        steps=config["training"]["steps"],
        minutes=facts["seconds"] / 60,
        likelihood="a lower bound (`caloforge score`)" if run.model.explicit else "none: the density is implicit",
        layer_energies=_layer_energies(config["model"]),
        parameters=sum(p.numel() for p in run.model.parameters()),
        truth=report["samples"]["truth"],
        generated=report["samples"]["generated"],
        auc_high=_auc(numbers["auc/high"]),
        auc_low=_auc(numbers["auc/low"]),
        bias=numbers["response_bias"]["value"],
        ratio=max((b["ratio"] for b in report["response"]), key=lambda ratio: abs(ratio - 1)),
        worst=worst.removeprefix("separation/"),
        separation=numbers[worst]["value"],
        floor=numbers[worst]["floor"],
    )


def _layer_energies(model: dict[str, Any]) -> str:
    if model.get("energies", "flow") == "flow":
        return "from a spline flow, trained by its likelihood"
    return "from a generator, trained by the critic"


def _excess(entry: dict[str, Any]) -> float:
    return entry["value"] / entry["floor"]


def _auc(entry: dict[str, Any]) -> str:
    return f"{entry['value']:.3f} ± {entry['error']:.3f} | {entry['floor']:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("report", type=Path)
    parser.add_argument("name")
    parser.add_argument("--extrapolation", type=Path, help="folder of `caloforge diagnose --extrapolate`")
    options = parser.parse_args()
    folder = SHIPPED / options.name
    folder.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        shutil.copyfile(options.run / file, folder / file)
    report = json.loads((options.report / "report.json").read_text())
    found = options.extrapolation and json.loads((options.extrapolation / "extrapolation.json").read_text())
    (folder / "README.md").write_text(card(options.run, report, options.name, found))
    print(folder)


if __name__ == "__main__":
    main()
