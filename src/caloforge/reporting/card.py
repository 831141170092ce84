"""A model card: what a trained model is for, what it learned from, how well it does, and how to cite it."""

__all__ = ["model_card", "processor"]

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from caloforge.data.provenance import Provenance
from caloforge.deployment.timing import processor_name
from caloforge.errors import BadFile
from caloforge.training.run import Run
from caloforge.units import format_energy

_HEADLINES = {
    "auc/high": "AUC of a classifier on observables",
    "auc/low": "AUC of a classifier on cells",
    "response_bias": "largest response bias in a bin of energy",
    "resolution_ratio": "resolution ratio, largest distance from 1",
    "fpd": "Fréchet physics distance",
}
_OUTSIDE = ("response_bias", "resolution_ratio", "depth_shift", "auc_high")


def model_card(
    name: str,
    run: Run,
    config: Mapping[str, Any],
    digest: str,
    report: Mapping[str, Any] | None = None,
    extrapolation: Mapping[str, Any] | None = None,
    times: Mapping[str, Mapping[int, float]] | None = None,
    licence: str | None = None,
) -> str:
    """Markdown text of the card.

    Args:
        name: that commands know the model by: a shipped name or the run folder.
        run: the trained model, its preprocessing and its history.
        config: contents of the run's ``config.yaml``.
        digest: SHA-256 of the weights, which says which model it is.
        report: contents of a ``report.json`` of one generated file against Geant4; without it the card says so.
        extrapolation: contents of an ``extrapolation.json``; without it the card has no such part.
        times: name of what computed it -> showers of a batch -> ms a shower; without it the card has no such part.
        licence: of the weights, such as an SPDX identifier.

    Raises:
        BadFile: the report or the extrapolation is not what it should be.
    """
    parts = [
        _head(name, run, config),
        _judged(name, report),
        _outside(name, extrapolation),
        _timed(times),
        _limits(run),
    ]
    return "\n\n".join([*filter(None, parts), _cite(name, run, digest, licence)]) + "\n"


def _table(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _head(name: str, run: Run, config: Mapping[str, Any]) -> str:
    """What it is, its range, and what it learned from."""
    trained, training = run.pipeline.condition, run.provenance
    data = training.data or Provenance()
    steepest = float(trained.theta_range[1])
    energies = " to ".join(format_energy(e) for e in trained.energy_range.tolist())
    source = f"`{config['data']}`" + (f", {' to '.join(config['energies'])}" if config.get("energies") else "")
    version = data.geant4 or "(version unknown)"
    showers = f"{training.training_showers or 'unknown number of'} showers of Geant4 {version}"
    direction = "perpendicular to the face" if steepest == 0 else f"theta, to the normal, up to {steepest:.3g} rad"
    rows = [
        ("particles", f"PDG {', '.join(map(str, trained.particles.tolist()))}"),
        ("incident energy", f"{energies}; other energies only with `--extrapolate`"),
        ("direction", direction),
        ("trained on", f"{showers}, the training split of {source}"),
        ("physics list", data.physics_list or "unknown"),
        ("data tables", data.data_tables or "unknown"),
        ("training", f"{config['training']['steps']} steps, {(training.seconds or 0) / 60:.0f} minutes"),
        ("likelihood", "a lower bound (`caloforge score`)" if run.model.explicit else "none: the density is implicit"),
        ("parameters", f"{sum(p.numel() for p in run.model.parameters()):,}"),
    ]
    family, mesh = config["model"]["name"].upper(), run.pipeline.binning.name
    return "\n\n".join(
        [
            f"# {Path(name).name}",
            f"A {family} of showers in the detector `{data.detector or 'unknown'}`, readout `{mesh}`, trained "
            f"with caloforge {training.caloforge or '(version unknown)'}.",
            f"```\ncaloforge generate {name} --energy {format_energy(float(trained.energy_range.prod() ** 0.5))} "
            "-n 1000 -o showers.h5\n```",
            _table(rows, ("", "")),
        ]
    )


def _judged(name: str, report: Mapping[str, Any] | None) -> str:
    if report is None:
        return "## Against Geant4\n\nNot measured: no report of `caloforge validate` was given."
    try:
        evidence, truth, sizes = report["evidence"], report["provenance"]["truth"], report["samples"]
        file = Path(str(truth["file"])).name
        origin = "of the test split, which the model never saw," if truth.get("split") == "test" else "of Geant4"
        commands = [
            *([] if truth.get("split") == "test" else _simulated(truth)),
            f"caloforge generate {name} --like {file} -o fake.h5",
            f"caloforge validate fake.h5 --truth {file} -o report",
        ]
        return "\n\n".join(
            [
                "## Against Geant4",
                f"{sizes['truth']} showers {origin} against {sizes['generated']} generated ones. The floor is what two "
                "samples of Geant4 showers of these sizes give.",
                "```\n" + "\n".join(commands) + "\n```",
                _table(list(_metrics(evidence)), ("", "value", "floor")),
                f"Checklist {report['checklist']['name']}: {report['headline']}",
            ]
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise BadFile(
            "report", f"not a report on one generated file ({error})", "give the report.json of caloforge validate"
        ) from error


def _metrics(evidence: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Headlines, then the observable whose separation power is furthest above its floor."""
    for key, title in _HEADLINES.items():
        if key in evidence:
            yield title, _number(evidence[key]["value"], evidence[key]["error"]), _number(evidence[key]["floor"])
    powers = {
        key: item
        for key, item in evidence.items()
        if key.startswith("separation/") and "@" not in key and item["value"] is not None and item["floor"]
    }
    if powers:
        worst = max(powers, key=lambda key: float(powers[key]["value"] / powers[key]["floor"]))
        title = f"largest separation power over its floor: `{worst.removeprefix('separation/')}`"
        yield title, _number(powers[worst]["value"], powers[worst]["error"]), _number(powers[worst]["floor"])


def _number(value: float | None, error: float | None = None) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if error is None else f"{value:.3g} ± {error:.2g}"


def _outside(name: str, extrapolation: Mapping[str, Any] | None) -> str:
    """The part on energies that were asked for one by one."""
    if extrapolation is None:
        return ""
    try:
        truths, energies = extrapolation["provenance"]["truth"], extrapolation["energies"]
        files = " ".join(f"--truth {Path(truth['file']).name}" for truth in truths)
        asked = " ".join(f"--energy {format_energy(at['energy'])}" for at in energies)
        commands = [line for truth in truths for line in _simulated(truth)]
        commands.append(f"caloforge extrapolation {name} {files} {asked} -o extrapolation")
        rows = [
            (
                f"{format_energy(at['energy'])}, {at['place']}",
                str(at["truth_showers"]),
                *(f"{_number(m['value'], m['error'])} ({_number(m['floor'])})" if m else "-" for m in _of(at)),
            )
            for at in energies
        ]
        head = ("", "showers", "response bias", "resolution ratio", "depth shift", "AUC on observables")
        note = "In brackets: what Geant4 against Geant4 gives with as many showers."
        return "\n\n".join(
            ["## Beside the training range", "```\n" + "\n".join(commands) + "\n```", _table(rows, head), note]
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise BadFile(
            "extrapolation",
            f"not a study of energies ({error})",
            "give the extrapolation.json of caloforge extrapolation",
        ) from error


def _timed(times: Mapping[str, Mapping[int, float]] | None) -> str:
    """What a shower costs, where it was measured."""
    if not times:
        return ""
    batches = next(iter(times.values()))
    rows = [(str(batch), *(f"{table[batch]:.3g}" for table in times.values())) for batch in batches]
    note = f"ms a shower on {processor()}, one model at a time, noise already drawn; medians (`caloforge card --time`)."
    return "\n\n".join(["## Time", note, _table(rows, ("showers in a batch", *times))])


def processor() -> str:
    """The machine in words: its processor and how many cores there are."""
    return f"{processor_name()}, {os.cpu_count()} cores"


def _of(at: Mapping[str, Any]) -> list[Mapping[str, float] | None]:
    return [at.get(name) for name in _OUTSIDE]


def _simulated(facts: Mapping[str, Any]) -> list[str]:
    """The command that made a file of showers, where it says so, with the name that the file has now."""
    command = str(facts.get("command") or "")
    return [f"{command.partition(' -o ')[0]} -o {Path(str(facts['file'])).name}"] if command else []


def _limits(run: Run) -> str:
    showers = run.provenance.training_showers or "finitely many"
    return (
        "## Limits\n\nFor energies and shapes of single showers of these particles in this detector and mesh; nothing "
        f"is known of others. Tails are learned from {showers} showers: probabilities far below one in that number are "
        "extrapolation. No time, no particles that leave the detector."
    )


def _cite(name: str, run: Run, digest: str, licence: str | None) -> str:
    version = run.provenance.caloforge or "(version unknown)"
    own = "the licence of whoever publishes them, those that come with caloforge under Apache-2.0"
    return (
        "## Licence and citation\n\nTrained with caloforge, Apache-2.0; weights are under "
        f"{licence or own}. Cite caloforge as `caloforge cite {name}` says, "
        f"with its version ({version}), the name of the model ({Path(name).name}) and the SHA-256 of its weights:\n\n"
        f"```\n{digest}\n```"
    )
