"""AUC against evaluations of the network and against the time of a shower, for flow matching and models beside it.

    python tools/studies/steps_figure.py runs/fm --onestep runs/fm-onestep --with vae-siw-1080 wgan-siw-1080 -o steps

Showers at the particles of the test split of the truth; the standard classifiers (trees on observables, network on
cells). Prints a table, and writes OUTPUT.png, OUTPUT.pdf and OUTPUT.json. Times are CPU time of one thread.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

from caloforge.api.dataset import open_dataset
from caloforge.api.model import Model, load_model
from caloforge.classifiers.features import Table
from caloforge.classifiers.protocol import STANDARD, measure
from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.data.splits import take_split
from caloforge.errors import BadValue
from caloforge.generation.sampler import sample_showers
from caloforge.nn.solvers import TABLEAUS
from caloforge.physics.observables import tabulate
from caloforge.reporting import style

Row = dict[str, Any]
EVALUATIONS = (1, 2, 4, 8, 16, 32)


def ways(model: Model, name: str, wanted: list[int]) -> list[tuple[str, int, Model]]:
    """Each solver at each number of evaluations that it can have."""
    answer = []
    for solver in ("euler", "midpoint"):
        for evaluations in wanted:
            if evaluations % TABLEAUS[solver].evaluations == 0:
                try:
                    changed = model.integrated(solver, evaluations // TABLEAUS[solver].evaluations)
                except BadValue:  # a model in one step has no solver but its own
                    continue
                answer.append((f"{name}, {solver}", evaluations, changed))
    return answer


def row(name: str, evaluations: int | None, model: Model, truth: Showers, table: Table, seed: int) -> Row:
    """AUC of both classifiers and the time of a shower."""
    start = time.process_time()
    made = sample_showers(model.ensemble.members[0].model, model.ensemble.pipeline, Incident.of(truth), seed)
    milliseconds = 1e3 * (time.process_time() - start) / len(truth)
    generated = (made, tabulate(made))
    answer: Row = {"model": name, "evaluations": evaluations, "ms": milliseconds}
    for given in STANDARD.inputs_for(truth.binning):
        auc = measure(STANDARD, given, (truth, table), generated, seed)[0].auc
        answer |= {given: auc.value, f"{given}_error": auc.error, f"{given}_floor": auc.floor}
    names = list(STANDARD.inputs_for(truth.binning))
    best = max(names, key=lambda name: float(answer[name]))
    return answer | {"auc": answer[best], "auc_error": answer[f"{best}_error"]}


def draw(rows: list[Row], output: Path) -> None:
    """AUC, the larger of both classifiers, against evaluations and against time."""
    curves = list(dict.fromkeys(row["model"] for row in rows))
    with style.figure(7.2, 3.0) as fig:
        axes = fig.subplots(1, 2, sharey=True)
        for position, name in enumerate(curves):
            mine = [row for row in rows if row["model"] == name]
            look = style.look(position)
            for ax, key in zip(axes, ("evaluations", "ms"), strict=True):
                points = [(row[key], row["auc"], row["auc_error"]) for row in mine if row[key] is not None]
                if points:
                    line = {"marker": look.marker, "ls": look.line, "color": look.colour, "ms": 4, "elinewidth": 0.8}
                    ax.errorbar(*zip(*points, strict=True), **line, label=style.plain_label(name))
                elif key == "evaluations":
                    ax.axhline(mine[0]["auc"], color=look.colour, ls=look.line, lw=0.8)
        for ax, label in zip(axes, ("Evaluations of the network", "ms a shower, one thread"), strict=True):
            ax.set_xscale("log", base=2 if ax is axes[0] else 10)
            ax.margins(x=0.06)
            ax.set_xlabel(label)
            ax.xaxis.set_minor_formatter("")
            ax.xaxis.set_major_formatter(style.power_label)
        axes[0].set_ylim(0.49, 1.0)
        axes[0].set_ylabel("AUC, larger of both")
        axes[1].legend(fontsize=7)
        output.with_suffix(".png").write_bytes(style.png(fig))
        output.with_suffix(".pdf").write_bytes(style.pdf(fig))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="run of flow matching")
    parser.add_argument("--onestep", help="run with a teacher")
    parser.add_argument("--with", dest="beside", nargs="*", default=[], help="runs or names of other models")
    parser.add_argument("--evaluations", type=int, nargs="+", default=EVALUATIONS, help="1 2 4 8 16 32 if not given")
    parser.add_argument("--truth", default="bundled")
    parser.add_argument("-n", type=int, default=None, help="showers of the test split; all of them if not given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with open_dataset(args.truth) as dataset:
        truth = take_split(dataset.read(), "test")[: args.n]
    table = tabulate(truth)
    asked: list[tuple[str, int | None, Model]] = [(Path(name).name, None, load_model(name)) for name in args.beside]
    if args.onestep:
        asked += ways(load_model(args.onestep), "one step", args.evaluations)
    asked += ways(load_model(args.run), "flow matching", args.evaluations)
    print("| model | evaluations | ms a shower | AUC high | AUC low | floor |\n|---|---|---|---|---|---|", flush=True)
    rows = []
    for name, evaluations, model in asked:
        rows.append(row(name, evaluations, model, truth, table, args.seed))
        last = rows[-1]
        print(
            f"| {name} | {evaluations or '-'} | {last['ms']:.3f} | {last['high']:.3f} +- {last['high_error']:.3f} | "
            f"{last['low']:.3f} +- {last['low_error']:.3f} | {last['high_floor']:.3f}, {last['low_floor']:.3f} |",
            flush=True,
        )
    args.output.with_suffix(".json").write_text(json.dumps(rows, indent=1))
    draw(rows, args.output)


if __name__ == "__main__":
    main()
