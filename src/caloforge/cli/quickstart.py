"""`caloforge quickstart`: the whole story on real Geant4 showers, in minutes, with every number measured in the run."""

__all__ = ["quickstart"]

import json
import os
import sys
import time
import webbrowser
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.options import OverwriteOption
from caloforge.cli.progress import track
from caloforge.data.bundled import BUNDLED, showers_path
from caloforge.files import require_new, require_writable
from caloforge.units import GeV


def quickstart(
    output: Annotated[Path, typer.Option("-o", "--output", help="folder for the report and the trained model")] = Path(
        "quickstart"
    ),
    seed: Annotated[int, typer.Option(min=0, help="same seed, same showers and the same report, but for times")] = 1,
    live_showers: Annotated[int, typer.Option(min=2, help="showers to simulate with Geant4")] = 60,
    n: Annotated[int, typer.Option("-n", min=1, help="showers to generate")] = 20_000,
    override: Annotated[list[str] | None, typer.Option("--set", help="as in train: training.steps=8000, say")] = None,
    show: Annotated[bool, typer.Option("--open/--no-open", help="open the report where there is a screen")] = True,
    overwrite: OverwriteOption = False,
    json_only: Annotated[bool, typer.Option("--json", help="print only the JSON of the report")] = False,
) -> None:
    """Simulate, train, generate and validate on real Geant4 showers; the report is OUTPUT/report.html."""
    import numpy as np

    from caloforge.cli.quickstart_steps import (
        conclude,
        cost_since,
        generate_all,
        simulate_live,
        story_section,
        train_or_resume,
        validated,
    )
    from caloforge.config import load_config
    from caloforge.data.splits import take_split
    from caloforge.data.store import ShowerFile

    start = time.monotonic()
    say = _say_nothing if json_only else print
    require_new(output / "report.json", overwrite)
    require_writable(output)
    with ShowerFile(showers_path(BUNDLED)) as file:
        sample, origin = file.read(), file.origin(BUNDLED)
    say(f"1/5  the sample: {len(sample)} electrons, Geant4 {origin['geant4']}, readout {sample.binning.name}")
    live = simulate_live(sample, origin, live_showers, seed)
    say(f"2/5  Geant4 just now: {live.showers} showers in {live.seconds:.0f} s, mean response {live.response:.4f}")
    with as_file(files("caloforge.cli") / "quickstart.yaml") as path:
        config = load_config(path, [f"seed={seed}", *(override or [])])
    sample = config.chosen(sample)
    run = train_or_resume(sample, config, origin, output / "run")
    say(f"3/5  trained on {run.provenance.training_showers} showers in {run.provenance.seconds or 0:.0f} s")
    test = take_split(sample, "test")
    del sample
    energies, generated = np.resize(test.incident_energy, n), output / "generated.h5"
    ms_per_shower = generate_all(run, energies, generated, origin["detector"], seed)
    say(f"4/5  generated {n} showers, {ms_per_shower:.3f} ms each")
    report = validated(test, generated, origin, seed)
    report = report.with_speed(live.ms_per_gev * float(energies.mean()) / GeV, ms_per_shower)
    cost = cost_since(start, live)
    report = report.with_sections(
        before=[story_section(origin, live, run, output / "run", cost)], title="caloforge quickstart"
    )
    with track("drawing", 1.0) as progress:
        page = report.write(output, pdf=False, progress=progress, overwrite=overwrite)
    say("5/5  validated against showers that the model never saw\n")
    if json_only:
        print(json.dumps(report.to_dict()))
    else:
        conclude(report, page, cost)
    if show and not json_only and sys.stdout.isatty() and _has_screen():
        webbrowser.open(page.resolve().as_uri())


def _say_nothing(*_: object) -> None:
    """In place of print where only JSON is wanted."""


def _has_screen() -> bool:
    return sys.platform in ("darwin", "win32") or bool({"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ))
